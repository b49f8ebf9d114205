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
    eta: { eta_at: NOW + 540_000, eta_low_at: NOW + 420_000, eta_high_at: NOW + 720_000, reason: "changed", estimated: false, widened_to: NOW },
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
  assert.equal(arrival.range, "14:10\u00a0–\u00a014:16");
});

test("the longer the phone is silent the wider the range, and the told arrival stays", () => {
  const arrivals = [0, 60_000, 180_000, 300_000].map((silence_ms) => words(watching(), NOW + silence_ms).arrival);

  assert.deepEqual(arrivals.map((each) => each.clock), ["14:09", "14:09", "14:09", "14:09"]);
  assert.deepEqual(arrivals.map((each) => each.range.replaceAll("\u00a0", " ")), ["14:07 – 14:12", "14:07 – 14:12", "14:06 – 14:13", "14:05 – 14:14"]);
});

const because = (reason, more = {}) => watching({ eta: { ...watching().eta, reason, told_at: NOW, ...more } });

test("a customer is told why the arrival is uncertain or moves, in words", () => {
  const why = (state, now) => words(state, now).arrival.why;

  assert.match(why(because("estimated", { estimated: true })), /rough estimate, made without a map/);
  assert.match(why(because("changed", { estimated: true })), /rough estimate/);
  assert.match(why(because("standing still")), /standing still/);
  assert.match(why(because("re-routed")), /another route/);
});

test("what explains itself needs no reason", () => {
  for (const reason of ["first", "changed", "arriving", "arrived", null]) {
    assert.equal(words(because(reason)).arrival.why, "");
  }
});

test("another route is news for a minute, and none in a snapshot", () => {
  assert.equal(words(because("re-routed"), NOW + 60_000).arrival.why, "");
  assert.equal(words(because("re-routed", { told_at: null })).arrival.why, "");
  assert.match(words(because("re-routed", { told_at: null, estimated: true })).arrival.why, /rough estimate/);
});

test("standing still matters more than how it was reckoned", () => {
  assert.match(words(because("standing still", { estimated: true })).arrival.why, /standing still/);
});

test("who is arriving is arriving now, whatever the seconds say", () => {
  const { arrival, stage } = words(because("arriving", { eta_at: NOW + 44_000 }));

  assert.deepEqual([arrival.in_words, stage], ["Arriving now", "near"]);
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
  const phone = words(watching({ heard_at: silent }), silent).trouble;

  assert.deepEqual([offline.kind, server.kind, phone.kind], ["offline", "server", "phone"]);
  assert.equal(new Set([offline.text, server.text, phone.text]).size, 3);
});

test("a phone is not blamed for a line on which nobody is heard, nor before the newest was asked for", () => {
  const silent = NOW + 100_000;

  const unheard = words(watching({ heard_at: NOW }), silent);
  const asking = words(watching({ heard_at: NOW, link: "asking" }), silent);

  assert.deepEqual([unheard.trouble.kind, unheard.freshness], ["server", { level: "delayed", text: "2 min ago" }]);
  assert.deepEqual([asking.trouble, asking.freshness.level], [null, "delayed"]);
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

test("a reason is said with the arrival it moves, and not by itself", () => {
  const { said } = announcement(nothingSaid, words(watching()), "Ana");
  const standing = announcement(said, words(because("standing still")), "Ana");
  const later = announcement(standing.said, words(because("standing still", { eta_at: NOW + 660_000 })), "Ana");
  const later_still = announcement(later.said, words(because("standing still", { eta_at: NOW + 780_000 })), "Ana");

  assert.equal(standing.text, "");
  assert.equal(later.text, "Arrival about 14:11, in 11 min. The technician is standing still just now, perhaps in traffic.");
  assert.equal(later_still.text, "Arrival about 14:13, in 13 min.");
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
