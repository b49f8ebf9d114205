/** The technician's day: duty, position, visits. */

import { appointmentPath, get, post } from "../api.js";
import { askToCancel } from "../components/cancel_dialog.js";
import { byId, element, icon, inARow, say } from "../components/element.js";
import { showNotice, showProblem, withButton } from "../components/notice.js";
import { callButton } from "../components/phone.js";
import { statusBadge } from "../components/visit_card.js";
import { visitWords } from "../components/visit_words.js";
import { followHome } from "../home_feed.js";
import { Questions } from "../questions.js";
import { Sharing } from "../sharing.js";
import { _, later } from "../words.js";

const STEPS = [
  { name: "travel", text: later("Start traveling"), primary: true },
  { name: "start", text: later("Start the visit"), primary: true },
  { name: "complete", text: later("Complete"), primary: true },
  { name: "undo", text: later("Undo: not traveling") },
];
const WATCHERS_EVERY_MS = 5_000;
const problemPlace = byId("problem");

/** The visit whose door was told of here; `arrived` says it, too, but not every process of the server knows. */
let arrivedAt = null;
let visits = [];
let drawn = "";
const questions = new Questions();
let latest = null;

function directions(site) {
  if (!Number.isFinite(site?.lat)) return null;
  return element("a", { class: "button", href: `geo:${site.lat},${site.lon}?q=${site.lat},${site.lon}` }, icon("place"), _("Directions"));
}

async function change(visit, name, button) {
  // One change at a time: what comes next depends on the answer.
  const card = button.closest(".visit");
  card.inert = true;
  const done = await withButton(button, problemPlace, () =>
    post(appointmentPath(visit.id, `/${name}`), { at: new Date().toISOString() }, { version: visit.version }),
  );
  if (!done) problemPlace.scrollIntoView({ block: "center" });
  if (done && name === "travel" && !sharing.isOn) await sharing.turnOn();
  const kept = done ? "" : problemPlace.textContent;
  await refresh();
  // A step that was refused leaves the picture as it was, and this card in it.
  card.inert = false;
  if (kept) showNotice(problemPlace, kept);
}

async function cancel(visit) {
  const canceled = await askToCancel(visit, { reason: _("Nobody home") });
  if (canceled) await refresh();
}

function visitNode(visit) {
  const words = visitWords(visit);
  const steps = STEPS.filter(({ name }) => visit.allowed[name]).map(({ name, text, primary }) =>
    element("button", { type: "button", class: primary ? "button primary" : "button", "data-step": name, onclick: (event) => change(visit, name, event.currentTarget) }, _(text)),
  );
  const under_way = ["traveling", "in_progress"].includes(visit.status);
  return element(
    "article",
    { class: "visit card", "data-id": visit.id, "data-status": visit.status },
    element("header", {}, element("h3", { class: "when numbers" }, words.window), statusBadge(words)),
    element(
      "div",
      {},
      element("p", {}, inARow([words.service, words.asset])),
      element("p", { class: "quiet small" }, words.address),
      visit.contact?.name ? element("p", { class: "quiet small" }, visit.contact.name) : null,
      visit.details ? element("p", { class: "small" }, visit.details) : null,
    ),
    visit.status === "traveling" && (visit.arrived || arrivedAt === visit.id) ? element("p", { class: "notice good", role: "status" }, _("You seem to be there. Start the visit?")) : null,
    element(
      "div",
      { class: "button-row" },
      steps,
      under_way || visit.status === "scheduled" ? [directions(visit.site), callButton(visit.contact ?? {})] : null,
      visit.allowed.cancel ? element("button", { type: "button", class: "button danger", "data-step": "cancel", onclick: () => cancel(visit) }, _("Cannot be done")) : null,
    ),
  );
}

function suggestStart(visit_id) {
  arrivedAt = visit_id;
  drawVisits();
}

function drawSharingHint() {
  byId("not-shared").hidden = sharing.isOn || !visits.some((each) => each.status === "traveling");
}

function drawVisits() {
  drawSharingHint();
  // The same again is not drawn again: a finger may be on a button. The arrival changes often and is not shown here.
  const picture = JSON.stringify([visits, arrivedAt], (name, value) => (name === "eta_at" ? undefined : value));
  if (picture === drawn) return;
  drawn = picture;
  byId("no-visits").hidden = visits.length > 0;
  byId("visits").replaceChildren(...visits.map(visitNode));
}

async function lookAgain() {
  const isLast = questions.ask();
  try {
    const [{ appointments }, { duty }] = await Promise.all([get("/api/technician/appointments"), get("/api/duty")]);
    if (!isLast()) return;
    visits = appointments;
    // Whoever sets off again has not arrived again.
    if (!visits.some(({ id, status }) => id === arrivedAt && status === "traveling")) arrivedAt = null;
    drawVisits();
    sharing.duty = duty;
    for (const input of byId("duty").querySelectorAll("input")) input.checked = input.value === duty;
    showNotice(problemPlace, "");
  } catch (problem) {
    if (isLast()) showProblem(problemPlace, problem);
  }
  await showWatchers();
}

/** Done when the page shows the answer to the last question, whoever asked it: until then a tap may meet the past. */
async function refresh() {
  latest = lookAgain();
  let seen = null;
  while (seen !== latest) {
    seen = latest;
    await seen;
  }
}

async function showWatchers() {
  try {
    const { watchers } = await get("/api/technician/watchers");
    const count = watchers.length;
    const who = [...new Set(watchers.map((each) => each.name || _("somebody with a tracking link")))].join(", ");
    say(byId("watchers"), count ? _("Can see you now: {who}.", { who }) : _("Nobody can see you now."));
  } catch {
    say(byId("watchers"), _("It is not known right now who can see you."));
  }
}

const sharing = new Sharing({
  onChange: ({ on, text, waiting }) => {
    byId("sharing").setAttribute("aria-checked", String(on));
    say(byId("sharing-state"), text);
    drawSharingHint();
    byId("waiting-fixes").hidden = waiting < 5;
    say(byId("waiting-fixes"), _("{count} positions are waiting for the network. Nothing is lost.", { count: waiting }));
  },
  // Perhaps it was changed on another device.
  onOffDuty: () => refresh(),
});

byId("sharing").addEventListener("click", () => (sharing.isOn ? sharing.turnOff() : sharing.turnOn()));
byId("duty").addEventListener("change", async (event) => {
  const duty = event.target.value;
  try {
    await post("/api/duty", { duty });
    if (duty !== "on_duty") sharing.turnOff();
  } catch (problem) {
    showProblem(problemPlace, problem);
  }
  await refresh();
});

await refresh();
await sharing.resume();
followHome(refresh, { onMessage: (message) => message.type === "arrival" && suggestStart(message.trip) });
setInterval(showWatchers, WATCHERS_EVERY_MS);
