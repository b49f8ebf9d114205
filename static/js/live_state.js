/**
 * What a watcher knows about one visit: `(state, message, now) → state`. Pure; `now` is the viewer's clock in
 * milliseconds. Messages are those of the wire, and two of our own: `link` (how the connection is) and `browser`.
 */

import { decodePolyline6 } from "./polyline6.js";

/** Beyond this age a position is shown dimmed, beyond the second one not at all; the server counts the same way. */
export const DELAYED_AFTER_MS = 45_000;
export const LOST_AFTER_MS = 180_000;

export const CLOCK_JUMP_MS = 3_000;
/** So much longer than the time between two heartbeats nothing was heard: the line is dead, whoever it looks like. */
const SILENT_AFTER = 1.4;
/** Four intervals of a common phone feed: from here on an arrival is less sure than it was told. */
const WIDENS_AFTER_MS = 60_000;
/** Faster than this a technician no longer stands still. */
const DRIVES_CMS = 200;

export const nothingKnown = Object.freeze({
  epoch: null,
  seq: 0,
  heartbeat_s: 25,
  clock_ahead_ms: null,
  link: "connecting",
  online: true,
  heard_at: null,
  status: null,
  tracking: true,
  window_start: null,
  window_end: null,
  time_zone: null,
  destination: null,
  technician: null,
  position: null,
  eta: null,
  route: null,
  ended: null,
});

/** The server's time as far as we can tell, in milliseconds. */
export function serverNow(state, now) {
  return now + (state.clock_ahead_ms ?? 0);
}

function degrees(place) {
  if (!place) return null;
  if (Number.isFinite(place.lat_e6)) return { lat: place.lat_e6 / 1e6, lon: place.lon_e6 / 1e6 };
  return Number.isFinite(place.lat) ? { lat: place.lat, lon: place.lon } : null;
}

/** Latency makes a server time look older than it is, so the largest lead is the truest, until a clock jumps. */
function hearClock(state, server_time, now) {
  if (!Number.isFinite(server_time)) return state;
  const ahead_ms = server_time - now;
  const known = state.clock_ahead_ms;
  if (known !== null && ahead_ms < known && known - ahead_ms < CLOCK_JUMP_MS) return state;
  return { ...state, clock_ahead_ms: ahead_ms };
}

function positionOf(message) {
  const place = degrees(message);
  if (!place) return null;
  const { fixed_at, heading_deg = null, accuracy_m = null, left_m = null, left_s = null, freshness = "live" } = message;
  return { ...place, fixed_at, heading_deg, accuracy_m, left_m, left_s, freshness };
}

/**
 * `told_at`: when we heard it, on the viewer's clock; null in a snapshot, which does not say when it was told.
 * `widened_to`: the server's time up to which the range is as wide as the phone's silence makes it.
 */
function etaOf(message, widened_to, told_at = null) {
  if (!Number.isFinite(message.eta_at)) return null;
  const { eta_at, eta_low_at, eta_high_at, reason = null, estimated = false } = message;
  return { eta_at, eta_low_at: eta_low_at ?? eta_at, eta_high_at: eta_high_at ?? eta_at, reason, estimated, told_at, widened_to };
}

function reasonAt(state, message) {
  const reason = state.eta?.reason ?? null;
  return reason === "standing still" && message.speed_cms > DRIVES_CMS ? "changed" : reason;
}

function hearPosition(state, message) {
  const position = positionOf(message);
  if (!position || (state.position && position.fixed_at < state.position.fixed_at)) return state;
  const eta = etaOf(message, position.fixed_at);
  // A position repeats the instants of the last `eta`, not its reason.
  const { estimated = false, told_at = null } = state.eta ?? {};
  return { ...state, position, eta: eta ? { ...eta, reason: reasonAt(state, message), estimated, told_at } : state.eta };
}

function cardOf({ name = null, photo = null, phone = null }) {
  return { name, photo, phone };
}

/** Someone else comes now, also where names are not shown: where the first one was is nobody's business any more. */
function hearTechnician(state, message) {
  return { ...state, technician: cardOf(message), position: null, eta: null, route: null };
}

function hearStatus(state, message) {
  const { status } = message;
  const next = { ...state, status };
  for (const name of ["window_start", "window_end"]) if (Number.isFinite(message[name])) next[name] = message[name];
  next.tracking = message.tracking ?? state.tracking;
  if (status === "traveling" && next.tracking) return next;
  // Their number is for the time of the journey.
  const technician = status === "traveling" || !next.technician ? next.technician : { ...next.technician, phone: null };
  return { ...next, technician, position: null, eta: null, route: null };
}

function hearRoute(state, message) {
  return { ...state, route: decodePolyline6(message.polyline6) };
}

