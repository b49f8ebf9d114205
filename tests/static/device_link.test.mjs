import assert from "node:assert/strict";
import test from "node:test";

import { DeviceLink } from "../../static/js/device_link.js";

/** A world whose sockets and timers the test moves by hand, and a link in it that is open. */
async function openLink() {
  const world = { sockets: [], timers: [], Math: { random: () => 0.5 }, location: { protocol: "http:", host: "example.test" } };
  world.WebSocket = class {
    readyState = 0;
    sent = [];
    constructor() {
      world.sockets.push(this);
    }
    send(text) {
      this.sent.push(JSON.parse(text));
    }
    close() {
      this.readyState = 3;
    }
    says(message) {
      this.onmessage({ data: JSON.stringify(message) });
    }
  };
  world.setTimeout = (run) => {
    const timer = { run };
    world.timers.push(timer);
    return timer;
  };
  world.clearTimeout = (timer) => {
    world.timers = world.timers.filter((each) => each !== timer);
  };
  world.longSilence = () => {
    const due = world.timers;
    world.timers = [];
    for (const timer of due) timer.run();
  };
  const kept = new Set();
  const store = {
    all: async () => [],
    put: async ({ fixed_at }) => kept.add(fixed_at),
    forgetUpTo: async (upto) => [...kept].filter((at) => at <= upto).forEach((at) => kept.delete(at)),
    forgetFrom: async (from) => [...kept].filter((at) => at >= from).forEach((at) => kept.delete(at)),
  };
  const links = [];
  const link = new DeviceLink({ token: "t", store, world, onChange: ({ link }) => links.push(link) });
  await link.start();
  const [socket] = world.sockets;
  socket.readyState = 1;
  socket.onopen();
  return { world, link, socket, kept, links };
}

const fix = (fixed_at) => ({ fixed_at, lat: 41, lon: -8 });

test("a phone that stands still keeps its line, however long nobody says anything", async () => {
  const { world, link, socket, links } = await openLink();
  await link.take(fix(1));
  socket.says({ type: "ack", upto: 1 });

  world.longSilence();

  assert.deepEqual([world.sockets.length, links.at(-1)], [1, "open"]);
});

test("a line on which nobody answers for a fix is given up, also after it was silent for long", async () => {
  const { world, link, links } = await openLink();
  world.longSilence();

  await link.take(fix(1));
  world.longSilence();

  assert.equal(links.at(-1), "retrying");
});

test("a fix of a clock that was ahead does not stand in the way of those of the right time", async () => {
  const { link, socket, kept } = await openLink();
  await link.take(fix(10));
  await link.take(fix(9_000));
  await link.take(fix(9_001));
  socket.says({ type: "ack", upto: 10 });

  socket.says({ type: "error", code: "future", detail: "", fixed_at: 9_000 });
  await link.take(fix(20));

  assert.deepEqual(socket.sent.at(-1), fix(20));
  assert.deepEqual([...kept], [20]);
});

test("who is asked to tell its place less often leaves out what lies between, and nothing any more when the line is a new one", async () => {
  const { world, link, socket } = await openLink();
  await link.take(fix(100_000));
  socket.says({ type: "rate", interval_s: 5 });

  for (const s of [101, 104, 105, 107, 110]) await link.take(fix(1_000 * s));
  assert.deepEqual(
    socket.sent.map(({ fixed_at }) => fixed_at),
    [100_000, 105_000, 110_000],
  );

  // A clock that was set back.
  await link.take(fix(10_000));
  assert.equal(link.waiting, 4);

  world.longSilence();
  await link.take(fix(11_000));
  assert.equal(link.waiting, 5);
});

test("whoever stands still after a fix that was left out is seen where it stands", async () => {
  const { world, link, socket } = await openLink();
  await link.take(fix(100_000));
  socket.says({ type: "rate", interval_s: 5 });
  socket.says({ type: "ack", upto: 100_000 });

  await link.take(fix(101_000));
  await link.take(fix(102_000));
  world.longSilence();
  // It is kept before it is sent.
  await new Promise(setImmediate);

  assert.deepEqual(socket.sent.at(-1), fix(102_000));
});

test("what was left out last is not lost with the line", async () => {
  const { link, socket, kept } = await openLink();
  await link.take(fix(100_000));
  socket.says({ type: "rate", interval_s: 5 });

  await link.take(fix(101_000));
  await link.take(fix(102_000));
  socket.onclose({ code: 1013 });

  assert.deepEqual([...kept], [100_000, 102_000]);
});
