/** /book: thing, service, day, time, kept for some minutes, booked. */

import { get, post, remove } from "../api.js";
import { byId, element, say } from "../components/element.js";
import { showNotice, showProblem, withButton } from "../components/notice.js";
import { SlotPicker } from "../components/slot_picker.js";
import { serverNow } from "../server_clock.js";
import { countdown, day, duration, windowClock } from "../time_words.js";
import { _, later } from "../words.js";

const URGENT_MS = 60_000;

const form = byId("book");
const problemPlace = byId("problem");
const picker = new SlotPicker();
let hold = null;
let chosen = null;
let idempotencyKey = null;
let asked = 0;
let turns = Promise.resolve();
// A visit that could not be done is offered again: its link names what is to be booked.
const wanted = new URLSearchParams(location.search);

function chosenService() {
  return form.elements.service?.value ?? "";
}

function query() {
  const asset = form.elements.asset.value;
  return { service: chosenService(), ...(asset ? { asset } : {}) };
}

function forgetHold() {
  const before = hold;
  hold = null;
  byId("book-button").disabled = true;
  return before;
}

async function giveBack() {
  const before = forgetHold();
  if (before) await remove(`/api/holds/${encodeURIComponent(before.hold)}`).catch(() => {});
}

async function showSlots() {
  if (!chosenService()) return;
  byId("when").hidden = false;
  showNotice(problemPlace, "");
  try {
    await picker.show(query());
  } catch (problem) {
    showProblem(problemPlace, problem);
  }
}

/** A chosen time is kept for us from now on. One after the other: the time kept before would stand in the way of its
 * neighbour, and arrow keys choose one neighbour after the other. */
function keep(slot) {
  const ask = (asked += 1);
  chosen = slot;
  byId("book-button").disabled = true;
  byId("summary").hidden = !slot;
  if (slot) {
    showNotice(problemPlace, "");
    say(byId("summary-when"), `${day(slot.window_start, picker.zone, { short: true })},\n${windowClock(slot.window_start, slot.window_end, picker.zone)}`);
    say(byId("summary-hold"), _("Keeping this time for you …"));
  }
  turns = turns.then(() => changeHold(slot, ask));
}

async function changeHold(slot, ask) {
  await giveBack();
  if (!slot || ask !== asked) return;
  try {
    hold = await post("/api/holds", { slot: slot.slot, service: chosenService(), asset: form.elements.asset.value || null });
    // Another one is wanted by now: whoever comes next gives this one back.
    if (ask !== asked) return;
    idempotencyKey = crypto.randomUUID?.() ?? String(Math.random()).slice(2);
    byId("book-button").disabled = false;
    tick();
    say(byId("announcer"), _("{time} is kept for you for {count} min.", { time: byId("summary-when").textContent, count: Math.round((new Date(hold.expires_at) - serverNow()) / 60_000) }));
  } catch (problem) {
    if (ask === asked) await offerOthers(problem);
  }
}

/** That time is gone: say so and show what is free now. */
async function offerOthers(problem) {
  forgetHold();
  byId("summary").hidden = true;
  try {
    await picker.refresh();
  } catch (second) {
    showProblem(problemPlace, second);
    return;
  }
  showProblem(problemPlace, problem);
  problemPlace.scrollIntoView({ block: "center" });
}

function tick() {
  if (!hold) return;
  const left_ms = new Date(hold.expires_at) - serverNow();
  if (left_ms <= 0) {
    offerOthers({ code: "hold_expired", detail: later("We kept the time for you, but not longer. Please choose again.") });
    return;
  }
  const words = byId("summary-hold");
  say(words, _("Kept for you for {time}", { time: countdown(left_ms) }));
  words.classList.toggle("urgent", left_ms < URGENT_MS);
}

async function book() {
  const body = { hold: hold.hold, details: form.elements.details.value.trim() };
  try {
    const appointment = await post("/api/appointments", body, { idempotencyKey });
    hold = null;
    location.assign(`/appointments/${encodeURIComponent(appointment.id)}?booked`);
  } catch (problem) {
    if (["slot_taken", "hold_expired", "invalid_slot", "not_bookable"].includes(problem.code)) await offerOthers(problem);
    else throw problem;
  }
}

function serviceChoice(service, chosen) {
  const input = element("input", { type: "radio", name: "service", value: service.id, checked: chosen });
  input.addEventListener("change", showSlots);
  return element(
    "label",
    { class: "choice" },
    input,
    element(
      "span",
      { class: "face" },
      element("span", {}, element("span", { class: "name" }, service.name), element("span", { class: "about" }, service.description ?? "")),
      element("span", { class: "takes" }, _("about {duration}", { duration: duration(service.duration_min) })),
    ),
  );
}

picker.addEventListener("choose", (event) => keep(event.detail));
picker.addEventListener("problem", (event) => showProblem(problemPlace, event.detail));
form.elements.asset.addEventListener("change", showSlots);
form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (!hold || !chosen) return;
  const button = byId("book-button");
  withButton(button, problemPlace, book).then(() => {
    button.disabled = !hold;
  });
});
setInterval(tick, 1000);
window.addEventListener("pagehide", () => {
  if (hold) fetch(`/api/holds/${encodeURIComponent(hold.hold)}`, { method: "DELETE", keepalive: true });
});

try {
  const [{ services }, { assets }] = await Promise.all([get("/api/services"), get("/api/assets")]);
  byId("asset-field").hidden = !assets.length;
  form.elements.asset.append(
    ...assets.map((each) => element("option", { value: each.id }, each.site?.address ? `${each.name} (${each.site.address})` : each.name)),
  );
  byId("services").replaceChildren(
    ...(services.length
      ? services.map((each) => serviceChoice(each, services.length === 1 || each.id === wanted.get("service")))
      : [element("p", { class: "notice" }, _("Nothing can be booked here at the moment. Please call us."))]),
  );
  if (assets.some((each) => each.id === wanted.get("asset"))) form.elements.asset.value = wanted.get("asset");
  if (chosenService()) await showSlots();
} catch (problem) {
  byId("services").replaceChildren();
  showProblem(problemPlace, problem);
}
