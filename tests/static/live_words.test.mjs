import assert from "node:assert/strict";
import test from "node:test";

import { nothingKnown } from "../../static/js/live_state.js";
import { announcement, liveWords, nothingSaid } from "../../static/js/live_words.js";

const NOW = Date.parse("2026-11-25T14:00:00Z");

function watching(more = {}) {
  return {
    ...nothingKnown,
    link: "open",
    status: "traveling",
    time_zone: "Europe/Lisbon",
    clock_ahead_ms: 0,
    technician: { name: "Ana" },
    position: { lat: 41, lon: -8, fixed_at: NOW, left_m: 3200, freshness: "live" },
    eta: { eta_at: NOW + 540_000, eta_low_at: NOW + 420_000, eta_high_at: NOW + 720_000, reason: "changed", estimated: false },
    ...more,
  };
}

const words = (state, now = NOW) => liveWords(state, now, "en-GB");

test("arrival is a clock time in the visit's zone, with a range and minutes", () => {
  const { arrival, distance, stage } = words(watching({ time_zone: "Europe/Berlin" }));

  assert.deepEqual([arrival.clock, arrival.range, arrival.in_words], ["15:09", "15:07\u00a0–\u00a015:12", "in 9 min"]);
  assert.deepEqual([stage, distance], ["on_the_way", "3.2 km away"]);
});

test("an arrival is never in the past", () => {
  const { arrival } = words(watching(), NOW + 600_000);

  assert.deepEqual([arrival.clock, arrival.in_words], ["14:10", "Arriving now"]);
  assert.equal(arrival.range, "14:10\u00a0–\u00a014:12");
});

test("near, then here", () => {
  const at = (left_m, eta_in_s) => watching({ position: { ...watching().position, left_m }, eta: { ...watching().eta, eta_at: NOW + eta_in_s * 1000 } });

  assert.equal(words(at(500, 400)).stage, "near");
  assert.equal(words(at(2000, 170)).stage, "near");
  assert.equal(words(at(40, 20)).stage, "here");
});

test("three troubles are three different messages, the nearest to the viewer first", () => {
  const silent = NOW + 100_000;

  const offline = words(watching({ online: false, link: "retrying" }), silent).trouble;
  const server = words(watching({ link: "retrying" }), silent).trouble;
  const phone = words(watching(), silent).trouble;

  assert.deepEqual([offline.kind, server.kind, phone.kind], ["offline", "server", "phone"]);
  assert.equal(new Set([offline.text, server.text, phone.text]).size, 3);
});

test("a lost position says when it was last seen and hides the distance", () => {
  const { freshness, distance } = words(watching(), NOW + 200_000);

  assert.deepEqual(freshness, { level: "lost", text: "Last seen 14:00" });
  assert.equal(distance, "");
});

test("what was said is not said again every second", () => {
  const first = announcement(nothingSaid, words(watching()), "Ana");

  const second = announcement(first.said, words(watching(), NOW + 1000), "Ana");

  assert.equal(first.text, "On the way. Arrival about 14:09, in 9 min.");
  assert.equal(second.text, "");
});

test("an arrival that moves by two minutes is worth saying", () => {
  const { said } = announcement(nothingSaid, words(watching()), "Ana");
  const later = watching({ eta: { ...watching().eta, eta_at: NOW + 660_000 } });

  assert.equal(announcement(said, words(later), "Ana").text, "Arrival about 14:11, in 11 min.");
});

test("another technician is announced with the new arrival", () => {
  const { said } = announcement(nothingSaid, words(watching()), "Ana");

  assert.match(announcement(said, words(watching()), "Rui").text, /^Rui is coming instead\./);
});

test("trouble is said once, and its end too", () => {
  const { said } = announcement(nothingSaid, words(watching()), "Ana");
  const away = announcement(said, words(watching({ link: "retrying" })), "Ana");
  const back = announcement(away.said, words(watching()), "Ana");

  assert.match(away.text, /cannot reach our server/);
  assert.equal(back.text, "Live again.");
});
