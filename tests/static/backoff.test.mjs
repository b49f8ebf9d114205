import assert from "node:assert/strict";
import test from "node:test";

import { afterClose, reconnectDelay } from "../../static/js/backoff.js";

test("the first reconnect is spread over half a second to six, after a lost connection to four", () => {
  assert.equal(reconnectDelay(0, 0), 500);
  assert.equal(reconnectDelay(0, 1), 6_000);
  assert.equal(reconnectDelay(0, 0, { lost: true }), 500);
  assert.equal(reconnectDelay(0, 1, { lost: true }), 4_000);
});

test("later ones spread wider, up to twenty seconds", () => {
  assert.equal(reconnectDelay(1, 1), 12_000);
  assert.equal(reconnectDelay(1, 1, { lost: true }), 8_000);
  assert.equal(reconnectDelay(2, 1), 20_000);
  assert.equal(reconnectDelay(3, 1, { lost: true }), 20_000);
  assert.equal(reconnectDelay(50, 1), 20_000);
});

test("a restart, a slow line and a network failure mean: come back", () => {
  for (const code of [1000, 1001, 1006, 1012, 1013, 4408, 4413, 4429]) assert.equal(afterClose(code), "return");
});

test("from x500 on a code means: stay away", () => {
  for (const code of [4500, 4503, 4510]) assert.equal(afterClose(code), "stay_away");
});

test("4401 means: sign in again", () => {
  assert.equal(afterClose(4401), "sign_in");
});
