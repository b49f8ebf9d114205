import assert from "node:assert/strict";
import test from "node:test";

import { hadNoEffect, isPassing, reduceSteps, waitingSteps, wasTaken, withSteps } from "../../static/js/steps_state.js";

const step = (name, { id = name, visit = "a", version = 1, ...more } = {}) => ({ id, visit, name, at: 10, version, ...more });
const visit = (status, more = {}) => ({
  id: "a",
  version: 1,
  status,
  allowed: { travel: status === "scheduled", undo: status === "traveling", start: false, complete: false, cancel: true },
  ...more,
});
const allowedOf = (visit) => Object.keys(visit.allowed).filter((name) => visit.allowed[name]);

test("steps wait in the order they were pressed", () => {
  const steps = [step("travel"), step("start")].reduce((all, each) => reduceSteps(all, { type: "pressed", step: each }), []);

  assert.deepEqual(steps, [step("travel"), step("start")]);
});

test("what follows a step that was taken is made on the version that it left", () => {
  const other = step("travel", { id: "other", visit: "b" });

  const steps = reduceSteps([step("travel"), other, step("start")], { type: "taken", id: "travel", version: 2 });

  assert.deepEqual(steps, [other, step("start", { version: 2 })]);
});

test("a step made on another version keeps it, so that the server can refuse it", () => {
  const steps = reduceSteps([step("travel"), step("start", { version: 5 })], { type: "taken", id: "travel", version: 2 });

  assert.deepEqual(steps, [step("start", { version: 5 })]);
});

test("a refused step and what was pressed because of it stay to be read, others go on", () => {
  const other = step("travel", { id: "other", visit: "b" });
  const steps = reduceSteps([step("travel"), step("start"), other], { type: "refused", id: "travel", why: "It was canceled." });

  assert.deepEqual(
    steps.map(({ id, refused }) => [id, refused]),
    [["travel", "It was canceled."], ["start", "It was canceled."], ["other", undefined]],
  );
  assert.deepEqual(waitingSteps(steps), [other]);
  assert.deepEqual(
    ["travel", "start"].reduce((all, id) => reduceSteps(all, { type: "read", id }), steps),
    [other],
  );
});

test("a step that is taken back takes along what was pressed after it on that visit", () => {
  const other = step("travel", { id: "other", visit: "b" });

  assert.deepEqual(reduceSteps([step("travel"), step("start"), other], { type: "taken_back", id: "travel" }), [other]);
  assert.deepEqual(reduceSteps([step("travel"), step("start")], { type: "taken_back", id: "start" }), [step("travel")]);
});

test("the word about a step that is gone changes nothing", () => {
  const steps = [step("start")];

  for (const type of ["taken", "taken_back", "refused"]) assert.equal(reduceSteps(steps, { type, id: "travel" }), steps);
});

test("no network, a busy server and a lost session are no refusal", () => {
  assert.deepEqual([0, 401, 429, 500, 503].map((status) => isPassing({ status })), Array(5).fill(true));
  assert.deepEqual([403, 404, 409, 412, 422].map((status) => isPassing({ status })), Array(5).fill(false));
});

test("a step whose answer was lost is seen by the visit", () => {
  assert.equal(wasTaken(step("travel"), visit("traveling", { version: 2 })), true);
  assert.equal(wasTaken(step("travel"), visit("traveling", { version: 3 })), false);
  assert.equal(wasTaken(step("travel"), visit("canceled", { version: 2 })), false);
  assert.equal(wasTaken(step("travel"), undefined), false);
});

test("a step that came too late leaves the visit as it was", () => {
  assert.equal(hadNoEffect(step("travel"), visit("scheduled")), true);
  assert.equal(hadNoEffect(step("travel"), visit("traveling", { version: 2 })), false);
});

test("a visit is shown as it will be, and offers the next step", () => {
  const [shown] = withSteps([visit("scheduled")], [step("travel")]);

  assert.deepEqual([shown.status, shown.version, shown.waiting], ["traveling", 1, [step("travel")]]);
  assert.deepEqual(allowedOf(shown), ["start", "cancel"]);
  assert.deepEqual(allowedOf(withSteps([visit("scheduled")], [step("travel"), step("start")])[0]), ["complete"]);
  assert.deepEqual(allowedOf(withSteps([visit("in_progress")], [step("complete")])[0]), []);
});

test("a visit that could not be done is canceled from the tap on, also behind a step that waits", () => {
  const [shown] = withSteps([visit("scheduled")], [step("travel"), step("cancel", { reason: "Nobody home" })]);

  assert.deepEqual([shown.status, allowedOf(shown)], ["canceled", []]);
});

test("whoever sets off to one visit cannot set off to another, until the first is begun", () => {
  const other = visit("scheduled", { id: "b" });

  assert.deepEqual(allowedOf(withSteps([visit("scheduled"), other], [step("travel")])[1]), ["cancel"]);
  assert.deepEqual(
    allowedOf(withSteps([visit("traveling"), { ...other, allowed: { ...other.allowed, travel: false } }], [step("start")])[1]),
    ["travel", "cancel"],
  );
});

test("what was refused is not shown as done", () => {
  const visits = [visit("scheduled")];

  assert.equal(withSteps(visits, [step("travel", { refused: "It was canceled." })]), visits);
});
