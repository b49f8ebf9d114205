/** A text that is shown once, and a button that copies it. */

import { byId, say } from "./element.js";
import { _ } from "../words.js";

/** The button `buttonId` copies what stands in the field `fieldId`; where that is not allowed, it is selected for the person. */
export function copies(buttonId, fieldId) {
  byId(buttonId).addEventListener("click", async () => {
    const field = byId(fieldId);
    field.select();
    try {
      await navigator.clipboard.writeText(field.value);
      say(byId(buttonId), _("Copied"));
    } catch {
      field.focus();
    }
  });
}

/** Shows another text to be copied. */
export function offerToCopy(boxId, buttonId, fieldId, text) {
  byId(boxId).hidden = false;
  byId(fieldId).value = text;
  say(byId(buttonId), _("Copy"));
}
