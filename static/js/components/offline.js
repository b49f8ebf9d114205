/**
 * Says above the page that the browser is offline, and since when, until it is back; the live page has words of its own.
 * And has the service worker keep what a page that is opened without a network will say.
 */

import { serverNow } from "../server_clock.js";
import { clock } from "../time_words.js";
import { _ } from "../words.js";
import { byId } from "./element.js";
import { showNotice } from "./notice.js";

const place = byId("offline");

function tell() {
  const zone = new Intl.DateTimeFormat().resolvedOptions().timeZone;
  showNotice(place, navigator.onLine ? "" : _("You are offline. This is how things stood at {clock}.", { clock: clock(serverNow(), zone) }), "warning");
}

if (place) {
  addEventListener("offline", tell);
  addEventListener("online", tell);
  tell();
}

/** After everything that this page is waiting for. Without it (a private window, plain HTTP) only that page is missing. */
async function keepShell() {
  try {
    await navigator.serviceWorker.register("/service_worker.js", { updateViaCache: "none" });
    // Not told to the worker: a message just as its successor comes would start it again, and keep it in its place.
    const spoken = await caches.open("shell-language");
    await spoken.put("/offline", new Response(document.documentElement.lang));
  } catch {
    // The browser's own page says that there is no network, then.
  }
}

if ("serviceWorker" in navigator) {
  const later = globalThis.requestIdleCallback ?? setTimeout;
  if (document.readyState === "complete") later(keepShell);
  else addEventListener("load", () => later(keepShell));
}
