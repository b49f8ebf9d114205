import assert from "node:assert/strict";
import test from "node:test";

import { Questions } from "../../static/js/questions.js";

test("an answer that was overtaken is not shown", () => {
  const questions = new Questions();
  const [first, second] = [questions.ask(), questions.ask()];

  assert.equal(second(), true);
  assert.equal(first(), false);
});

test("answers that come in order are all shown, however many questions wait", () => {
  const questions = new Questions();
  const answers = [questions.ask(), questions.ask(), questions.ask()];

  assert.deepEqual(answers.map((isNew) => isNew()), [true, true, true]);
});

test("an answer is as new as it was when it is looked at again", () => {
  const isNew = new Questions().ask();

  assert.deepEqual([isNew(), isNew()], [true, true]);
});
