/** The dispatcher's board: who is where, which visit is in which state. */

import { get } from "../api.js";
import { byId, element, inARow, say } from "../components/element.js";
import { showNotice, showProblem } from "../components/notice.js";
import { initials } from "../components/person.js";
import { visitWords } from "../components/visit_words.js";
import { followHome } from "../home_feed.js";
import { Questions } from "../questions.js";
import { age } from "../time_words.js";
import { _, later } from "../words.js";

const AGAIN_MS = 10_000;
const DUTY = { on_duty: later("On duty"), on_break: later("On break"), off_duty: later("Off duty") };

const main = byId("content");
let map = null;
let mapAsked = false;
const markers = new Map();

function placeOf({ lat_e6, lon_e6, fixed_at }) {
  return Number.isFinite(lat_e6) ? { lat: lat_e6 / 1e6, lon: lon_e6 / 1e6, fixed_at } : null;
}

function technicianRow(technician, now) {
  const place = placeOf(technician);
  const seen = place?.fixed_at ? _("seen {age} ago", { age: age(now - place.fixed_at) }) : _("no position");
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
      element("p", { class: "numbers" }, element("a", { href: `/dispatch/visits/${encodeURIComponent(appointment.id)}` }, inARow([words.window, words.service]))),
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

async function drawMap(technicians) {
  const placed = technicians.map((each) => ({ ...each, place: placeOf(each) })).filter((each) => each.place);
  if (!placed.length) return;
  if (!mapAsked) {
    mapAsked = true;
    byId("map-frame").hidden = false;
    try {
      const { openMap } = await import("../map_canvas.js");
      const [{ place }] = placed;
      map = await openMap(byId("map"), { basemap: main.dataset.basemap ?? null, styleUrl: main.dataset.styleUrl ?? null, center: [place.lon, place.lat], zoom: 12 });
    } catch (error) {
      console.warn("The map could not be shown; the lists go on without it.", error.message);
    }
    byId("map-frame").hidden = !map;
  }
  if (!map) return;
  for (const { id, name, place } of placed) {
    if (!markers.has(id)) {
      const node = element("div", { class: "vehicle", "data-level": "live", title: name }, element("span", { class: "face-photo" }, initials(name)));
      markers.set(id, new map.maplibre.Marker({ element: node }).setLngLat([place.lon, place.lat]).addTo(map.map));
    }
    markers.get(id).setLngLat([place.lon, place.lat]);
  }
}

function listOf(node, items, nothing) {
  node.replaceChildren(...(items.length ? items : [element("li", { class: "quiet" }, nothing)]));
}

const questions = new Questions();

async function refresh() {
  const isLast = questions.ask();
  try {
    const { technicians, visits, server_time: now } = await get("/api/dispatch/board");
    if (!isLast()) return;
    listOf(byId("technicians"), technicians.map((each) => technicianRow(each, now)), _("No technicians yet."));
    listOf(byId("visits"), visits.map(visitRow), _("No visits today."));
    say(byId("board-state"), _("{count} on duty", { count: technicians.filter((each) => each.duty === "on_duty").length }));
    showNotice(byId("problem"), "");
    await drawMap(technicians);
  } catch (problem) {
    if (isLast()) showProblem(byId("problem"), problem);
  }
}

await refresh();
setInterval(refresh, AGAIN_MS);
followHome(refresh, { path: "/ws/dispatch" });
