/**
 * Fixes that wait for the server's word: `(outbox, message) → outbox`. Pure. A fix stays until the server has committed
 * it, so a closed tab or a tunnel loses nothing; the oldest go first when the box is full.
 */

export const FULL_AT = 20_000;
const BATCH = 200;

export const emptyOutbox = Object.freeze({ fixes: Object.freeze([]), sent_upto: 0 });

export function reduceOutbox(outbox, message) {
  if (message.type === "fix") {
    const { fixed_at } = message.fix;
    const newest = outbox.fixes.at(-1);
    if (!newest || fixed_at > newest.fixed_at) return { ...outbox, fixes: [...outbox.fixes, message.fix].slice(-FULL_AT) };
    // A clock was set back: it lies between those that wait, and is sent with the next of them.
    const place = outbox.fixes.findIndex((fix) => fix.fixed_at >= fixed_at);
    if (outbox.fixes[place].fixed_at === fixed_at) return outbox;
    const fixes = [...outbox.fixes.slice(0, place), message.fix, ...outbox.fixes.slice(place)].slice(-FULL_AT);
    return { fixes, sent_upto: Math.min(outbox.sent_upto, fixed_at - 1) };
  }
  if (message.type === "sent") return { ...outbox, sent_upto: Math.max(outbox.sent_upto, message.upto) };
  if (message.type === "ack") return { ...outbox, fixes: outbox.fixes.filter((fix) => fix.fixed_at > message.upto) };
  // A clock that was ahead: such times never come good, and would stand in the way of all that follow.
  if (message.type === "error" && message.code === "future") {
    const fixes = outbox.fixes.filter((fix) => fix.fixed_at < message.fixed_at);
    return { fixes, sent_upto: Math.min(outbox.sent_upto, fixes.at(-1)?.fixed_at ?? 0) };
  }
  // Nobody answers for what was in flight when the line broke: it counts as unsent.
  if (message.type === "closed") return { ...outbox, sent_upto: 0 };
  if (message.type === "restored") {
    const known = new Set(outbox.fixes.map((fix) => fix.fixed_at));
    const fixes = [...message.fixes.filter((fix) => !known.has(fix.fixed_at)), ...outbox.fixes];
    return { ...outbox, fixes: fixes.sort((a, b) => a.fixed_at - b.fixed_at).slice(-FULL_AT) };
  }
  return outbox;
}

/** Was something sent that is not answered for yet? */
export function isOwed(outbox) {
  return outbox.fixes.length > 0 && outbox.fixes[0].fixed_at <= outbox.sent_upto;
}

/** The next fixes to send, oldest first; empty when all are sent. */
export function nextBatch(outbox) {
  return outbox.fixes.filter((fix) => fix.fixed_at > outbox.sent_upto).slice(0, BATCH);
}
