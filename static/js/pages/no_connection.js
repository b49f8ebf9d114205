/** What static/service_worker.js shows while nothing can be reached, under the address that was wanted: it opens by itself. */

import { reconnectDelay } from "../backoff.js";
import { byId } from "../components/element.js";

const ANSWER_WITHIN_MS = 5_000;

let tries = 0;
let timer = null;
let opening = false;

function tell() {
  byId("no-network").hidden = navigator.onLine;
  byId("no-server").hidden = !navigator.onLine;
}

async function isReachable() {
  try {
    return (await fetch("/healthz", { cache: "no-store", signal: AbortSignal.timeout(ANSWER_WITHIN_MS) })).ok;
  } catch {
    return false;
  }
}

function waitForAnotherTry() {
  clearTimeout(timer);
  timer = setTimeout(tryAgain, reconnectDelay(tries, Math.random()));
  tries += 1;
}

async function tryAgain() {
  waitForAnotherTry();
  if (!(await isReachable()) || opening) return;
  // Another one would break off the first, which may take its time: everybody is back at once.
  opening = true;
  clearTimeout(timer);
  location.reload();
}

addEventListener("offline", tell);
addEventListener("online", () => {
  tries = 0;
  tell();
  tryAgain();
});
byId("again").addEventListener("click", tryAgain);
tell();
waitForAnotherTry();
