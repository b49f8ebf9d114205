/**
 * Tells somebody else when the technician comes, by the share sheet of the phone or by the clipboard. Words alone: a link
 * that shows where the technician is belongs to the one who got it.
 */

import { _ } from "../words.js";
import { element, icon } from "./element.js";

/** `text()` gives the words; `onCopied()` tells that they are in the clipboard, where there is no share sheet. */
export function shareButton({ text, onCopied }) {
  if (!navigator.share && !navigator.clipboard) return null;
  const share = async () => {
    try {
      if (navigator.share) await navigator.share({ text: text() });
      else {
        await navigator.clipboard.writeText(text());
        onCopied();
      }
    } catch (error) {
      // Closing the sheet without choosing anybody is no failure.
      if (error.name !== "AbortError") console.warn("Nothing was shared.", error.message);
    }
  };
  return element("button", { class: "button", type: "button", onclick: share }, icon("share"), _("Share"));
}
