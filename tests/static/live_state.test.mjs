import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import test from "node:test";

import { arrivalAsOf, freshness, isCurrent, nothingKnown, reduceLive, serverNow } from "../../static/js/live_state.js";

const NOW = 1_800_000_000_000;

function position(seq, more = {}) {
  return { type: "position", seq, fixed_at: NOW, lat_e6: 41_150_010, lon_e6: -8_649_120, left_m: 2310, freshness: "live", ...more };
}

function welcome({ seq = 10, epoch = "k3f9", server_time = NOW, ...snapshot } = {}) {
  return {
    type: "welcome",
    epoch,
    seq,
    heartbeat_s: 25,
    server_time,
    snapshot: {
      status: "traveling",
      version: 1,
      time_zone: "Europe/Lisbon",
      server_time,
      epoch,
      seq,
      tracking: true,
      window_start: NOW,
      window_end: NOW + 7_200_000,
      destination: { lat_e6: 41_160_000, lon_e6: -8_640_000 },
      technician: { name: "Ana" },
      position: position(seq),
      eta: { type: "eta", seq, eta_at: NOW + 600_000, eta_low_at: NOW + 540_000, eta_high_at: NOW + 720_000, reason: "first" },
      ...snapshot,
    },
  };
}

const hear = (messages, state = nothingKnown, now = NOW) => messages.reduce((each, message) => reduceLive(each, message, now), state);

test("a welcome brings the whole picture", () => {
  const state = hear([welcome()]);

  assert.deepEqual([state.status, state.seq, state.technician.name], ["traveling", 10, "Ana"]);
  assert.deepEqual(state.destination, { lat: 41.16, lon: -8.64 });
  assert.equal(state.position.lat, 41.15001);
  assert.equal(state.eta.eta_high_at, NOW + 720_000);
});

test("where the technician was is forgotten when tracking is switched off, and seen again when it is on", () => {
  const off = hear([welcome(), { type: "status", seq: 11, status: "traveling", tracking: false }]);
  assert.deepEqual([off.tracking, off.position, off.eta, off.route], [false, null, null, null]);

  const on = hear([{ type: "status", seq: 12, status: "traveling", tracking: true }, position(13)], off);
  assert.equal(on.position.lat, 41.15001);
});

test("the technician's number is forgotten at the end of the journey", () => {
  const state = hear([welcome({ technician: { name: "Ana", phone: "+351" } }), { type: "status", seq: 11, status: "in_progress" }]);

  assert.deepEqual([state.technician.name, state.technician.phone], ["Ana", null]);
});

test("a position with an old sequence number is ignored", () => {
  const state = hear([welcome(), position(10, { lat_e6: 1, fixed_at: NOW + 5000 })]);

  assert.equal(state.position.lat, 41.15001);
});

test("a late fix never moves the marker", () => {
  const state = hear([welcome(), position(11, { lat_e6: 1, fixed_at: NOW - 1000 })]);

  assert.equal(state.position.lat, 41.15001);
  assert.equal(state.seq, 11);
});

test("a new epoch with an older fix of the same technician leaves the marker where it is", () => {
  const later = hear([welcome(), position(11, { fixed_at: NOW + 9000, lat_e6: 41_151_000 })]);

  const state = hear([welcome({ epoch: "new", seq: 1 })], later);

  assert.deepEqual([state.epoch, state.seq, state.position.lat], ["new", 1, 41.151]);
});

test("an eta brings its reason, and when it was heard; positions keep both", () => {
  const told = { type: "eta", seq: 11, eta_at: NOW + 660_000, eta_low_at: NOW + 600_000, eta_high_at: NOW + 800_000, reason: "re-routed" };
  const moved = position(12, { fixed_at: NOW + 5000, eta_at: NOW + 660_000, eta_low_at: NOW + 610_000, eta_high_at: NOW + 790_000 });

  const { eta } = hear([welcome(), told, moved], nothingKnown, NOW + 5);

  assert.deepEqual([eta.reason, eta.told_at, eta.eta_low_at], ["re-routed", NOW + 5, NOW + 610_000]);
});

test("nobody knows when the arrival of a snapshot was told", () => {
  const state = hear([welcome({ eta: { type: "eta", seq: 10, eta_at: NOW + 600_000, reason: "re-routed" } })]);

  assert.deepEqual([state.eta.reason, state.eta.told_at], ["re-routed", null]);
});

