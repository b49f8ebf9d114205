/** A MapLibre map of our own style, light or dark as the viewer likes it. Loaded only where a map is wanted. */

import { mapStyle } from "./map_style.js";

/** A style of another host that has not come by then leaves the page to its words. */
const STYLE_WITHIN_MS = 15_000;
const VENDOR = new URL("../vendor/", import.meta.url);
const vendored = (path) => new URL(path, VENDOR).href;
const dark = globalThis.matchMedia("(prefers-color-scheme: dark)");

function loadScript(url) {
  return new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = url;
    script.onload = resolve;
    script.onerror = () => reject(new Error(`could not load ${url}`));
    document.head.append(script);
  });
}

function loadSheet(url) {
  return new Promise((resolve) => {
    const link = document.createElement("link");
    link.rel = "stylesheet";
    link.href = url;
    link.onload = link.onerror = resolve;
    document.head.append(link);
  });
}

/** The library asks for its worker only once it runs: by then it is here. A failure shows when the worker is wanted. */
function fetchAhead(url) {
  fetch(url).catch(() => {});
}

/**
 * The reader of PMTiles files. That of the drawn map begins to read its directory while the library is still on its way;
 * without `url` it waits for a style to name one.
 */
async function loadTiles(url) {
  await loadScript(vendored("pmtiles/pmtiles.js"));
  const protocol = new globalThis.pmtiles.Protocol();
  if (!url) return protocol;
  const tiles = new globalThis.pmtiles.PMTiles(url);
  protocol.add(tiles);
  tiles.getHeader().catch(() => {});
  return protocol;
}

function hasWebGl2() {
  try {
    return Boolean(document.createElement("canvas").getContext("webgl2"));
  } catch {
    return false;
  }
}

/**
 * `{map, maplibre}`, or null where the browser cannot draw one: the page then lives by its words.
 * The first view is `center` and `zoom`, or `bounds` with `fitBoundsOptions`.
 * `onStyle(map)` is called whenever a style has just been loaded, to add layers of one's own.
 */
export async function openMap(container, { basemap = null, styleUrl = null, onStyle = () => {}, ...view }) {
  if (!hasWebGl2()) return null;
  const basemapUrl = basemap ? new URL(basemap, location.href).href : null;
  const loading = [import(vendored("maplibre-gl/maplibre-gl.mjs")), loadSheet(vendored("maplibre-gl/maplibre-gl.css"))];
  if (basemapUrl || styleUrl) loading.push(loadTiles(styleUrl ? null : basemapUrl));
  const worker = vendored("maplibre-gl/maplibre-gl-worker.mjs");
  fetchAhead(worker);
  const [maplibre, , protocol] = await Promise.all(loading);
  // Named as it was fetched, or it would be fetched again.
  maplibre.setWorkerUrl(worker);
  if (protocol) maplibre.addProtocol("pmtiles", protocol.tile);
  const style = () => styleUrl ?? mapStyle({ dark: dark.matches, basemap: basemapUrl });
  const map = new maplibre.Map({
    container,
    style: style(),
    ...view,
    maxZoom: 18,
    attributionControl: { compact: true },
    dragRotate: false,
    pitchWithRotate: false,
    touchPitch: false,
  });
  map.touchZoomRotate.disableRotation();
  map.on("style.load", () => onStyle(map, { dark: dark.matches }));
  // The first whole picture, for whoever measures.
  map.once("load", () => performance.mark("map-drawn"));
  if (!styleUrl) dark.addEventListener("change", () => map.setStyle(style(), { diff: false }));
  const styled = await new Promise((resolve) => {
    map.once("style.load", () => resolve(true));
    setTimeout(() => resolve(false), STYLE_WITHIN_MS);
  });
  if (styled) return { map, maplibre };
  map.remove();
  return null;
}

export const lngLat = ({ lat, lon }) => [lon, lat];

/** The box of some places, as `bounds` of a map. */
export function boundsOf(points) {
  const [lats, lons] = [points.map((each) => each.lat), points.map((each) => each.lon)];
  return [
    [Math.min(...lons), Math.min(...lats)],
    [Math.max(...lons), Math.max(...lats)],
  ];
}
