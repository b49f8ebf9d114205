import assert from "node:assert/strict";
import test from "node:test";

import { ahead, distanceM, glide, glideDuration, placeAt } from "../../static/js/motion.js";

const A = { lat: 41.15, lon: -8.62 };
const B = { lat: 41.151, lon: -8.62 };
const CORNER = { lat: 41.15, lon: -8.619 };
const C = { lat: 41.151, lon: -8.619 };

const near = (place, expected, within_m = 0.5) => assert.ok(distanceM(place, expected) < within_m, JSON.stringify(place));

test("a degree of latitude is 111 km", () => {
  assert.ok(Math.abs(distanceM({ lat: 41, lon: -8 }, { lat: 42, lon: -8 }) - 111_195) < 1);
});

test("half way through the time the marker is half way", () => {
  const flight = glide({ from: A, to: B, started_at: 1000, duration_ms: 2000 });

  near(placeAt(flight, 2000), { lat: 41.1505, lon: -8.62 });
  assert.equal(placeAt(flight, 2000).done, false);
});

test("the marker never runs past the newest fix, nor backwards before the start", () => {
  const flight = glide({ from: A, to: B, started_at: 1000, duration_ms: 2000 });

  assert.deepEqual(placeAt(flight, 99_999), { ...B, done: true });
  near(placeAt(flight, 0), A);
});

test("where both ends lie on the route the marker follows it round the corner", () => {
  const flight = glide({ from: A, to: C, route: [A, CORNER, C], started_at: 0, duration_ms: 1000 });

  const toCorner = distanceM(A, CORNER) / (distanceM(A, CORNER) + distanceM(CORNER, C));

  near(placeAt(flight, 1000 * toCorner), CORNER, 1);
});

test("beside the route the marker goes straight", () => {
  const off = { lat: 41.152, lon: -8.62 };

  assert.equal(glide({ from: A, to: off, route: [A, CORNER, C], started_at: 0, duration_ms: 1000 }).path.length, 2);
});

test("a far jump is not glided", () => {
  const flight = glide({ from: A, to: { lat: 41.3, lon: -8.62 }, started_at: 0, duration_ms: 5000 });

  assert.equal(placeAt(flight, 1).done, true);
});

test("a glide takes as long as the technician took, within reason", () => {
  assert.deepEqual([glideDuration(0, 1000), glideDuration(0, 0), glideDuration(0, 60_000)], [1000, 300, 8000]);
});

test("only the way ahead is left of a route", () => {
  const middle = { lat: 41.15, lon: -8.6195 };

  assert.deepEqual(ahead([A, CORNER, C], middle), [middle, CORNER, C]);
  assert.deepEqual(ahead([A, CORNER, C], { lat: 41.2, lon: -8.62 }), [A, CORNER, C]);
});
