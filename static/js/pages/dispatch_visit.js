/** /dispatch/visits/…: one visit as a dispatcher handles it: who goes, who may watch, and what happened so far. */

import { appointmentPath, get, post, put, remove, request } from "../api.js";
import { askToCancel } from "../components/cancel_dialog.js";
import { copies, offerToCopy } from "../components/copying.js";
import { byId, element, icon, inARow, say, written } from "../components/element.js";
import { showNotice, showProblem, withButton } from "../components/notice.js";
import { phoneLink } from "../components/phone.js";
import { statusBadge } from "../components/visit_card.js";
import { visitWords } from "../components/visit_words.js";
import { drawWatchLog } from "../components/watch_log.js";
import { Questions } from "../questions.js";
import { serverNow } from "../server_clock.js";
import { clock, day, duration } from "../time_words.js";
import { changeWords } from "../visit_history.js";
import { _ } from "../words.js";

const AGAIN_MS = 15_000;
const DAY_S = 86_400;

const id = byId("content").dataset.appointment;
const dispatchPath = (rest) => `/api/dispatch/appointments/${encodeURIComponent(id)}${rest}`;
const page = (rest) => `/appointments/${encodeURIComponent(id)}${rest}`;
const problemPlace = byId("problem");
const technicians = new Map();
let shown = null;

const at = (instant) => _("{first}, {second}", { first: day(instant, shown.time_zone, { short: true }), second: clock(instant, shown.time_zone) });

function actions(appointment) {
  const list = [];
  if (appointment.allowed.live_map) list.push(element("a", { class: "button primary", href: page("/live") }, icon("map"), _("View Live Map")));
  if (appointment.allowed.move) list.push(element("a", { class: "button", href: page("/modify") }, _("Modify")));
  list.push(element("a", { class: "button", href: page("") }, icon("eye"), _("As the customer sees it")));
  if (appointment.allowed.cancel) {
    list.push(element("button", { class: "button danger", type: "button", id: "cancel", onclick: () => cancel(appointment) }, _("Cancel appointment")));
  }
  return element("div", { class: "button-row" }, list);
}

function lateBadge({ late_cancel: late }) {
  return late ? [" ", element("span", { class: "badge warning" }, _("Late cancellation"))] : null;
}

function ratingOf({ rating }) {
  if (!rating) return null;
  const score = element("p", {}, _("Feedback: {number} of 5", { number: rating.rating }));
  return element("div", { id: "rating" }, score, rating.comment && written("p", { class: "quiet" }, rating.comment));
}

async function cancel(appointment) {
  if (await askToCancel(appointment)) await refresh();
}

function drawVisit(appointment) {
  const words = visitWords(appointment);
  if (shown && shown.status !== appointment.status) say(byId("news"), words.status.text);
  // What is allowed changes without a new version, too: by a switch, or as time passes.
  const same = shown && shown.version === appointment.version && JSON.stringify(shown.allowed) === JSON.stringify(appointment.allowed);
  shown = appointment;
  if (same) return;
  const { customer } = appointment;
  const lines = [words.address, words.asset, appointment.details, appointment.cancel_reason && _("Reason: {reason}", { reason: appointment.cancel_reason })];
  byId("visit").replaceChildren(
    element(
      "div",
      { class: "stack" },
      element("div", { class: "visit-head" }, statusBadge(words), lateBadge(appointment), element("h1", {}, words.day), element("p", { class: "window numbers" }, words.window)),
      element("p", {}, words.technician ? _("{service} with {name}", { service: words.service, name: words.technician }) : words.service),
      customer?.name && element("p", { id: "customer" }, `${customer.name}, `, customer.phone ? phoneLink(customer.phone) : customer.email),
      lines.filter(Boolean).map((line) => written("p", { class: "quiet" }, line)),
      ratingOf(appointment),
      actions(appointment),
    ),
  );
  drawWho(appointment);
}

function drawWho({ status, technician }) {
  byId("who").hidden = !["scheduled", "traveling"].includes(status);
  const select = byId("reassign").elements.technician;
  const options = [...technicians].map(([value, name]) => element("option", { value }, name));
  select.replaceChildren(...options);
  select.value = technician?.id ?? "";
}

