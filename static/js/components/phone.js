/** Numbers to call. */

import { _ } from "../words.js";
import { element, icon } from "./element.js";

/** Where a link to this number leads; people write numbers with spaces, brackets and dashes. */
export const phoneAddress = (phone) => `tel:${phone.replace(/[^+\d]/g, "")}`;

/** A button that calls somebody by their name, or null without a number. */
export function callButton({ phone, name }) {
  if (!phone) return null;
  return element("a", { class: "button", href: phoneAddress(phone), "aria-label": _("Call {name}", { name }) }, icon("phone"), _("Call"));
}
