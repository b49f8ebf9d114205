/** The dispatcher's board: who is where, which visit is in which state. */

import { get } from "../api.js";
import { BoardMap } from "../board_map.js";
import { hearAnswer, hearFrame, isSilent, nothingOnBoard, placeOf } from "../board_state.js";
import { byId, element, inARow, say, written } from "../components/element.js";
import { showNotice, showProblem } from "../components/notice.js";
import { initials } from "../components/person.js";
import { visitWords } from "../components/visit_words.js";
import { followHome } from "../home_feed.js";
import { Questions } from "../questions.js";
import { serverNow } from "../server_clock.js";
import { age, day } from "../time_words.js";
import { _, later } from "../words.js";

const AGAIN_MS = 10_000;
const DUTY = { on_duty: later("On duty"), on_break: later("On break"), off_duty: later("Off duty") };

const main = byId("content");
let map = null;
let mapAsked = false;
let board = nothingOnBoard;

const visitPath = ({ id }) => `/dispatch/visits/${encodeURIComponent(id)}`;

function technicianRow(technician, now) {
  const seen = placeOf(technician) ? _("seen {age} ago", { age: age(now - technician.fixed_at) }) : _("no position");
  return element(
    "li",
    { "data-id": technician.id },
    element("div", { class: "person" }, element("span", { class: "face-photo", "aria-hidden": "true" }, initials(technician.name)), element("div", {}, element("p", {}, technician.name), element("p", { class: "quiet small" }, seen))),
    isSilent(technician, now)
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

/** A map, once there is something to show on it. */
async function wantMap() {
  if (mapAsked || !BoardMap.hasPlaces(board, serverNow())) return;
  mapAsked = true;
  byId("map-frame").hidden = false;
  try {
    const { basemap = null, styleUrl = null } = main.dataset;
    map = await BoardMap.open(byId("map"), { basemap, styleUrl, board, now: serverNow() });
  } catch (error) {
    console.warn("The map could not be shown; the lists go on without it.", error.message);
  }
  byId("map-frame").hidden = !map;
  map?.showVisits(board, serverNow());
  map?.showTechnicians(board, serverNow());
}

function listOf(node, items, nothing) {
  node.replaceChildren(...(items.length ? items : [element("li", { class: "quiet" }, nothing)]));
}

function drawVisits() {
  const { visits, unhappy } = board;
  listOf(byId("visits"), visits.map(visitRow), _("No visits today."));
  byId("unhappy").replaceChildren(...unhappy.map(ratingRow));
  byId("unhappy-section").hidden = !unhappy.length;
  map?.showVisits(board, serverNow());
}

/** All of them: ages grow also where nothing is told. */
function drawTechnicians() {
  const { technicians } = board;
  const now = serverNow();
  listOf(byId("technicians"), technicians.map((each) => technicianRow(each, now)), _("No technicians yet."));
  drawCountAndMarkers();
}

function drawCountAndMarkers() {
  say(byId("board-state"), _("{count} on duty", { count: board.technicians.filter((each) => each.duty === "on_duty").length }));
  map?.showTechnicians(board, serverNow());
}

/** Who moves is told by the frames themselves; visits are asked for. */
function takes(message) {
  if (message.type !== "board" || !board.known) return false;
  board = hearFrame(board, message);
  const rows = new Map([...byId("technicians").children].map((node) => [node.dataset.id, node]));
  const now = serverNow();
  for (const each of board.technicians) if (each.heard === board.frames) rows.get(each.id)?.replaceWith(technicianRow(each, now));
  drawCountAndMarkers();
  wantMap();
  return true;
}

const questions = new Questions();

async function refresh() {
  const isNew = questions.ask();
  const { frames } = board;
  try {
    const answer = await get("/api/dispatch/board");
    if (!isNew()) return;
    board = hearAnswer(board, answer, frames);
    drawVisits();
    showNotice(byId("problem"), "");
  } catch (problem) {
    if (!isNew()) return;
    showProblem(byId("problem"), problem);
    if (!board.known) return;
  }
  drawTechnicians();
  await wantMap();
}

await refresh();
setInterval(refresh, AGAIN_MS);
followHome(refresh, { path: "/ws/dispatch", takes, missed: false });
