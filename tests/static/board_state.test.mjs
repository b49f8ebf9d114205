import assert from "node:assert/strict";
import test from "node:test";

import { hearAnswer, hearFrame, isOfToday, isSilent, levelOf, nothingOnBoard, placeOf, siteOf } from "../../static/js/board_state.js";
import { DELAYED_AFTER_MS, LOST_AFTER_MS } from "../../static/js/live_state.js";

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

const answer = (...technicians) => ({ technicians, visits: [], unhappy: [] });
const ana = (more = {}) => ({ id: "ana", name: "Ana", duty: "on_duty", fixed_at: NOW, lat_e6: 41_150_000, lon_e6: -8_610_000, trip: null, ...more });
const frame = (...technicians) => ({ type: "board", server_time: NOW, technicians });
const of = ({ technicians: [{ name, duty, fixed_at, lat_e6, trip }] }) => ({ name, duty, fixed_at, lat_e6, trip });

test("a frame moves a technician, who keeps their name", () => {
  const board = hearAnswer(nothingOnBoard, answer(ana()), 0);

  const moved = hearFrame(board, frame({ id: "ana", duty: "on_duty", fixed_at: NOW + 500, lat_e6: 41_160_000, lon_e6: -8_610_000, trip: "v1" }));

  assert.deepEqual(of(moved), { name: "Ana", duty: "on_duty", fixed_at: NOW + 500, lat_e6: 41_160_000, trip: "v1" });
});

test("what a frame leaves out is not known any more", () => {
  const board = hearAnswer(nothingOnBoard, answer(ana({ trip: "v1" })), 0);

  const paused = hearFrame(board, frame({ id: "ana", duty: "on_break" }));

  assert.deepEqual(of(paused), { name: "Ana", duty: "on_break", fixed_at: null, lat_e6: null, trip: null });
  assert.equal(placeOf(paused.technicians[0]), null);
});

test("whom no answer has named is nobody yet", () => {
  const board = hearFrame(nothingOnBoard, frame({ id: "bo", duty: "on_duty" }));

  assert.deepEqual(board.technicians, []);
});

test("an answer that was asked for before a frame does not undo it", () => {
  const board = hearAnswer(nothingOnBoard, answer(ana()), 0);
  const asked_after = board.frames;
  const paused = hearFrame(board, frame({ id: "ana", duty: "on_break" }));

  const merged = hearAnswer(paused, answer(ana({ name: "Ana Alves" }), { ...ana(), id: "bo" }), asked_after);

  assert.deepEqual(of(merged), { name: "Ana Alves", duty: "on_break", fixed_at: null, lat_e6: null, trip: null });
  assert.deepEqual(merged.technicians.map(({ id }) => id), ["ana", "bo"]);
  assert.equal(of(hearAnswer(paused, answer(ana()), paused.frames)).duty, "on_duty");
});

test("a phone is silent under way alone, and long after its last word", () => {
  const silent = (more) => isSilent(ana(more), NOW);

  assert.equal(silent({ trip: "v1", fixed_at: NOW - LOST_AFTER_MS }), false);
  assert.equal(silent({ trip: "v1", fixed_at: NOW - LOST_AFTER_MS - 1 }), true);
  assert.equal(silent({ trip: "v1", fixed_at: null }), true);
  assert.equal(silent({ trip: null, fixed_at: null }), false);
});
