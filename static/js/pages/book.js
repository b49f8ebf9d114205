/** /book: thing, service, day, time, kept for some minutes, booked. */

import { get, post, remove } from "../api.js";
import { byId, element, say, written } from "../components/element.js";
import { showNotice, showProblem, withButton } from "../components/notice.js";
import { SlotPicker } from "../components/slot_picker.js";
import { pickedWords } from "../components/visit_words.js";
import { serverNow } from "../server_clock.js";
import { countdown, duration } from "../time_words.js";
import { _, later } from "../words.js";

const URGENT_MS = 60_000;

const form = byId("book");
const problemPlace = byId("problem");
const picker = new SlotPicker({ explains: byId("content").dataset.explains !== undefined });
let hold = null;
let chosen = null;
let idempotencyKey = null;
let asked = 0;
let turns = Promise.resolve();
// A visit that could not be done is offered again: its link names what is to be booked.
const wanted = new URLSearchParams(location.search);
// A dispatcher books for somebody; a customer's page has no such field.
const contactField = form.elements.contact ?? null;
const contact = () => (contactField ? { contact: contactField.value.trim() } : {});
const forContact = (path) => (contactField ? `${path}?${new URLSearchParams(contact())}` : path);
const holdPath = ({ hold: name }) => forContact(`/api/holds/${encodeURIComponent(name)}`);

function chosenService() {
  return form.elements.service?.value ?? "";
}

function query() {
  const asset = form.elements.asset.value;
  return { service: chosenService(), ...(asset ? { asset } : {}), ...contact() };
}

function forgetHold() {
  const before = hold;
  hold = null;
  byId("book-button").disabled = true;
  return before;
}

async function giveBack() {
  const before = forgetHold();
  if (before) await remove(holdPath(before)).catch(() => {});
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
    say(byId("summary-when"), pickedWords(slot, picker.zone));
    say(byId("summary-hold"), _("Keeping this time for you …"));
  }
  turns = turns.then(() => changeHold(slot, ask));
}

async function changeHold(slot, ask) {
  await giveBack();
  if (!slot || ask !== asked) return;
  try {
    hold = await post("/api/holds", { slot: slot.slot, service: chosenService(), asset: form.elements.asset.value || null, ...contact() });
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
    offerOthers({ code: "hold_expired", detail: later("We could not keep the time for you any longer. Please choose again.") });
    return;
  }
  const words = byId("summary-hold");
  say(words, _("Kept for another {time}", { time: countdown(left_ms) }));
  words.classList.toggle("urgent", left_ms < URGENT_MS);
}

async function book() {
  const body = { hold: hold.hold, details: form.elements.details.value.trim(), ...contact() };
  try {
    const appointment = await post("/api/appointments", body, { idempotencyKey });
    hold = null;
    location.assign(`${contactField ? "/dispatch/visits" : "/appointments"}/${encodeURIComponent(appointment.id)}?booked`);
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
      element("span", {}, written("span", { class: "name" }, service.name), written("span", { class: "about" }, service.description ?? "")),
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
  if (hold) fetch(holdPath(hold), { method: "DELETE", keepalive: true });
});

async function showAssets() {
  const { assets } = await get(forContact("/api/assets"));
  const options = assets.map((each) => element("option", { value: each.id }, each.site?.address ? `${each.name} (${each.site.address})` : each.name));
  byId("asset-field").hidden = !assets.length;
  form.elements.asset.replaceChildren(form.elements.asset.options[0], ...options);
  form.elements.asset.value = assets.some((each) => each.id === wanted.get("asset")) ? wanted.get("asset") : "";
}

async function showServices() {
  const { services } = await get("/api/services");
  byId("services").replaceChildren(
    ...(services.length
      ? services.map((each) => serviceChoice(each, services.length === 1 || each.id === wanted.get("service")))
      : [element("p", { class: "notice" }, _("Nothing can be booked here at the moment. Please call us."))]),
  );
}

/** Another customer: other things, other places, other times; the time that was kept was kept for the one before. */
async function changeContact() {
  await giveBack();
  byId("summary").hidden = true;
  byId("when").hidden = true;
  const known = [...byId("contacts").options].some((each) => each.value === contactField.value.trim());
  byId("service-field").disabled = !known;
  if (!known) return;
  try {
    await showAssets();
    await showSlots();
  } catch (problem) {
    showProblem(problemPlace, problem);
  }
}

async function listContacts() {
  const { accounts } = await get("/api/dispatch/customers");
  const contacts = accounts.filter((account) => account.status === "active").flatMap((account) => account.contacts.map((each) => ({ ...each, account: account.name })));
  byId("contacts").replaceChildren(...contacts.map((each) => element("option", { value: each.email }, [each.name, each.account].filter(Boolean).join(", "))));
  contactField.value = wanted.get("contact") ?? "";
  contactField.addEventListener("input", changeContact);
  await changeContact();
}

try {
  await Promise.all([showServices(), contactField ? listContacts() : showAssets()]);
  if (!contactField && chosenService()) await showSlots();
} catch (problem) {
  byId("services").replaceChildren();
  showProblem(problemPlace, problem);
}