function hearSnapshot(state, snapshot, server_time) {
  let next = { ...state, ended: snapshot.end ?? null };
  for (const name of ["window_start", "window_end", "time_zone"]) next[name] = snapshot[name] ?? state[name];
  next.destination = degrees(snapshot.destination) ?? state.destination;
  if (snapshot.technician) {
    const other = state.technician !== null && state.technician.name !== (snapshot.technician.name ?? null);
    next = other ? hearTechnician(next, snapshot.technician) : { ...next, technician: cardOf(snapshot.technician) };
  }
  next = hearStatus(next, snapshot);
  const eta = snapshot.eta ? etaOf(snapshot.eta, server_time) : null;
  if (!snapshot.position) return { ...next, position: null, route: null, eta };
  next = hearPosition(next, { ...snapshot.position, freshness: snapshot.freshness ?? snapshot.position.freshness });
  if (snapshot.route) next = hearRoute(next, { polyline6: snapshot.route });
  return eta ? { ...next, eta } : next;
}

function hearWelcome(before, message, now) {
  const { snapshot } = message;
  const state = { ...before, link: "open" };
  const { epoch, seq, server_time } = { ...snapshot, ...message };
  // A poll that was overtaken by the socket brings an older picture of the same epoch.
  if (epoch === state.epoch && seq < state.seq) return hearClock(state, server_time, now);
  const next = { ...state, epoch, seq, heartbeat_s: message.heartbeat_s ?? state.heartbeat_s };
  return hearSnapshot(hearClock(next, server_time, now), snapshot, server_time);
}

const KINDS = {
  position: hearPosition,
  eta: (state, message) => ({ ...state, eta: etaOf(message, serverNow(state, state.heard_at), state.heard_at) }),
  status: hearStatus,
  technician: hearTechnician,
  route: hearRoute,
  end: (state, message) => ({ ...state, ended: message.reason ?? "over", position: null, eta: null, route: null }),
};

/** A line that is open again says first what is new; until it has, what we know is old. Sent away for good without a word
 * of the visit's end: the right to watch is gone, and what was known of the technician is nobody's business here any more. */
function hearLink(state, { link }) {
  if (link !== "stay_away" || state.status === null) {
    return { ...state, link: link === "open" && state.epoch !== null ? "asking" : link };
  }
  const gone = { technician: null, position: null, eta: null, route: null };
  return { ...state, ...gone, link, ended: state.ended ?? "cut" };
}

export function reduceLive(state, message, now) {
  if (message.type === "link") return hearLink(state, message);
  if (message.type === "browser") return { ...state, online: message.online };
  const heard = { ...state, heard_at: now };
  if (message.type === "welcome") return hearWelcome(heard, message, now);
  if (message.type === "heartbeat") return hearClock(heard, message.server_time, now);
  const hear = KINDS[message.type];
  if (!hear) return heard;
  if (Number.isFinite(message.seq)) {
    if (message.seq <= state.seq) return state;
    heard.seq = message.seq;
  }
  return hear(heard, message);
}

/** Whether what we know is what the server knows: the viewer is online, and the line has not fallen silent. */
export function isCurrent(state, now) {
  if (!state.online || state.link === "retrying" || state.link === "asking") return false;
  return state.heard_at === null || now - state.heard_at <= SILENT_AFTER * 1000 * state.heartbeat_s;
}

/** `{level: "none" | "live" | "delayed" | "lost", age_ms}`: the worst of what the server says, what time makes of it,
 * and what we can know: nobody is live whom we cannot hear. */
export function freshness(state, now) {
  if (!state.position) return { level: "none", age_ms: 0 };
  const age_ms = Math.max(0, serverNow(state, now) - state.position.fixed_at);
  const byAge = age_ms > LOST_AFTER_MS ? "lost" : age_ms > DELAYED_AFTER_MS ? "delayed" : "live";
  const order = ["live", "delayed", "lost"];
  const byLine = isCurrent(state, now) ? "live" : "delayed";
  const level = order[Math.max(...[byAge, byLine, state.position.freshness].map((each) => order.indexOf(each)))];
  return { level, age_ms };
}

const widening = (silence_ms) => Math.floor(Math.max(0, silence_ms - WIDENS_AFTER_MS) / 2);

/**
 * The told arrival as it holds now, `{eta_at, low_at, high_at}`, never in the past. The longer nothing was heard, the less
 * is known: half of the silence goes to either side, as the server reckons it (`arrival_as_of` of tracker/eta.py), which
 * tells nobody of silence. What it had widened already is not widened again.
 */
export function arrivalAsOf(state, now) {
  const { eta_low_at, eta_high_at, widened_to } = state.eta;
  const server_now = serverNow(state, now);
  const eta_at = Math.max(state.eta.eta_at, server_now);
  const fixed_at = state.position?.fixed_at ?? server_now;
  const had_ms = widening(widened_to - fixed_at);
  const due_ms = Math.max(widening(server_now - fixed_at), had_ms);
  return {
    eta_at,
    low_at: Math.min(Math.max(eta_low_at + had_ms - due_ms, server_now), eta_at),
    high_at: Math.max(eta_high_at - had_ms, eta_at) + due_ms,
  };
}
