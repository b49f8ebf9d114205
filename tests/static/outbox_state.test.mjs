import assert from "node:assert/strict";
import test from "node:test";

import { emptyOutbox, FULL_AT, nextBatch, reduceOutbox } from "../../static/js/outbox_state.js";

const fix = (fixed_at) => ({ fixed_at, lat: 41, lon: -8 });
const take = (...times) => times.map((time) => ({ type: "fix", fix: fix(time) }));
const after = (messages, outbox = emptyOutbox) => messages.reduce(reduceOutbox, outbox);
const times = (fixes) => fixes.map((each) => each.fixed_at);

test("fixes wait in order until the server has them", () => {
  const outbox = after([...take(1, 2, 3), { type: "sent", upto: 3 }, { type: "ack", upto: 2 }]);

  assert.deepEqual(times(outbox.fixes), [3]);
  assert.deepEqual(nextBatch(outbox), []);
});

test("what was in flight when the line broke is sent again", () => {
  const outbox = after([...take(1, 2), { type: "sent", upto: 2 }, { type: "closed" }, ...take(3)]);

  assert.deepEqual(times(nextBatch(outbox)), [1, 2, 3]);
});

test("a repeated fix of the browser is taken once", () => {
  assert.deepEqual(times(after(take(5, 6, 5, 6)).fixes), [5, 6]);
});

test("fixes of the right time wait beside one of a clock that was ahead, and are sent when that is refused", () => {
  const ahead = after([...take(9_000), { type: "sent", upto: 9_000 }, ...take(20, 21)]);
  assert.deepEqual(times(nextBatch(ahead)), [20, 21, 9_000]);

  const refused = reduceOutbox(ahead, { type: "error", code: "future", fixed_at: 9_000 });

  assert.deepEqual(times(nextBatch(refused)), [20, 21]);
});

test("fixes of an earlier page come first", () => {
  const outbox = after([...take(9), { type: "restored", fixes: [fix(1), fix(9)] }]);

  assert.deepEqual(times(outbox.fixes), [1, 9]);
});

test("a day without network fills the box, the oldest go first", () => {
  const many = Array.from({ length: FULL_AT + 5 }, (_, index) => fix(index));

  const outbox = reduceOutbox(emptyOutbox, { type: "restored", fixes: many });

  assert.deepEqual([outbox.fixes.length, outbox.fixes[0].fixed_at], [FULL_AT, 5]);
});
