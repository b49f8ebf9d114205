/** The dispatcher's board: who is where, which visit is in which state. */

import { get } from "../api.js";
import { BoardMap } from "../board_map.js";
import { placeOf } from "../board_state.js";
import { byId, element, inARow, say, written } from "../components/element.js";
import { showNotice, showProblem } from "../components/notice.js";
import { initials } from "../components/person.js";
import { visitWords } from "../components/visit_words.js";
import { followHome } from "../home_feed.js";
import { Questions } from "../questions.js";
import { age, day } from "../time_words.js";
import { _, later } from "../words.js";

const AGAIN_MS = 10_000;
const DUTY = { on_duty: later("On duty"), on_break: later("On break"), off_duty: later("Off duty") };

const main = byId("content");
let map = null;
let mapAsked = false;

const visitPath = ({ id }) => `/dispatch/visits/${encodeURIComponent(id)}`;

function technicianRow(technician, now) {
  const seen = placeOf(technician) ? _("seen {age} ago", { age: age(now - technician.fixed_at) }) : _("no position");
  return element(
    "li",
    { "data-id": technician.id },
    element("div", { class: "person" }, element("span", { class: "face-photo", "aria-hidden": "true" }, initials(technician.name)), element("div", {}, element("p", {}, technician.name), element("p", { class: "quiet small" }, seen))),
    technician.silent
      ? element("span", { class: "badge warning" }, _("Phone silent"))
      : element("span", { class: `badge ${technician.duty === "on_duty" ? "lively" : ""}` }, _(DUTY[technician.duty] ?? "")),
  );
}

function warningsOf(visit) {
  const list = [];
  if (visit.overdue) list.push(_("Nobody set off"));
  else if (visit.late_risk) list.push(_("Late"));
  if (visit.appointment.late_cancel) list.push(_("Late cancellation"));
  if (visit.low_rating) list.push(_("Unhappy"));
  return list.map((text) => element("span", { class: "badge warning" }, text));
}

function visitRow(visit) {
  const { appointment } = visit;
  const words = visitWords(appointment);
  const who = inARow([words.technician, visit.contact.name || visit.account, words.address]);
  return element(
    "li",
    { "data-id": appointment.id, "data-status": appointment.status },
    element(
      "div",
      {},
      element("p", { class: "numbers" }, element("a", { href: visitPath(appointment) }, inARow([words.window, words.service]))),
      element("p", { class: "quiet small" }, who),
    ),
    element(
      "div",
      { class: "badges" },
      warningsOf(visit),
      element("span", { class: `badge ${words.status.tone}` }, words.arrival ? _("{first}, {second}", { first: words.status.text, second: words.arrival }) : words.status.text),
    ),
  );
}

function ratingRow({ appointment, account, contact }) {
  const words = visitWords(appointment);
  const { rating, comment, rated_at } = appointment.rating;
  const when = day(rated_at, appointment.time_zone, { short: true });
  return element(
    "li",
    { "data-id": appointment.id },
    element(
      "div",
      {},
      element("p", { class: "numbers" }, element("a", { href: visitPath(appointment) }, inARow([words.day, words.window, words.service]))),
      comment && written("p", {}, comment),
      element("p", { class: "quiet small" }, inARow([words.technician, contact.name || account, _("rated {when}", { when })])),
    ),
    element("div", { class: "badges" }, element("span", { class: "badge warning" }, _("{number} of 5", { number: rating }))),
  );
}

async function drawMap(board, now) {
  if (!mapAsked && BoardMap.hasPlaces(board, now)) {
    mapAsked = true;
    byId("map-frame").hidden = false;
    try {
      map = await BoardMap.open(byId("map"), { basemap: main.dataset.basemap ?? null, styleUrl: main.dataset.styleUrl ?? null, board, now });
    } catch (error) {
      console.warn("The map could not be shown; the lists go on without it.", error.message);
    }
    byId("map-frame").hidden = !map;
  }
  map?.show(board, now);
}

function listOf(node, items, nothing) {
  node.replaceChildren(...(items.length ? items : [element("li", { class: "quiet" }, nothing)]));
}

const questions = new Questions();

async function refresh() {
  const isLast = questions.ask();
  try {
    const board = await get("/api/dispatch/board");
    if (!isLast()) return;
    const { technicians, visits, unhappy, server_time: now } = board;
    listOf(byId("technicians"), technicians.map((each) => technicianRow(each, now)), _("No technicians yet."));
    listOf(byId("visits"), visits.map(visitRow), _("No visits today."));
    byId("unhappy").replaceChildren(...unhappy.map(ratingRow));
    byId("unhappy-section").hidden = !unhappy.length;
    say(byId("board-state"), _("{count} on duty", { count: technicians.filter((each) => each.duty === "on_duty").length }));
    showNotice(byId("problem"), "");
    await drawMap(board, now);
  } catch (problem) {
    if (isLast()) showProblem(byId("problem"), problem);
  }
}

await refresh();
setInterval(refresh, AGAIN_MS);
followHome(refresh, { path: "/ws/dispatch" });
