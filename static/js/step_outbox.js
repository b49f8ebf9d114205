/** Steps on their way to the server: kept through closed tabs, sent in order, one at a time. No DOM. */

import { appointmentPath, get, post, problemWords } from "./api.js";
import { hadNoEffect, isPassing, reduceSteps, TOO_OLD, waitingSteps, wasTaken } from "./steps_state.js";
import { _ } from "./words.js";

/** Asking again does no harm: the visit tells whether the step was taken. */
const ANSWER_WITHIN_MS = 15_000;

/** The visit after it. Throws `Problem`. */
export const sendStep = ({ visit, name, at, version, reason }) =>
  post(appointmentPath(visit, `/${name}`), { at, reason }, { version, within_ms: ANSWER_WITHIN_MS });

async function visitNow(id) {
  const { appointments } = await get("/api/technician/appointments");
  return appointments.find((visit) => visit.id === id);
}

export class StepOutbox {
  #key;
  #storage;
  #inMemory = null;
  #flushing = null;
  /** The id of the step that the server is being told just now, and whether it is to be taken back if it does not hear. */
  #sending = null;
  #unwanted = false;

  /** `technician` keeps the steps of two people who share a phone apart; `onTaken(step, visit)` tells the page. */
  constructor({ technician, onTaken, storage = globalThis.localStorage }) {
    this.#key = `enroute.steps.${technician}`;
    this.#storage = storage;
    this.onTaken = onTaken;
  }

  get steps() {
    if (this.#inMemory) return this.#inMemory;
    try {
      // Read anew each time: another tab may have sent them.
      return JSON.parse(this.#storage.getItem(this.#key)) ?? [];
    } catch {
      return [];
    }
  }

  get isWaiting() {
    return waitingSteps(this.steps).length > 0;
  }

  tell(message) {
    const steps = reduceSteps(this.steps, message);
    try {
      this.#storage.setItem(this.#key, JSON.stringify(steps));
    } catch {
      // A full or forbidden storage: they wait while the page is open.
      this.#inMemory = steps;
    }
  }

  /** At once, or, while the server is being told of it, when it did not hear. */
  takeBack(id) {
    if (this.#sending === id) this.#unwanted = true;
    else this.tell({ type: "taken_back", id });
  }

  /** Sends what waits; done when all is decided, or nothing gets through. */
  flush() {
    this.#flushing ??= this.#sendAll().finally(() => {
      this.#flushing = null;
    });
    return this.#flushing;
  }

  async #sendAll() {
    for (let [step] = waitingSteps(this.steps); step; [step] = waitingSteps(this.steps)) {
      this.#sending = step.id;
      this.#unwanted = false;
      try {
        await this.#send(step);
      } catch (problem) {
        if (isPassing(problem)) {
          if (this.#unwanted) this.tell({ type: "taken_back", id: step.id });
          return;
        }
        this.tell({ type: "refused", id: step.id, why: problemWords(problem) });
      } finally {
        this.#sending = null;
      }
    }
  }

  async #send(step) {
    let visit;
    try {
      visit = await sendStep(step);
    } catch (problem) {
      if (problem.code !== "stale_version") throw problem;
      visit = await visitNow(step.visit);
      if (!wasTaken(step, visit)) throw problem;
    }
    if (hadNoEffect(step, visit)) {
      this.tell({ type: "refused", id: step.id, why: _(TOO_OLD) });
      return;
    }
    this.tell({ type: "taken", id: step.id, version: visit.version });
    this.onTaken(step, visit);
  }
}
