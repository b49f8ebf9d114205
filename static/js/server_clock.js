/**
 * The server's time, as the `Date` of its answers tells it: a phone's own clock may be hours off, and what is told to a
 * customer in minutes must not be. Answers tell whole seconds, so a clock that is right to two or three is left alone.
 */

const RIGHT_ENOUGH_MS = 2_500;

let ahead_ms = 0;

/** Takes up the `Date` header of an answer that came just now; anything that is no date is ignored. */
export function hearServerTime(date, now = Date.now()) {
  const told_at = Date.parse(date ?? "") + 500;
  if (!Number.isFinite(told_at)) return;
  ahead_ms = Math.abs(told_at - now) > RIGHT_ENOUGH_MS ? told_at - now : 0;
}

/** Milliseconds since 1970 by the server's clock, as far as we can tell. */
export function serverNow(now = Date.now()) {
  return now + ahead_ms;
}
