/** The dialog that asks why, and cancels. Resolves to the canceled appointment, or to null when it is not canceled (yet). */

import { appointmentPath, get, post } from "../api.js";
import { byId } from "./element.js";
import { showNotice, withButton } from "./notice.js";
import { cancelWarning, visitWords } from "./visit_words.js";
import { _ } from "../words.js";

/** Somebody changed the visit while the dialog was open: says what it is now, and goes on from there. */
async function lookAgain(appointment) {
  const now = await get(appointmentPath(appointment.id));
  showNotice(byId("cancel-warning"), cancelWarning(now), "warning");
  const words = visitWords(now);
  const text = _("The visit was changed meanwhile: {day}, {window}, {status}.", { day: words.day, window: words.window, status: words.status.text });
  return { now, text: now.allowed.cancel ? `${text} ${_("Press again to cancel it.")}` : text };
}

const sendNow = (appointment, body, version) => post(appointmentPath(appointment.id, "/cancel"), body, { version });

/**
 * The page holds the `<dialog id="cancel-dialog">` (pages/cancel_dialog.html). `send(appointment, {reason}, version, signal)` brings the
 * canceled appointment, or null when the server will be told later; `signal` is aborted when the dialog was closed meanwhile.
 */
export function askToCancel(appointment, { reason = "", send = sendNow } = {}) {
  const dialog = byId("cancel-dialog");
  const form = dialog.querySelector("form");
  const place = dialog.querySelector(".problem");
  const text = form.elements.reason;
  const count = byId("cancel-count");
  const tell = () => {
    count.textContent = _("{count} of {most}", { count: text.value.length, most: text.maxLength });
  };
  showNotice(byId("cancel-warning"), cancelWarning(appointment), "warning");
  showNotice(place, "");
  text.value = reason;
  tell();

  return new Promise((resolve) => {
    let canceled = null;
    let { version } = appointment;
    const finished = new AbortController();
    const options = { signal: finished.signal };
    text.addEventListener("input", tell, options);
    byId("cancel-keep").addEventListener("click", () => dialog.close(), options);
    form.addEventListener(
      "submit",
      async (event) => {
        event.preventDefault();
        await withButton(byId("cancel-confirm"), place, async () => {
          const body = { reason: text.value.trim() };
          try {
            canceled = await send(appointment, body, version, finished.signal);
            dialog.close();
          } catch (problem) {
            if (problem.code !== "stale_version") throw problem;
            const found = await lookAgain(appointment);
            version = found.now.version;
            showNotice(place, found.text);
          }
        });
      },
      options,
    );
    dialog.addEventListener(
      "close",
      () => {
        finished.abort();
        resolve(canceled);
      },
      options,
    );
    dialog.showModal();
    text.focus();
  });
}
