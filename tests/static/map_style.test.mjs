import assert from "node:assert/strict";
import test from "node:test";

import { mapStyle } from "../../static/js/map_style.js";

test("without a basemap there is plain ground and no request", () => {
  const style = mapStyle({ dark: false });

  assert.deepEqual([Object.keys(style.sources), style.layers.length], [[], 1]);
});

test("texts are drawn with local fonts: the style names no glyphs and no sprite", () => {
  const style = mapStyle({ dark: true, basemap: "https://example.test/map/basemap.pmtiles" });

  assert.deepEqual([style.glyphs, style.sprite], [undefined, undefined]);
  assert.equal(style.sources.basemap.url, "pmtiles://https://example.test/map/basemap.pmtiles");
});

test("light and dark draw the same layers in other colours", () => {
  const [light, dark] = [false, true].map((each) => mapStyle({ dark: each, basemap: "/map/basemap.pmtiles" }));

  assert.deepEqual(light.layers.map((layer) => layer.id), dark.layers.map((layer) => layer.id));
  assert.notDeepEqual(light.layers, dark.layers);
  assert.deepEqual([...new Set(light.layers.map((layer) => layer["source-layer"]).filter(Boolean))].sort(), ["buildings", "landcover", "places", "roads", "water"]);
});
