/** Says above the page that the browser is offline, and since when, until it is back. The live page has words of its own. */

import { serverNow } from "../server_clock.js";
import { clock } from "../time_words.js";
import { _ } from "../words.js";
import { byId } from "./element.js";
import { showNotice } from "./notice.js";

const place = byId("offline");

function tell() {
  const zone = new Intl.DateTimeFormat().resolvedOptions().timeZone;
  showNotice(place, navigator.onLine ? "" : _("You are offline. This is how it stood at {clock}.", { clock: clock(serverNow(), zone) }), "warning");
}

if (place) {
  addEventListener("offline", tell);
  addEventListener("online", tell);
  tell();
}
