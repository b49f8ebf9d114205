import assert from "node:assert/strict";
import test from "node:test";

import { hearServerTime, serverNow } from "../../static/js/server_clock.js";

const NOW = Date.parse("2026-11-25T14:00:00Z");
const HOURS_MS = 3_600_000;

test("a phone's clock that is hours off is put right by the date of an answer", () => {
  hearServerTime("Wed, 25 Nov 2026 14:00:00 GMT", NOW + 2 * HOURS_MS);

  assert.equal(serverNow(NOW + 2 * HOURS_MS + 60_000), NOW + 60_500);
});

test("a clock that is right is left alone, whatever part of a second the answer leaves out", () => {
  hearServerTime("Wed, 25 Nov 2026 14:00:00 GMT", NOW + 1_900);

  assert.equal(serverNow(NOW), NOW);
});

test("an answer without a readable date changes nothing", () => {
  hearServerTime("Wed, 25 Nov 2026 14:00:00 GMT", NOW - 2 * HOURS_MS);

  hearServerTime(null, NOW);
  hearServerTime("yesterday", NOW);

  assert.equal(serverNow(NOW), NOW + 2 * HOURS_MS + 500);
});
