/** When to come back after a socket closed, and when not to. Pure: randomness is an argument. */

const SHORTEST_MS = 500;
const FIRST_CEILING_MS = 6_000;
/** Back, and right again, within five seconds of a server's death. */
const FIRST_CEILING_WHEN_LOST_MS = 4_000;
const LAST_CEILING_MS = 20_000;

/**
 * Milliseconds to wait before attempt number `attempt` (0 is the first); `random` is within [0, 1). `lost`: the
 * connection ended without a word of the server.
 */
export function reconnectDelay(attempt, random, { lost = false } = {}) {
  const first = lost ? FIRST_CEILING_WHEN_LOST_MS : FIRST_CEILING_MS;
  const ceiling = Math.min(LAST_CEILING_MS, first * 2 ** attempt);
  return Math.round(SHORTEST_MS + random * (ceiling - SHORTEST_MS));
}

/**
 * What a close code asks of us: "return", "sign_in" or "stay_away".
 * The server's own codes are 4xxx: below x500 come back, from x500 on stay away.
 */
export function afterClose(code) {
  if (code === 4401) return "sign_in";
  if (code >= 4000 && code <= 4999 && code % 1000 >= 500) return "stay_away";
  return "return";
}