async function reassign(event) {
  event.preventDefault();
  const { value } = event.target.elements.technician;
  await withButton(byId("reassign-button"), problemPlace, async () => {
    await request("POST", dispatchPath("/reassign"), { body: { technician: value }, version: shown.version });
    say(byId("news"), _("{name} is coming instead.", { name: technicians.get(value) ?? "" }));
  });
  await refresh({ keepProblem: true });
}

function linkState(link) {
  if (link.blocked) return element("span", { class: "badge bad" }, _("Blocked"));
  if (!link.alive) return element("span", { class: "badge" }, _("Over"));
  return element("span", { class: "badge lively" }, _("Works"));
}

function linkButton(text, work, kind = "") {
  const button = element("button", { class: `button small ${kind}`, type: "button" }, text);
  button.addEventListener("click", () => withButton(button, problemPlace, work).then((went) => went && drawLinks()));
  return button;
}

function linkRow(link) {
  const path = `/api/dispatch/links/${encodeURIComponent(link.id)}`;
  const expires = (instant) => put(path, { expires_at: new Date(instant).toISOString() });
  const buttons = [];
  if (!link.blocked) {
    buttons.push(linkButton(_("One more day"), () => post(`${path}/extend`, { longer_s: DAY_S })));
    if (link.alive) buttons.push(linkButton(_("End now"), () => expires(serverNow())), linkButton(_("Block"), () => remove(path), "danger"));
  }
  const minutes = Math.round(link.after_visit_s / 60);
  const until = link.alive && link.after_visit_s !== null ? _("until {time} after the visit", { time: duration(minutes) }) : _("until {when}", { when: at(link.expires_at) });
  const opened = link.opened_at ? _("opened {when}", { when: at(link.opened_at) }) : _("not opened yet");
  return element(
    "li",
    { "data-link": link.id },
    element("div", {}, element("p", {}, link.recipient ?? _("Anyone who has it")), element("p", { class: "quiet small" }, inARow([opened, until]))),
    element("div", { class: "row-actions" }, linkState(link), buttons),
  );
}

async function drawLinks() {
  const { links } = await get(dispatchPath("/links"));
  const rows = links.toReversed().map(linkRow);
  byId("links").replaceChildren(...(rows.length ? rows : [element("li", { class: "quiet" }, _("None so far. One is sent when the technician sets off."))]));
}

async function makeLink() {
  const { url } = await post(dispatchPath("/links"));
  offerToCopy("new-link", "copy-link", "link-url", url);
  await drawLinks();
}

async function drawHistory() {
  const { changes } = await get(dispatchPath("/history"));
  const rows = changes.map((change) => {
    const { text, who, more } = changeWords(change, technicians);
    return element(
      "li",
      {},
      element("div", {}, element("p", {}, text), element("p", { class: "quiet small" }, inARow([who, ...more]))),
      element("span", { class: "quiet small numbers" }, at(change.device_at)),
    );
  });
  byId("history").replaceChildren(...rows.toReversed());
}

const questions = new Questions();

async function refresh({ keepProblem = false } = {}) {
  const isNew = questions.ask();
  try {
    const before = shown?.version;
    const appointment = await get(appointmentPath(id));
    if (!isNew()) return;
    drawVisit(appointment);
    if (before !== shown.version) await Promise.all([drawLinks(), drawHistory()]);
    await drawWatchLog(dispatchPath("/watchers"), { at, technicians });
    if (!keepProblem) showNotice(problemPlace, "");
  } catch (problem) {
    if (!isNew()) return;
    if (!shown) for (const place of ["visit", "links", "history", "watched"]) byId(place).replaceChildren();
    showProblem(problemPlace, problem);
  }
}

byId("booked").hidden = !new URLSearchParams(location.search).has("booked");
byId("reassign").addEventListener("submit", reassign);
byId("make-link").addEventListener("click", () => withButton(byId("make-link"), problemPlace, makeLink));
copies("copy-link", "link-url");

try {
  for (const each of (await get("/api/dispatch/board")).technicians) technicians.set(each.id, each.name);
} catch (problem) {
  showProblem(problemPlace, problem);
}
await refresh();
setInterval(() => document.visibilityState === "visible" && refresh({ keepProblem: true }), AGAIN_MS);
