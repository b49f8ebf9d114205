/** …/modify: the time as it is, other times, and the way out. */

import { appointmentPath, get, post } from "../api.js";
import { askToCancel } from "../components/cancel_dialog.js";
import { byId, element, inARow, say } from "../components/element.js";
import { showNotice, showProblem, withButton } from "../components/notice.js";
import { callUs } from "../components/phone.js";
import { SlotPicker } from "../components/slot_picker.js";
import { callWords, pickedWords, visitWords } from "../components/visit_words.js";
import { _ } from "../words.js";

const { appointment: id, explains } = byId("content").dataset;
const page = (rest) => `/appointments/${encodeURIComponent(id)}${rest}`;
const problemPlace = byId("problem");
const picker = new SlotPicker({ explains: explains !== undefined });
let appointment = null;
let chosen = null;

function drawCurrent() {
  const words = visitWords(appointment);
  byId("current-time").replaceChildren(
    element("p", { class: "quiet small" }, _("Now planned")),
    element("p", { class: "when numbers" }, _("{first}, {second}", { first: words.day, second: words.window })),
    element("p", {}, inARow([words.service, words.asset])),
  );
  byId("cancel").hidden = !appointment.allowed.cancel;
}

async function showSlots() {
  byId("when").hidden = !appointment.allowed.move;
  if (!appointment.allowed.move) {
    const begun = _("Only a visit that has not begun can be moved.");
    showNotice(problemPlace, appointment.status === "scheduled" ? callUs(callWords(appointment)) : begun, "warning");
    return;
  }
  const { service, asset, time_zone } = appointment;
  await picker.show({ service: service.id, moving: id, ...(asset ? { asset: asset.id } : {}) }, time_zone);
}

async function load() {
  try {
    appointment = await get(appointmentPath(id));
    drawCurrent();
    await showSlots();
  } catch (problem) {
    byId("current-time").replaceChildren(element("p", { class: "quiet" }, _("Nothing to show.")));
    showProblem(problemPlace, problem);
  }
}

async function save() {
  try {
    await post(appointmentPath(id, "/move"), { slot: chosen.slot }, { version: appointment.version });
    location.assign(page("?moved"));
  } catch (problem) {
    // The old time is still ours: show what is true now and let the person choose again.
    if (["slot_taken", "stale_version", "illegal_transition", "past_cutoff", "invalid_slot"].includes(problem.code)) await load();
    throw problem;
  }
}

picker.addEventListener("choose", ({ detail: slot }) => {
  chosen = slot;
  byId("summary").hidden = !slot;
  if (slot) {
    say(byId("summary-when"), pickedWords(slot, picker.zone));
  }
});
picker.addEventListener("problem", (event) => showProblem(problemPlace, event.detail));
byId("modify").addEventListener("submit", (event) => {
  event.preventDefault();
  if (chosen) withButton(byId("save"), problemPlace, save);
});
byId("cancel").addEventListener("click", async () => {
  const canceled = await askToCancel(appointment);
  if (canceled) location.assign(page("?canceled"));
});

await load();
