import assert from "node:assert/strict";
import test from "node:test";

import { changeWords } from "../../static/js/visit_history.js";

const change = (more) => ({ action: "cancel", from_status: "scheduled", role: "customer", applied: true, facts: { reason: "Away" }, ...more });

test("a cancel while the technician was on the way says so", () => {
  assert.deepEqual(changeWords(change({ from_status: "traveling" })).more, ["the technician was on the way", "Reason: Away"]);
  assert.deepEqual(changeWords(change()).more, ["Reason: Away"]);
});

test("a cancel that came too late did not happen on the way", () => {
  const more = changeWords(change({ from_status: "traveling", applied: false })).more;

  assert.deepEqual(more, ["Reason: Away", "came too late and changed nothing"]);
});
