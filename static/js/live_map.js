/** The map of the live page: destination, route, and the technician's marker gliding from fix to fix. */

import { element, icon } from "./components/element.js";
import { boundsOf, lngLat, openMap } from "./map_canvas.js";
import { ahead, glide, glideDuration, placeAt } from "./motion.js";

const PADDING_PX = 56;
const still = globalThis.matchMedia("(prefers-reduced-motion: reduce)");

function lineOf(points) {
  return { type: "Feature", properties: {}, geometry: { type: "LineString", coordinates: points.map(lngLat) } };
}

/** Everything in one picture, and no closer than one finds one's way. */
const OVERVIEW = { padding: PADDING_PX, maxZoom: 16.5 };

function addRoute(map, route, { dark }) {
  map.addSource("route", { type: "geojson", data: lineOf(route ?? []) });
  const layout = { "line-cap": "round", "line-join": "round" };
  const width = ["interpolate", ["linear"], ["zoom"], 10, 3, 17, 8];
  const casing = { "line-color": dark ? "#0e1312" : "#ffffff", "line-width": ["interpolate", ["linear"], ["zoom"], 10, 6, 17, 12] };
  map.addLayer({ id: "route-casing", type: "line", source: "route", layout, paint: casing });
  // The colour of buttons and links, which a company chooses: light and dark are told apart by the sheet itself.
  const accent = getComputedStyle(document.documentElement).getPropertyValue("--accent").trim();
  map.addLayer({ id: "route", type: "line", source: "route", layout, paint: { "line-color": accent, "line-width": width } });
}

export class LiveMap {
  #map = null;
  #vehicle = null;
  #vehicleNode = null;
  #headingNode = null;
  #destination = null;
  #destinationAt = null;
  #glide = null;
  #drawn = null;
  #position = null;
  #route = null;
  #frame = 0;
  #follows = true;
  #framed = true;

  /** A LiveMap, or null where there is no WebGL2. `onWander(away)` tells when the viewer moves the map themselves. */
  static async open(container, { basemap, styleUrl, state, onWander }) {
    const self = new LiveMap();
    const shown = [state.position, state.destination, ...(state.route ?? [])].filter(Boolean);
    const opened = await openMap(container, {
      basemap,
      styleUrl,
      // The first picture is already the whole way: no tile is asked for that is not seen.
      bounds: boundsOf(shown),
      fitBoundsOptions: OVERVIEW,
      onStyle: (map, look) => addRoute(map, self.#routeAhead(), look),
    });
    if (!opened) return null;
    self.#begin(opened, onWander);
    return self;
  }

  #begin({ map, maplibre }, onWander) {
    this.#map = map;
    this.#headingNode = element("span", { class: "heading" });
    this.#vehicleNode = element(
      "div",
      { class: "vehicle", "data-level": "none", "aria-hidden": "true" },
      this.#headingNode,
      element("span", { class: "dot" }),
    );
    this.#vehicle = new maplibre.Marker({ element: this.#vehicleNode });
    const pin = element("div", { class: "destination" }, icon("home"));
    const pinBox = element("div", { class: "destination-box", "aria-hidden": "true" }, element("div", { class: "destination-turn" }, pin));
    this.#destination = new maplibre.Marker({ element: pinBox, anchor: "bottom" });
    map.on("movestart", (event) => {
      if (!event.originalEvent) return;
      this.#follows = false;
      onWander(true);
    });
  }

  /** Draws a state of the live page; `level` is the freshness of its position. */
  show(state, level) {
    if (state.destination !== this.#destinationAt) {
      this.#destinationAt = state.destination;
      this.#destination.setLngLat(lngLat(state.destination)).addTo(this.#map);
    }
    const rerouted = state.route !== this.#route;
    this.#route = state.route;
    this.#vehicleNode.dataset.level = level;
    if (!state.position) {
      this.#vehicle.remove();
      this.#position = this.#drawn = this.#glide = null;
      this.#framed = false;
    }
    const moved = state.position && state.position.fixed_at !== this.#position?.fixed_at;
    // Cut before the marker sets off: the line never ends in front of it.
    if (moved || rerouted) this.#cutRoute();
    if (moved) this.#goTo(state.position);
  }

  #routeAhead() {
    if (!this.#route) return [];
    return this.#drawn ? ahead(this.#route, this.#drawn) : this.#route;
  }

  /** What lies behind the marker is no way any more. */
  #cutRoute() {
    this.#map.getSource("route")?.setData(lineOf(this.#routeAhead()));
  }

  #goTo(position) {
    const before = this.#position;
    this.#position = position;
    this.#vehicleNode.dataset.fixedAt = position.fixed_at;
    const unseen = document.visibilityState === "hidden" || still.matches || !this.#drawn;
    if (unseen) {
      this.#place(position);
      this.#cutRoute();
      this.#vehicle.addTo(this.#map);
      if (before) this.#keepInView();
      else if (!this.#framed) this.overview();
      return;
    }
    this.#glide = glide({
      from: this.#drawn,
      to: position,
      route: this.#route,
      started_at: performance.now(),
      duration_ms: glideDuration(before.fixed_at, position.fixed_at),
    });
    this.#keepInView();
    if (!this.#frame) this.#frame = requestAnimationFrame(() => this.#step());
  }

  #step() {
    this.#frame = 0;
    if (!this.#glide) return;
    const place = placeAt(this.#glide, performance.now());
    this.#place(place);
    if (place.done) {
      this.#glide = null;
      this.#cutRoute();
    } else this.#frame = requestAnimationFrame(() => this.#step());
  }

  #place({ lat, lon }) {
    this.#drawn = { lat, lon };
    this.#vehicle.setLngLat([lon, lat]);
    const { heading_deg } = this.#position;
    this.#headingNode.hidden = heading_deg === null;
    if (heading_deg !== null) this.#headingNode.style.rotate = `${heading_deg}deg`;
  }

  /** The whole way in one picture: technician, route, destination. */
  overview() {
    this.#follows = true;
    const points = [this.#position, this.#destination.getLngLat() && this.#place_of(this.#destination)].filter(Boolean);
    const [first] = points;
    if (!first) return;
    const bounds = boundsOf([...points, ...(this.#route ?? [])]);
    this.#map.fitBounds(bounds, { ...OVERVIEW, animate: !still.matches, duration: 900 });
  }

  #place_of(marker) {
    const { lat, lng } = marker.getLngLat();
    return { lat, lon: lng };
  }

  /** The picture follows by itself only when the newest fix leaves it, or when it has become far too wide. */
  #keepInView() {
    if (!this.#follows) return;
    const { x, y } = this.#map.project(lngLat(this.#position));
    const { clientWidth: width, clientHeight: height } = this.#map.getContainer();
    const inside = x > PADDING_PX / 2 && y > PADDING_PX / 2 && x < width - PADDING_PX / 2 && y < height - PADDING_PX;
    const target = this.#map.project(this.#destination.getLngLat() ?? [0, 0]);
    const close = Math.hypot(target.x - x, target.y - y) < Math.min(width, height) / 4 && this.#map.getZoom() < 16;
    if (!inside || close) this.overview();
  }
}
