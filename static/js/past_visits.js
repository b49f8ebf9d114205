/** The past as far as it is shown: page by page, and never less for being asked again. Pure. */

/** As many as one page of the past has, and the most that it can have. */
const PAGE = 50;
const PAGE_MOST = 200;

/** `next`: the cursor of the page after what is shown; null where nothing is older, or nothing is known yet. */
export const nothingPast = Object.freeze({ visits: [], next: null });

/** How to ask for what is shown, as it is now; beyond `PAGE_MOST` the older ones stay as they were. */
export function newestPath({ visits }) {
  return `/api/appointments?section=past&limit=${Math.min(PAGE_MOST, Math.max(PAGE, visits.length))}`;
}

export function earlierPath({ next }) {
  return `/api/appointments?section=past&limit=${PAGE}&before=${encodeURIComponent(next)}`;
}

const without = (visits, others) => {
  const ids = new Set(others.map((each) => each.id));
  return visits.filter((each) => !ids.has(each.id));
};

/** The answer to `newestPath`: what ended meanwhile is there, and what was shown below it stays. */
export function hearNewest(past, { appointments, next }) {
  const older = without(past.visits, appointments);
  // Nothing in common: whole pages may lie between the two.
  if (!older.length || older.length === past.visits.length) return { visits: appointments, next };
  return { visits: [...appointments, ...older], next: past.next };
}

/** The answer to `earlierPath(past)`; `added` are those that were not shown before. */
export function hearEarlier(past, { appointments, next }) {
  const added = without(appointments, past.visits);
  return { visits: [...past.visits, ...added], next, added };
}