test("who drives again no longer stands still", () => {
  const standing = { type: "eta", seq: 11, eta_at: NOW + 660_000, reason: "standing still" };
  const at = (seq, speed_cms) => position(seq, { fixed_at: NOW + seq * 1000, eta_at: NOW + 660_000, speed_cms });

  assert.equal(hear([welcome(), standing, at(12, 40)]).eta.reason, "standing still");
  assert.equal(hear([welcome(), standing, at(12, 900)]).eta.reason, "changed");
  assert.equal(hear([welcome(), standing, at(12, 900), at(13, 0)]).eta.reason, "changed");
});

test("the route line comes with the snapshot or later, and goes with the position", () => {
  const line = "_izlhA~rlgdF_{geC~ywl@_kwzCn`{nI";

  const [first, later] = [hear([welcome({ route: line })]), hear([welcome(), { type: "route", seq: 11, polyline6: line }])];

  assert.deepEqual([first.route, later.route].map((route) => route.length), [3, 3]);
  assert.equal(hear([{ type: "status", seq: 12, status: "in_progress", at: NOW }], later).route, null);
});

test("another technician takes the old one's position away", () => {
  const state = hear([welcome(), { type: "technician", seq: 11, name: "Rui" }]);

  assert.deepEqual([state.technician.name, state.position, state.eta, state.route], ["Rui", null, null, null]);
});

test("another technician takes the old one's position away also where names are not shown", () => {
  const before = hear([welcome({ technician: {} })]);

  const state = hear([{ type: "technician", seq: 11 }], before);

  assert.notEqual(before.position, null);
  assert.deepEqual([state.technician.name, state.position, state.eta, state.route], [null, null, null, null]);
});

test("nothing of the way is kept once the visit has begun", () => {
  const state = hear([welcome(), { type: "status", seq: 11, status: "in_progress", at: NOW }]);

  assert.deepEqual([state.status, state.position, state.eta], ["in_progress", null, null]);
});

test("a snapshot without a position takes the marker away: the right to watch is over", () => {
  const state = hear([welcome(), welcome({ seq: 12, position: undefined, eta: undefined })]);

  assert.equal(state.position, null);
});

test("an older poll of the same epoch changes nothing", () => {
  const newer = hear([welcome({ seq: 20 })]);

  const state = hear([welcome({ seq: 12, status: "scheduled" })], newer);

  assert.equal(state.status, "traveling");
});

test("an end ends the watching", () => {
  const state = hear([welcome(), { type: "end", seq: 11, reason: "completed" }]);

  assert.deepEqual([state.ended, state.position], ["completed", null]);
});

test("the viewer's own clock does not matter", () => {
  const wrong = NOW - 3_600_000;

  const state = reduceLive(nothingKnown, welcome(), wrong);

  assert.equal(serverNow(state, wrong), NOW);
  assert.equal(freshness(state, wrong).level, "live");
});

test("when the viewer's clock jumps, the next heartbeat sets it right", () => {
  const state = hear([welcome()]);

  const moved = reduceLive(state, { type: "heartbeat", server_time: NOW + 25_000 }, NOW + 7_225_000);

  assert.equal(serverNow(moved, NOW + 7_225_000), NOW + 25_000);
});

test("a slow heartbeat does not make positions look younger", () => {
  const state = hear([welcome()]);

  const after = reduceLive(state, { type: "heartbeat", server_time: NOW + 24_000 }, NOW + 25_000);

  assert.equal(after.clock_ahead_ms, 0);
});

test("a position grows old while the line lives: live, delayed, lost", () => {
  const levelAfter = (age_ms) => {
    const now = NOW + age_ms;
    return freshness(reduceLive(hear([welcome()]), { type: "heartbeat", server_time: now }, now), now).level;
  };

  assert.deepEqual([40_000, 60_000, 181_000].map(levelAfter), ["live", "delayed", "lost"]);
});

