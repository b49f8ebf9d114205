/**
 * Steps of visits that wait for the server's word, oldest first: `(steps, message) → steps`. Pure.
 *
 * A step is `{id, visit, name, at, version, window, zone}`: `at` when it was pressed (ms), `version` the visit's as it was shown;
 * a cancel has its `reason`, too.
 * A step that the server refused stays, with `refused` saying why, until the technician has read it.
 */

import { later } from "./words.js";

const OUTCOMES = { travel: "traveling", undo: "scheduled", start: "in_progress", complete: "completed", cancel: "canceled" };
/** What may follow while the server does not know yet. Taking back takes the place of "undo". */
const NEXT = { traveling: ["start", "cancel"], scheduled: ["travel", "cancel"], in_progress: ["complete"], completed: [], canceled: [] };

export const TOO_OLD = later("Something newer had happened to the visit by then.");

export function reduceSteps(steps, message) {
  if (message.type === "pressed") return [...steps, message.step];
  if (message.type === "read") return steps.filter((step) => step.id !== message.id);
  const place = steps.findIndex((step) => step.id === message.id);
  if (place < 0) return steps;
  const decided = steps[place];
  const before = steps.slice(0, place);
  // What was pressed after it on the same visit was pressed because of it.
  const follows = (step) => step.visit === decided.visit && !step.refused;
  const after = steps.slice(place + 1);
  if (message.type === "taken_back") return [...before, ...after.filter((step) => !follows(step))];
  if (message.type === "taken") {
    const meant = (step) => follows(step) && step.version === decided.version;
    return [...before, ...after.map((step) => (meant(step) ? { ...step, version: message.version } : step))];
  }
  if (message.type === "refused") {
    const refused = (step) => ({ ...step, refused: message.why });
    return [...before, refused(decided), ...after.map((step) => (follows(step) ? refused(step) : step))];
  }
  return steps;
}

export const waitingSteps = (steps) => steps.filter((step) => !step.refused);
export const refusedSteps = (steps) => steps.filter((step) => step.refused);

/** Not the step's fault: no network, not signed in, or a server that asks for patience. It is sent again. */
export function isPassing({ status }) {
  return status === 0 || status === 401 || status === 429 || status >= 500;
}

/** Did the server take the step, although its answer was lost or another page sent it, too? By the visit as it is now. */
export function wasTaken(step, visit) {
  return visit?.status === OUTCOMES[step.name] && visit.version === step.version + 1;
}

/** The server answers a step that came too late with the visit as it was. */
export function hadNoEffect(step, visit) {
  return visit.version === step.version && visit.status !== OUTCOMES[step.name];
}

/** The visits as they will be when the waiting steps are taken; those visits bear their `waiting` steps. */
export function withSteps(visits, steps) {
  const waiting = waitingSteps(steps);
  const projected = visits.map((visit) => {
    const own = waiting.filter((step) => step.visit === visit.id);
    if (!own.length) return visit;
    const status = OUTCOMES[own.at(-1).name];
    const allowed = Object.fromEntries(Object.keys(visit.allowed).map((name) => [name, NEXT[status].includes(name)]));
    return { ...visit, status, allowed, waiting: own };
  });
  if (!waiting.length) return visits;
  // Somebody travels to one visit at a time.
  const isTraveling = projected.some(({ status }) => status === "traveling");
  return projected.map((visit) =>
    visit.status === "scheduled" ? { ...visit, allowed: { ...visit.allowed, travel: !isTraveling } } : visit,
  );
}
