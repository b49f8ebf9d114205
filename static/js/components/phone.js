/** Numbers to call. */

import { _ } from "../words.js";
import { byId, element, icon } from "./element.js";

/** Where a link to this number leads; people write numbers with spaces, brackets and dashes. */
export const phoneAddress = (phone) => `tel:${phone.replace(/[^+\d]/g, "")}`;

/** The number of whoever helps where the pages cannot, or "". */
const ourPhone = () => byId("content").dataset.phone ?? "";

export const phoneLink = (phone) => element("a", { href: phoneAddress(phone), dir: "ltr" }, phone);

/** "Please call us: +351 …", the number to be pressed; without a number a sentence. `words` have no full stop yet. */
export function callUs(words, phone = ourPhone()) {
  return phone ? element("span", {}, `${words}: `, phoneLink(phone)) : element("span", {}, `${words}.`);
}

/** A button that calls somebody by their name, or null without a number. */
export function callButton({ phone, name }) {
  if (!phone) return null;
  return element("a", { class: "button", href: phoneAddress(phone), "aria-label": _("Call {name}", { name }) }, icon("phone"), _("Call"));
}
