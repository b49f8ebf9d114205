/** The drawn map: a style of our own vector tiles, light and dark. Pure: values in, a style document out. */

const LIGHT = {
  land: "#f1efe9",
  green: "#dbe8d3",
  water: "#bcd8e6",
  building: "#e3dfd6",
  road: "#ffffff",
  casing: "#d8d3c7",
  main: "#fff6dc",
  mainCasing: "#dccb9d",
  path: "#cfc9bb",
  text: "#4c5552",
  halo: "#f8f7f3",
};

const DARK = {
  land: "#151b1a",
  green: "#1a2a22",
  water: "#12303d",
  building: "#1f2725",
  road: "#34403c",
  casing: "#111716",
  main: "#4a5450",
  mainCasing: "#111716",
  path: "#2b3532",
  text: "#a5b2ad",
  halo: "#121817",
};

/** Which classes of `roads` are drawn how wide, in pixels at zoom 12 and 18. Later ones lie on top. */
const ROADS = [
  { id: "paths", classes: ["path", "footway", "cycleway", "pedestrian", "steps", "track"], minzoom: 14, width: [0.5, 3], paint: "path" },
  { id: "service", classes: ["service", "living_street"], minzoom: 13, width: [0.6, 8], paint: "road" },
  { id: "streets", classes: ["residential", "unclassified"], minzoom: 11, width: [0.9, 15], paint: "road" },
  { id: "tertiary", classes: ["tertiary", "tertiary_link", "secondary", "secondary_link"], minzoom: 9, width: [1.8, 19], paint: "road" },
  { id: "primary", classes: ["primary", "primary_link", "trunk", "trunk_link"], minzoom: 7, width: [2.4, 22], paint: "main" },
  { id: "motorways", classes: ["motorway", "motorway_link"], minzoom: 5, width: [2.8, 24], paint: "main" },
];

const FONT = ["sans-serif"];

function widthOf([at12, at18], more = 0) {
  return ["interpolate", ["exponential", 1.6], ["zoom"], 8, 0.3 + more / 3, 12, at12 + more, 18, at18 + 2 * more];
}

function roadLayers(colours) {
  const layer = (road, id, color, width) => ({
    id,
    type: "line",
    source: "basemap",
    "source-layer": "roads",
    minzoom: road.minzoom,
    filter: ["in", ["get", "class"], ["literal", road.classes]],
    layout: { "line-cap": "round", "line-join": "round" },
    paint: { "line-color": color, "line-width": width },
  });
  const cased = ROADS.filter((road) => road.paint !== "path");
  return [
    ...cased.map((road) => layer(road, `${road.id}-casing`, colours[road.paint === "main" ? "mainCasing" : "casing"], widthOf(road.width, 1.2))),
    ...ROADS.map((road) => layer(road, road.id, colours[road.paint], widthOf(road.width))),
  ];
}

function fill(id, color, more = {}) {
  return { id, type: "fill", source: "basemap", "source-layer": id, paint: { "fill-color": color, "fill-antialias": true }, ...more };
}

function textPaint(colours) {
  return { "text-color": colours.text, "text-halo-color": colours.halo, "text-halo-width": 1.6 };
}

function labelLayers(colours) {
  return [
    {
      id: "road-names",
      type: "symbol",
      source: "basemap",
      "source-layer": "roads",
      minzoom: 14,
      filter: ["has", "name"],
      layout: {
        "symbol-placement": "line",
        "text-field": ["get", "name"],
        "text-font": FONT,
        "text-size": ["interpolate", ["linear"], ["zoom"], 14, 10.5, 18, 14],
        "text-max-angle": 30,
        "symbol-spacing": 320,
      },
      paint: textPaint(colours),
    },
    {
      id: "place-names",
      type: "symbol",
      source: "basemap",
      "source-layer": "places",
      layout: { "text-field": ["get", "name"], "text-font": FONT, "text-size": 14, "text-letter-spacing": 0.04, "text-max-width": 8 },
      paint: textPaint(colours),
    },
  ];
}

/**
 * A MapLibre style. `basemap` is the URL of a PMTiles file with the layers water, landcover, buildings, roads and places,
 * or null for plain ground. Texts are drawn with the viewer's own fonts: no glyph files are asked for.
 */
export function mapStyle({ dark, basemap = null }) {
  const colours = dark ? DARK : LIGHT;
  const ground = { id: "land", type: "background", paint: { "background-color": colours.land } };
  if (!basemap) return { version: 8, sources: {}, layers: [ground] };
  return {
    version: 8,
    sources: { basemap: { type: "vector", url: `pmtiles://${basemap}`, attribution: "© OpenStreetMap contributors" } },
    layers: [
      ground,
      fill("landcover", colours.green),
      fill("water", colours.water),
      fill("buildings", colours.building, { minzoom: 14 }),
      ...roadLayers(colours),
      ...labelLayers(colours),
    ],
  };
}
