/** What a state of the live page says in words: everything the map shows, for eyes and ears. Pure. */

import { arrivalAsOf, freshness, isCurrent, serverNow } from "./live_state.js";
import { age, clock, clockRange, distance } from "./time_words.js";
import { _, later } from "./words.js";

const NEAR_M = 600;
const NEAR_MINUTES = 3;
const HERE_M = 80;
const WORTH_SAYING_MS = 120_000;
/** Another route is news for a minute; then it is the route. */
const NEWS_MS = 60_000;

const TITLES = {
  waiting: later("One moment"),
  scheduled: later("Your visit is planned"),
  on_the_way: later("On the way"),
  near: later("Almost there"),
  here: later("Your technician is here"),
  in_progress: later("The visit has begun"),
  completed: later("The visit is completed"),
  canceled: later("The visit was canceled"),
  over: later("This visit is over"),
  cut: later("Nothing to see here"),
};

const ENDS = { completed: "completed", canceled: "canceled", in_progress: "in_progress", cut: "cut" };

function minutesLeft(state, now) {
  if (!state.eta) return null;
  return Math.max(0, Math.ceil((state.eta.eta_at - serverNow(state, now)) / 60_000));
}

function stageOf(state, now) {
  if (ENDS[state.status]) return ENDS[state.status];
  if (state.ended) return ENDS[state.ended] ?? "over";
  if (state.status === "scheduled") return "scheduled";
  if (state.status !== "traveling") return "waiting";
  const left_m = state.position?.left_m ?? null;
  if (state.eta?.reason === "arrived" || (left_m !== null && left_m <= HERE_M)) return "here";
  const minutes = minutesLeft(state, now);
  if ((left_m !== null && left_m <= NEAR_M) || (minutes !== null && minutes <= NEAR_MINUTES)) return "near";
  return "on_the_way";
}

/** Why the arrival is what it is, where a customer may wonder; "" where there is nothing to explain. */
function reasonWords({ reason, estimated, told_at }, now) {
  if (reason === "standing still") return _("The technician is standing still just now, perhaps in traffic.");
  if (reason === "re-routed" && told_at !== null && now - told_at < NEWS_MS) return _("The technician is taking another route.");
  return estimated ? _("A rough estimate, made without a map of the roads.") : "";
}

function arrivalOf(state, now, viewer) {
  if (!state.eta || state.status !== "traveling") return null;
  const minutes = minutesLeft(state, now);
  const { eta_at, low_at, high_at } = arrivalAsOf(state, now);
  const now_due = minutes < 1 || state.eta.reason === "arriving";
  return {
    eta_at: state.eta.eta_at,
    minutes,
    clock: clock(eta_at, state.time_zone, viewer),
    range: clockRange(low_at, high_at, state.time_zone, viewer),
    why: reasonWords(state.eta, now),
    in_words: now_due ? _("Arriving now") : _("in {count} min", { count: minutes }),
    aloud: now_due ? _("arriving now") : _("in {count} min", { count: minutes }),
  };
}

/** Exactly one trouble at a time, the one nearest to the viewer first. */
function troubleOf(state, fresh, now) {
  if (state.ended || ["completed", "canceled", "in_progress"].includes(state.status)) return null;
  if (!state.online) return { kind: "offline", text: _("You are offline. This is the last we heard; it updates when you are back.") };
  // Whose fault the age is shows in a moment, when somebody answers or nobody does.
  if (state.link === "asking") return null;
  if (!isCurrent(state, now)) {
    return { kind: "server", text: _("We cannot reach our server just now. We keep trying.") };
  }
  if (state.status !== "traveling") return null;
  if (fresh.level === "delayed" || fresh.level === "lost") {
    return { kind: "phone", text: _("The technician's phone is silent, perhaps in a tunnel. The visit goes on as planned.") };
  }
  return null;
}

function freshnessWords(state, fresh, viewer) {
  if (fresh.level === "live") return _("Live");
  if (fresh.level === "delayed") return _("{age} ago", { age: age(fresh.age_ms) });
  if (!state.tracking) return "";
  if (fresh.level === "lost") return _("Last seen {clock}", { clock: clock(state.position.fixed_at, state.time_zone, viewer) });
  return state.status === "traveling" ? _("No position yet") : "";
}

export function liveWords(state, now, viewer) {
  const stage = stageOf(state, now);
  const fresh = freshness(state, now);
  const left_m = fresh.level === "lost" ? null : (state.position?.left_m ?? null);
  return {
    stage,
    title: _(TITLES[stage]),
    arrival: arrivalOf(state, now, viewer),
    distance: left_m === null || stage === "here" ? "" : _("{distance} away", { distance: distance(left_m) }),
    freshness: { level: fresh.level, text: freshnessWords(state, fresh, viewer) },
    trouble: troubleOf(state, fresh, now),
  };
}

export const nothingSaid = Object.freeze({ stage: null, eta_at: null, why: "", trouble: null, technician: null });

/**
 * What to read aloud now, given what was said before: `{text, said}`, text "" for nothing. Speaks when the stage, the
 * technician or the trouble changes, and when the arrival moves by two minutes, then with the reason; never every
 * second, and never for a reason alone.
 */
export function announcement(said, words, technician) {
  const parts = [];
  const next = { ...said, stage: words.stage, trouble: words.trouble?.kind ?? null, technician: technician ?? said.technician };
  if (said.technician && technician && technician !== said.technician) parts.push(_("{name} is coming instead.", { name: technician }));
  if (words.stage !== said.stage && words.stage !== "waiting") parts.push(`${words.title}.`);
  const moved = words.arrival && (said.eta_at === null || Math.abs(words.arrival.eta_at - said.eta_at) >= WORTH_SAYING_MS);
  if (words.arrival && (moved || (parts.length && words.stage !== "here"))) {
    parts.push(_("Arrival about {clock}, {when}.", { clock: words.arrival.clock, when: words.arrival.aloud }));
    next.eta_at = words.arrival.eta_at;
    if (words.arrival.why && words.arrival.why !== said.why) parts.push(words.arrival.why);
    next.why = words.arrival.why;
  }
  if (words.trouble && words.trouble.kind !== said.trouble) parts.push(words.trouble.text);
  if (!words.trouble && said.trouble) parts.push(_("Live again."));
  return { text: parts.join(" "), said: next };
}
