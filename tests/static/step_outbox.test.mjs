import assert from "node:assert/strict";
import test from "node:test";

import { StepOutbox } from "../../static/js/step_outbox.js";

const travel = { id: "1 a travel", visit: "a", name: "travel", at: 1, version: 1, window: "08:00 – 10:00", zone: "UTC" };

function box(kept = new Map()) {
  return { getItem: (key) => kept.get(key) ?? null, setItem: (key, value) => kept.set(key, value) };
}

const outboxOf = (technician, storage) => new StepOutbox({ technician, storage, onTaken: () => {} });

test("a step outlives the page, and two people who share a phone do not send each other's", () => {
  const storage = box();

  outboxOf("ana", storage).tell({ type: "pressed", step: travel });

  assert.deepEqual(outboxOf("ana", storage).steps, [travel]);
  assert.equal(outboxOf("ana", storage).isWaiting, true);
  assert.equal(outboxOf("bo", storage).isWaiting, false);
});

test("where nothing can be stored a step waits while the page is open", () => {
  const storage = {
    getItem: () => null,
    setItem: () => {
      throw new Error("full");
    },
  };
  const outbox = outboxOf("ana", storage);

  outbox.tell({ type: "pressed", step: travel });
  assert.deepEqual(outbox.steps, [travel]);
  outbox.tell({ type: "taken_back", id: travel.id });

  assert.deepEqual(outbox.steps, []);
});

test("what cannot be read is no step", () => {
  assert.deepEqual(outboxOf("ana", box(new Map([["enroute.steps.ana", "{"]]))).steps, []);
});

test("a server that cannot be reached leaves the step waiting", async () => {
  const outbox = outboxOf("ana", box());
  outbox.tell({ type: "pressed", step: travel });

  // Without a page around it the address is no address: nothing gets through.
  await outbox.flush();

  assert.deepEqual(outbox.steps, [travel]);
});

test("a step that is taken back while a server is asked that does not answer is not sent again", async () => {
  const outbox = outboxOf("ana", box());
  outbox.tell({ type: "pressed", step: travel });

  const asked = outbox.flush();
  outbox.takeBack(travel.id);
  await asked;

  assert.deepEqual(outbox.steps, []);
});
