import assert from "node:assert/strict";
import { test } from "node:test";

import { Questions } from "../../static/js/questions.js";

test("a question is the last one until another is asked", () => {
  const questions = new Questions();
  const first = questions.ask();
  assert.equal(first(), true);

  const second = questions.ask();

  assert.equal(first(), false);
  assert.equal(second(), true);
});

test("questions of one kind do not overtake those of another", () => {
  const [home, board] = [new Questions(), new Questions()];
  const first = home.ask();

  board.ask();

  assert.equal(first(), true);
});
