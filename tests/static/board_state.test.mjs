import assert from "node:assert/strict";
import test from "node:test";

import { isOfToday, levelOf, placeOf, siteOf } from "../../static/js/board_state.js";
import { DELAYED_AFTER_MS } from "../../static/js/live_state.js";

const NOW = Date.parse("2026-11-25T22:30:00Z");

function visit({ site = {}, overdue = false, ...more } = {}) {
  const appointment = { status: "scheduled", time_zone: "Europe/Lisbon", window_start: "2026-11-25T09:00:00+00:00", ...more };
  return { overdue, appointment: { ...appointment, site: { lat: 41.15, lon: -8.61, ...site } } };
}

test("a technician of whom the server tells no place has none", () => {
  assert.deepEqual(placeOf({ lat_e6: 41_150_000, lon_e6: -8_610_000 }), { lat: 41.15, lon: -8.61 });
  assert.equal(placeOf({ lat_e6: null, lon_e6: null }), null);
  assert.equal(placeOf({}), null);
});

test("a position that grows old is delayed, and stays so", () => {
  const level = (age_ms) => levelOf({ fixed_at: NOW - age_ms }, NOW);

  assert.deepEqual([0, DELAYED_AFTER_MS, DELAYED_AFTER_MS + 1, 86_400_000].map(level), ["live", "live", "delayed", "delayed"]);
});

test("a site without coordinates, or at 0,0, is nowhere", () => {
  assert.deepEqual(siteOf(visit()), { lat: 41.15, lon: -8.61 });
  assert.equal(siteOf(visit({ site: { lat: null, lon: null } })), null);
  assert.equal(siteOf(visit({ site: { lat: 0, lon: 0 } })), null);
});

test("today is the site's today", () => {
  const inAuckland = { time_zone: "Pacific/Auckland", window_start: "2026-11-26T09:00:00+13:00" };

  assert.equal(isOfToday(visit(), NOW), true);
  assert.equal(isOfToday(visit({ window_start: "2026-11-26T09:00:00+00:00" }), NOW), false);
  assert.equal(isOfToday(visit(inAuckland), NOW), true);
});

test("what waits or is under way is of today, whatever day it was planned for", () => {
  const yesterday = { window_start: "2026-11-24T09:00:00+00:00" };

  assert.equal(isOfToday(visit(yesterday), NOW), false);
  assert.equal(isOfToday(visit({ ...yesterday, overdue: true }), NOW), true);
  assert.equal(isOfToday(visit({ ...yesterday, status: "traveling" }), NOW), true);
  assert.equal(isOfToday(visit({ ...yesterday, status: "in_progress" }), NOW), true);
});
