/**
 * Does the server take this phone's positions? `(refused, message) → refused`: the newest refusal, `{code, fixed_at}`, or
 * null when a later fix was taken. Pure.
 */

import { _, later } from "./words.js";

/** They concern one fix; the server itself gives in when the next ones agree with it, or has it already. */
const PASSING = new Set(["duplicate", "impossible_speed", "inconsistent_speed"]);
const BY_DUTY = {
  on_break: later("You are on a break: your positions are not taken."),
  off_duty: later("You are off duty: your positions are not taken."),
};
const BY_CODE = {
  inaccurate: later("Your position is not taken: it is too inaccurate."),
  future: later("Your position is not taken: the clock of this phone is wrong."),
  stale: later("Your position is not taken: the clock of this phone is wrong."),
};

export function reduceRefusal(refused, message) {
  if (message.type === "error") {
    const { code, fixed_at } = message;
    if (!Number.isFinite(fixed_at) || PASSING.has(code)) return refused;
    // A time of the future is no measure for what comes after it.
    if (refused && refused.code !== "future" && fixed_at < refused.fixed_at) return refused;
    return { code, fixed_at };
  }
  if (message.type === "ack" && refused?.code === "future" && message.upto > 0) return null;
  // Every refused fix is told before it is acknowledged: what lies after it was taken.
  if (message.type === "ack" && refused && message.upto > refused.fixed_at) return null;
  return refused;
}

/** Why, for the technician; `duty` is their own. */
export function refusalWords({ code }, duty) {
  return _((code === "off_duty" ? BY_DUTY[duty] : BY_CODE[code]) ?? later("Your position is not taken right now."));
}
