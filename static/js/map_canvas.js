/** A MapLibre map of our own style, light or dark as the viewer likes it. Loaded only where a map is wanted. */

import { mapStyle } from "./map_style.js";

/** A style of another host that has not come by then leaves the page to its words. */
const STYLE_WITHIN_MS = 15_000;
const VENDOR = new URL("../vendor/", import.meta.url);
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

function hasWebGl2() {
  try {
    return Boolean(document.createElement("canvas").getContext("webgl2"));
  } catch {
    return false;
  }
}

/**
 * `{map, maplibre}`, or null where the browser cannot draw one: the page then lives by its words.
 * `onStyle(map)` is called whenever a style has just been loaded, to add layers of one's own.
 */
export async function openMap(container, { basemap = null, styleUrl = null, center, zoom = 13, onStyle = () => {} }) {
  if (!hasWebGl2()) return null;
  const [maplibre] = await Promise.all([
    import(new URL("maplibre-gl/maplibre-gl.mjs", VENDOR)),
    loadSheet(new URL("maplibre-gl/maplibre-gl.css", VENDOR)),
    basemap && !styleUrl ? loadScript(new URL("pmtiles/pmtiles.js", VENDOR)) : null,
  ]);
  if (globalThis.pmtiles) maplibre.addProtocol("pmtiles", new globalThis.pmtiles.Protocol().tile);
  const basemapUrl = basemap ? new URL(basemap, location.href).href : null;
  const style = () => styleUrl ?? mapStyle({ dark: dark.matches, basemap: basemapUrl });
  const map = new maplibre.Map({
    container,
    style: style(),
    center,
    zoom,
    maxZoom: 18,
    attributionControl: { compact: true },
    dragRotate: false,
    pitchWithRotate: false,
    touchPitch: false,
  });
  map.touchZoomRotate.disableRotation();
  map.on("style.load", () => onStyle(map, { dark: dark.matches }));
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
