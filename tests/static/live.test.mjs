import assert from "node:assert/strict";
import test from "node:test";

import { LiveFeed } from "../../static/js/live.js";

/** A world whose sockets, streams, answers and clock the test moves by hand. */
function makeWorld({ answer = null } = {}) {
  const world = { sockets: [], streams: [], timers: [], asked: 0, answer, Math: { random: () => 0.5 } };
  world.location = { protocol: "http:", host: "example.test" };
  world.WebSocket = class {
    readyState = 0;
    sent = [];
    constructor(url, protocols) {
      Object.assign(this, { url, protocols });
      world.sockets.push(this);
    }
    send(text) {
      this.sent.push(JSON.parse(text));
    }
    close() {
      this.readyState = 3;
    }
    opens() {
      this.readyState = 1;
      this.onopen();
    }
    closes(code) {
      this.readyState = 3;
      this.onclose({ code });
    }
    says(message) {
      this.onmessage({ data: JSON.stringify(message) });
    }
  };
  world.EventSource = class {
    readyState = 0;
    constructor(url) {
      this.url = url;
      world.streams.push(this);
    }
    close() {
      this.readyState = 2;
    }
  };
  world.setTimeout = (run, delay_ms) => {
    const timer = { run, delay_ms };
    world.timers.push(timer);
    return timer;
  };
  world.clearTimeout = (timer) => {
    world.timers = world.timers.filter((each) => each !== timer);
  };
  world.passes = (delay_ms) => {
    const due = world.timers.filter((each) => each.delay_ms <= delay_ms);
    world.timers = world.timers.filter((each) => each.delay_ms > delay_ms);
    for (const timer of due) timer.run();
  };
  world.fetch = async () => {
    world.asked += 1;
    if (world.answer === null) throw new TypeError("network");
    return { ok: true, status: 200, json: async () => world.answer };
  };
  return world;
}

function startFeed(world, since = null) {
  const heard = [];
  const feed = new LiveFeed({ appointment: "v 1", since: () => since, onMessage: (message) => heard.push(message), world });
  feed.start();
  return { feed, heard, links: () => heard.filter((each) => each.type === "link").map((each) => each.link) };
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

test("the socket says hello with what is already known", () => {
  const world = makeWorld();
  startFeed(world, { epoch: "k", seq: 7 });

  world.sockets[0].opens();

  assert.equal(world.sockets[0].url, "ws://example.test/ws/appointments/v%201");
  assert.deepEqual(world.sockets[0].protocols, ["enroute.v1.json"]);
  assert.deepEqual(world.sockets[0].sent, [{ type: "hello", since: { epoch: "k", seq: 7 } }]);
});

test("a restart brings it back after a jittered wait, not at once", () => {
  const world = makeWorld();
  const { links } = startFeed(world);
  world.sockets[0].opens();

  world.sockets[0].closes(1012);
  const before = world.sockets.length;
  world.passes(3_250);

  assert.deepEqual([before, world.sockets.length], [1, 2]);
  assert.deepEqual(links(), ["open", "retrying"]);
});

test("a visit that is over is left alone", () => {
  const world = makeWorld();
  const { links } = startFeed(world);
  world.sockets[0].opens();

  world.sockets[0].closes(4510);
  world.passes(1_000_000);

  assert.deepEqual([world.sockets.length, links().at(-1)], [1, "stay_away"]);
});

test("a lost session asks to sign in again", () => {
  const world = makeWorld();
  const { links } = startFeed(world);

  world.sockets[0].closes(4401);

  assert.deepEqual(links(), ["sign_in"]);
});

test("a heartbeat that is late by nearly half counts as a broken line", () => {
  const world = makeWorld();
  const { links } = startFeed(world);
  world.sockets[0].opens();
  world.sockets[0].says({ type: "welcome", heartbeat_s: 2 });

  world.passes(2_799);
  const before = links().at(-1);
  world.passes(2_800);

  assert.deepEqual([before, links().at(-1)], ["open", "retrying"]);
  assert.equal(world.sockets[0].readyState, 3);
});

test("where sockets are blocked and requests pass, the event stream takes over", async () => {
  const world = makeWorld({ answer: { status: "traveling", epoch: "k", seq: 3 } });
  const { heard } = startFeed(world);

  world.sockets[0].closes(1006);
  world.passes(6_000);
  world.sockets[1].closes(1006);
  await settled();

  assert.equal(world.streams[0].url, "/api/appointments/v%201/events");
  assert.deepEqual(heard.find((each) => each.type === "welcome").snapshot.status, "traveling");
});

test("where streams are blocked too, it polls every five seconds", async () => {
  const world = makeWorld({ answer: { status: "traveling", epoch: "k", seq: 3 } });
  startFeed(world);
  world.sockets[0].closes(1006);
  world.passes(6_000);
  world.sockets[1].closes(1006);
  await settled();

  world.streams[0].onerror();
  await settled();
  const asked = world.asked;
  world.passes(5_000);
  await settled();

  assert.equal(world.asked, asked + 1);
});

test("when nothing passes at all, it keeps waiting for the socket", async () => {
  const world = makeWorld({ answer: null });
  const { links } = startFeed(world);
  world.sockets[0].closes(1006);
  world.passes(6_000);

  world.sockets[1].closes(1006);
  await settled();
  world.passes(20_000);

  assert.deepEqual([world.streams.length, world.sockets.length], [0, 3]);
  assert.equal(links().at(-1), "retrying");
});

test("a network that is back is used at once", () => {
  const world = makeWorld();
  const { feed } = startFeed(world);
  world.sockets[0].closes(1006);

  feed.wake();

  assert.equal(world.sockets.length, 2);
});

test("a line that looks open may be dead after a sleep: the newest is asked for on a new one", () => {
  const world = makeWorld();
  const { feed, links } = startFeed(world, { epoch: "k", seq: 7 });
  world.sockets[0].opens();

  feed.wake();
  world.sockets[1].opens();

  assert.deepEqual([world.sockets.length, world.sockets[0].readyState], [2, 3]);
  assert.deepEqual(world.sockets[1].sent, [{ type: "hello", since: { epoch: "k", seq: 7 } }]);
  assert.deepEqual(links(), ["open", "asking", "open"]);
});

test("a handshake that nobody answers is given up, and two of them count as blocked", async () => {
  const world = makeWorld({ answer: { status: "traveling", epoch: "k", seq: 3 } });
  const { links } = startFeed(world);

  world.passes(15_000);
  world.passes(6_000);
  world.passes(15_000);
  await settled();

  assert.deepEqual(links(), ["retrying", "retrying"]);
  assert.equal(world.streams.length, 1);
});

test("a stopped feed stays silent", () => {
  const world = makeWorld();
  const { feed } = startFeed(world);
  world.sockets[0].opens();

  feed.stop();
  world.passes(1_000_000);
  feed.wake();

  assert.equal(world.sockets.length, 1);
});
