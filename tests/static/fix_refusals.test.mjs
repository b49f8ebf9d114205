import assert from "node:assert/strict";
import test from "node:test";

import { reduceRefusal, refusalWords } from "../../static/js/fix_refusals.js";

const refusal = (code, fixed_at) => ({ type: "error", code, detail: "", fixed_at });
const ack = (upto) => ({ type: "ack", upto });
const after = (...messages) => messages.reduce(reduceRefusal, null);

test("a refused fix is known until a later one was taken", () => {
  assert.deepEqual(after(refusal("off_duty", 5), ack(5)), { code: "off_duty", fixed_at: 5 });
  assert.equal(after(refusal("off_duty", 5), ack(5), ack(6)), null);
});

test("an old fix that is refused late says nothing about the newest", () => {
  assert.deepEqual(after(refusal("inaccurate", 5), refusal("off_duty", 3)), { code: "inaccurate", fixed_at: 5 });
  assert.equal(after(refusal("off_duty", 3), ack(9)), null);
});

test("a clock that was ahead is told until anything else is heard of a fix", () => {
  assert.deepEqual(after(refusal("future", 9_000), ack(0)), { code: "future", fixed_at: 9_000 });
  assert.equal(after(refusal("future", 9_000), ack(20)), null);
  assert.deepEqual(after(refusal("future", 9_000), refusal("off_duty", 20)), { code: "off_duty", fixed_at: 20 });
});

test("what the server has already, or believes when it is repeated, is not worth a word", () => {
  for (const code of ["duplicate", "impossible_speed", "inconsistent_speed"]) {
    assert.equal(after(refusal(code, 5)), null);
  }
});

test("a message that could not be read is no position", () => {
  assert.equal(after({ type: "error", code: "malformed", detail: "" }), null);
});

test("the technician is told why", () => {
  assert.equal(refusalWords({ code: "off_duty" }, "on_break"), "You are on a break: your positions are not taken.");
  assert.equal(refusalWords({ code: "off_duty" }, "off_duty"), "You are off duty: your positions are not taken.");
  assert.equal(refusalWords({ code: "off_duty" }, "on_duty"), "Your position is not taken right now.");
  assert.equal(refusalWords({ code: "future" }, "on_duty"), "Your position is not taken: the clock of this phone is wrong.");
  assert.equal(refusalWords({ code: "null_island" }, "on_duty"), "Your position is not taken right now.");
});