test("nobody is live whom we cannot hear: offline, server away, asking again, a line that fell silent", () => {
  const state = hear([welcome({ heartbeat_s: 25 })]);
  const levels = [{ online: false }, { link: "retrying" }, { link: "asking" }].map((more) => freshness({ ...state, ...more }, NOW).level);

  assert.deepEqual(levels, ["delayed", "delayed", "delayed"]);
  assert.deepEqual([isCurrent(state, NOW + 34_000), isCurrent(state, NOW + 36_000)], [true, false]);
  assert.equal(freshness(state, NOW + 36_000).level, "delayed");
});

test("a line that is open again is current with its first word, not before", () => {
  const opened = hear([welcome(), { type: "link", link: "retrying" }, { type: "link", link: "open" }]);

  const told = reduceLive(opened, welcome({ seq: 9 }), NOW);

  assert.deepEqual([isCurrent(opened, NOW), isCurrent(told, NOW)], [false, true]);
});

test("a line that answers again is current again", () => {
  const state = hear([welcome()]);

  const after = reduceLive(state, { type: "heartbeat", server_time: NOW + 50_000 }, NOW + 50_000);

  assert.deepEqual([isCurrent(state, NOW + 50_000), isCurrent(after, NOW + 50_000)], [false, true]);
});

test("the server's word counts when it is worse", () => {
  const state = hear([welcome({ freshness: "lost" })]);

  assert.equal(freshness(state, NOW).level, "lost");
});

test("a message of an unknown kind changes nothing but that something was heard", () => {
  const state = hear([welcome()]);

  const after = reduceLive(state, { type: "weather", seq: 99 }, NOW + 1);

  assert.deepEqual({ ...after, heard_at: 0 }, { ...state, heard_at: 0 });
});

test("who is sent away for good keeps nothing of the technician, and is told that the right to watch is gone", () => {
  const state = hear([welcome(), { type: "link", link: "stay_away" }]);

  assert.deepEqual([state.technician, state.position, state.eta, state.route], [null, null, null, null]);
  assert.equal(state.ended, "cut");
  assert.equal(hear([welcome(), { type: "end", seq: 99, reason: "completed" }, { type: "link", link: "stay_away" }]).ended, "completed");
  assert.equal(hear([{ type: "link", link: "stay_away" }]).ended, null);
});

const silences = JSON.parse(await readFile(new URL("../tracker/silence.json", import.meta.url)));

for (const { name, fixed_at, told_ms, now_ms, told, holds } of silences) {
  test(`silence: ${name}`, () => {
    const [eta_low_at, eta_at, eta_high_at] = told;
    const state = { ...nothingKnown, position: { fixed_at }, eta: { eta_low_at, eta_at, eta_high_at, widened_to: told_ms } };

    const arrival = arrivalAsOf(state, now_ms);

    assert.deepEqual([arrival.low_at, arrival.eta_at, arrival.high_at], holds);
  });
}

const widthAt = (state, now) => arrivalAsOf(state, now).high_at - arrivalAsOf(state, now).eta_at;

test("whoever watches a silent phone sees what a newcomer is told, by the server's clock", () => {
  const told = { eta_at: NOW + 600_000, eta_low_at: NOW + 540_000, eta_high_at: NOW + 720_000 };
  const behind = NOW - 7000;
  const watching = hear([welcome(), position(11, { fixed_at: NOW, ...told })], nothingKnown, behind);
  const widened = { type: "eta", seq: 30, ...told, eta_low_at: NOW + 450_000, eta_high_at: NOW + 810_000, reason: "changed" };
  const newcomer = hear([welcome({ seq: 30, server_time: NOW + 240_000, eta: widened })], nothingKnown, behind + 240_000);

  assert.equal(widthAt(watching, behind + 60_000), 120_000);
  assert.equal(widthAt(watching, behind + 240_000), 210_000);
  assert.equal(widthAt(newcomer, behind + 240_000), 210_000);
  assert.equal(widthAt(newcomer, behind + 300_000), widthAt(watching, behind + 300_000));
});

test("a new position ends the silence, also when the arrival was told before it", () => {
  const silent = NOW + 300_000;
  const told = { type: "eta", seq: 11, eta_at: NOW + 900_000, eta_low_at: NOW + 840_000, eta_high_at: NOW + 960_000, reason: "changed" };

  const state = hear([told, position(12, { fixed_at: silent })], hear([welcome()]), silent);

  assert.equal(widthAt(state, silent), 60_000);
  assert.equal(widthAt(state, silent + 80_000), 70_000);
});
