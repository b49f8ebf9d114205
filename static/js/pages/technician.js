/** The technician's day: duty, position, visits. */

import { get, post } from "../api.js";
import { askToCancel } from "../components/cancel_dialog.js";
import { byId, element, icon, inARow, say } from "../components/element.js";
import { showNotice, showProblem } from "../components/notice.js";
import { callButton } from "../components/phone.js";
import { statusBadge } from "../components/visit_card.js";
import { refusedNotice, stepButtons, waitingNotices } from "../components/visit_steps.js";
import { visitWords } from "../components/visit_words.js";
import { followHome } from "../home_feed.js";
import { Questions } from "../questions.js";
import { Sharing } from "../sharing.js";
import { sendStep, StepOutbox } from "../step_outbox.js";
import { isPassing, refusedSteps, waitingSteps, withSteps } from "../steps_state.js";
import { _ } from "../words.js";

const WATCHERS_EVERY_MS = 5_000;
const SEND_AGAIN_EVERY_MS = 20_000;
const problemPlace = byId("problem");

/** The visit whose door was told of here; `arrived` says it, too, but not every process of the server knows. */
let arrivedAt = null;
let visits = [];
let drawn = "";
let drawnRefused = "[]";
/** Steps that this page is asking the server to take, and their visits. Until then they are not shown as waiting. */
const pressed = new Map();
let outbox = null;
const questions = new Questions();

function directions(site) {
  if (!Number.isFinite(site?.lat)) return null;
  return element("a", { class: "button", href: `geo:${site.lat},${site.lon}?q=${site.lat},${site.lon}` }, icon("place"), _("Directions"));
}

/** The card of a visit cannot be touched while a step of it is being decided: what comes next depends on that. */
function holdCards() {
  const held = new Set(pressed.values());
  for (const card of byId("visits").querySelectorAll(".visit")) card.inert = held.has(card.dataset.id);
}

function stepOf(visit, name) {
  const at = Date.now();
  return { id: `${at} ${visit.id} ${name}`, visit: visit.id, name, at, version: visit.version, window: visitWords(visit).window, zone: visit.time_zone };
}

async function press(visit, name) {
  if ([...pressed.values()].includes(visit.id)) return;
  const step = stepOf(visit, name);
  pressed.set(step.id, visit.id);
  holdCards();
  outbox.tell({ type: "pressed", step });
  await outbox.flush();
  const decided = outbox.steps.find((each) => each.id === step.id);
  const isWaiting = decided && !decided.refused;
  if (!isWaiting) await refresh();
  pressed.delete(step.id);
  drawVisits();
  // A step that was refused leaves the picture as it was, and this card in it.
  holdCards();
  if (decided?.refused) byId("refused-steps").scrollIntoView({ block: "center" });
  if (isWaiting) await refresh();
}

function takeBack(step) {
  outbox.takeBack(step.id);
  drawVisits();
}

function read(step) {
  outbox.tell({ type: "read", id: step.id });
  drawVisits();
}

function stepTaken(step, visit) {
  if (step.name === "travel" && visit.status === "traveling" && !outbox.steps.some((each) => each.visit === visit.id)) sharing.turnOn();
  if (pressed.has(step.id)) return;
  // It was shown as done already: the card shows at once what the server made of it, and no older answer does.
  questions.ask()();
  visits = visits.map((each) => (each.id === visit.id ? visit : each));
  drawVisits();
}

/** Now or, like the other steps, when there is a network; `signal` says that nobody wants it any more. */
async function sendCancel(visit, { reason }, version, signal) {
  const step = { ...stepOf(visit, "cancel"), reason, version };
  // It does not overtake what waits, also of what was pressed before the dialog was opened.
  if (!waitingSteps(outbox.steps).some((each) => each.visit === visit.id)) {
    try {
      // What is done at once needs no time of its own: the server's holds, however wrong this clock is.
      return await sendStep({ ...step, at: undefined });
    } catch (problem) {
      if (!isPassing(problem) || signal.aborted) throw problem;
    }
  }
  outbox.tell({ type: "pressed", step });
  return null;
}

async function cancel(visit) {
  const canceled = await askToCancel(visit, { reason: _("Nobody home"), send: sendCancel });
  drawVisits();
  if (canceled) await refresh();
  else if (outbox.isWaiting) await catchUp();
}

function visitNode(visit) {
  const words = visitWords(visit);
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
    waitingNotices(visit, takeBack),
    element(
      "div",
      { class: "button-row" },
      stepButtons(visit, (name) => press(visit, name)),
      under_way || visit.status === "scheduled" ? [directions(visit.site), callButton(visit.contact ?? {})] : null,
      visit.allowed.cancel ? element("button", { type: "button", class: "button danger", "data-step": "cancel", onclick: () => cancel(visit) }, _("Cannot be done")) : null,
    ),
  );
}

function takes(message) {
  if (message.type !== "arrival") return false;
  arrivedAt = message.trip;
  drawVisits();
  return true;
}

/** The visits with what was pressed on them and waits for the network. */
function shownVisits() {
  const steps = outbox?.steps ?? [];
  return withSteps(visits, steps.filter((step) => !pressed.has(step.id)));
}

function drawSharingHint() {
  byId("not-shared").hidden = sharing.isOn || !shownVisits().some((each) => each.status === "traveling");
}

function drawRefused() {
  const refused = refusedSteps(outbox?.steps ?? []);
  const picture = JSON.stringify(refused);
  // Read aloud once.
  if (picture === drawnRefused) return;
  drawnRefused = picture;
  byId("refused-steps").replaceChildren(...refused.map((step) => refusedNotice(step, read)));
}

function drawVisits() {
  drawSharingHint();
  drawRefused();
  const shown = shownVisits();
  // The same again is not drawn again: a finger may be on a button. The arrival changes often and is not shown here.
  const picture = JSON.stringify([shown, arrivedAt], (name, value) => (name === "eta_at" ? undefined : value));
  if (picture === drawn) return;
  drawn = picture;
  byId("no-visits").hidden = visits.length > 0;
  byId("visits").replaceChildren(...shown.map(visitNode));
  holdCards();
}

/** Done when the page shows what was so after the call, or why it cannot. */
async function refresh() {
  const isNew = questions.ask();
  try {
    const [{ technician, appointments }, { duty }] = await Promise.all([get("/api/technician/appointments"), get("/api/duty")]);
    if (!isNew()) return;
    outbox ??= new StepOutbox({ technician, onTaken: stepTaken });
    visits = appointments;
    // Whoever sets off again has not arrived again.
    if (!visits.some(({ id, status }) => id === arrivedAt && status === "traveling")) arrivedAt = null;
    drawVisits();
    sharing.duty = duty;
    for (const input of byId("duty").querySelectorAll("input")) input.checked = input.value === duty;
    showNotice(problemPlace, "");
  } catch (problem) {
    if (isNew()) showProblem(problemPlace, problem);
  }
  showWatchers();
}

/** After a gap, or news: what waits is sent first. */
async function catchUp() {
  // A step that is being pressed is on its way by itself.
  if (outbox?.isWaiting && !pressed.size) {
    await outbox.flush();
    drawVisits();
  }
  await refresh();
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
if (outbox?.isWaiting) await catchUp();
addEventListener("storage", drawVisits);
setInterval(() => outbox?.isWaiting && catchUp(), SEND_AGAIN_EVERY_MS);
followHome(catchUp, { takes });
setInterval(showWatchers, WATCHERS_EVERY_MS);
