/** The map of the board: technicians where they are, today's visits at their sites. */

import { placeOf, levelOf, siteOf, isOfToday } from "./board_state.js";
import { element, icon } from "./components/element.js";
import { initials } from "./components/person.js";
import { visitWords } from "./components/visit_words.js";
import { boundsOf, lngLat, openMap } from "./map_canvas.js";
import { age } from "./time_words.js";
import { _ } from "./words.js";

/** Everything in one picture, and no closer than a quarter of a town. */
const OVERVIEW = { padding: 56, maxZoom: 14 };
const ICONS = { scheduled: "home", traveling: "car", in_progress: "tool", completed: "check", canceled: "plus" };

const inWords = (parts) => parts.filter(Boolean).join(" · ");

function technicianNode({ id, name }) {
  return element("div", { class: "vehicle", "data-id": id }, element("span", { class: "face-photo" }, initials(name)));
}

function changeTechnician(node, technician, now) {
  const level = levelOf(technician, now);
  node.dataset.level = level;
  node.title = inWords([technician.name, level !== "live" && _("seen {age} ago", { age: age(now - technician.fixed_at) })]);
}

/** The list beside the map has the same links: whoever goes by the keyboard is not led through all of these first. */
function visitNode({ appointment: { id } }) {
  return element("a", { class: "site", "data-id": id, href: `/dispatch/visits/${encodeURIComponent(id)}`, tabindex: "-1" });
}

function changeVisit(node, { appointment, account, contact }) {
  const version = String(appointment.version);
  if (node.dataset.version === version) return;
  node.dataset.version = version;
  const words = visitWords(appointment);
  const title = inWords([words.window, words.service, contact.name || account, words.status.text]);
  node.dataset.status = appointment.status;
  node.title = title;
  node.setAttribute("aria-label", title);
  node.replaceChildren(icon(ICONS[appointment.status] ?? "home"));
}

export class BoardMap {
  #map;
  #maplibre;
  #technicians = new Map();
  #visits = new Map();

  constructor({ map, maplibre }) {
    this.#map = map;
    this.#maplibre = maplibre;
  }

  /** A BoardMap, or null where there is no WebGL2. The first picture holds everything of `board`. */
  static async open(container, { basemap, styleUrl, board, now }) {
    const shown = [...BoardMap.#placed(board), ...BoardMap.#sites(board, now)].map(({ place }) => place);
    const opened = await openMap(container, { basemap, styleUrl, bounds: boundsOf(shown), fitBoundsOptions: OVERVIEW });
    return opened && new BoardMap(opened);
  }

  /** Whether there is anything to be shown on a map. */
  static hasPlaces(board, now) {
    return BoardMap.#placed(board).length > 0 || BoardMap.#sites(board, now).length > 0;
  }

  static #placed({ technicians }) {
    return technicians.map((row) => ({ id: row.id, row, place: placeOf(row) })).filter(({ place }) => place);
  }

  static #sites({ visits }, now) {
    const today = visits.filter((row) => isOfToday(row, now));
    return today.map((row) => ({ id: row.appointment.id, row, place: siteOf(row) })).filter(({ place }) => place);
  }

  showVisits(board, now) {
    this.#tend(this.#visits, BoardMap.#sites(board, now), visitNode, changeVisit, now);
  }

  showTechnicians(board, now) {
    this.#tend(this.#technicians, BoardMap.#placed(board), technicianNode, changeTechnician, now);
  }

  /** Who is new gets a marker, who has no place any more loses theirs. */
  #tend(markers, wanted, make, change, now) {
    const ids = new Set(wanted.map(({ id }) => id));
    for (const [id, marker] of markers) {
      if (ids.has(id)) continue;
      marker.remove();
      markers.delete(id);
    }
    for (const { id, row, place } of wanted) {
      const known = markers.get(id);
      const marker = known ?? new this.#maplibre.Marker({ element: make(row) });
      change(marker.getElement(), row, now);
      marker.setLngLat(lngLat(place));
      if (known) continue;
      markers.set(id, marker);
      marker.addTo(this.#map);
    }
  }
}
