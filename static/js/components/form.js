/** Forms of one question and one button: checks by the browser, sends by us. */

import { byId } from "./element.js";
import { showNotice, withButton } from "./notice.js";

/** `send(values)` gets the trimmed fields; what it throws is shown above the form. */
export function onSend(formId, send) {
  const form = byId(formId);
  const place = form.querySelector(".problem");
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (!form.checkValidity()) {
      form.reportValidity();
      return;
    }
    const values = Object.fromEntries(
      [...new FormData(form)].map(([name, value]) => [name, name === "password" ? value : value.trim()]),
    );
    await withButton(form.querySelector("button[type=submit]"), place, () => send(values, form));
  });
  return { form, tell: (text, kind) => showNotice(place, text, kind) };
}

/** A path of our own to go to, or `fallback` when somebody put another site into the address. */
export function ownPath(wanted, fallback = "/") {
  if (!wanted || !wanted.startsWith("/")) return fallback;
  const url = new URL(wanted, location.origin);
  return url.origin === location.origin ? url.pathname + url.search : fallback;
}
