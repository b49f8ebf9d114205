/** What a row of the dispatcher's board means for its map. Pure; `now` is the server's clock in milliseconds. */

import { DELAYED_AFTER_MS } from "./live_state.js";
import { dateIn } from "./time_words.js";

/** Where a technician is; null where the server tells no place, as off duty and on a break. */
export function placeOf({ lat_e6, lon_e6 }) {
  return Number.isFinite(lat_e6) ? { lat: lat_e6 / 1e6, lon: lon_e6 / 1e6 } : null;
}

/** Dimmed from the same age on as on the live page, but never hidden: the last place says where to look for a silent phone. */
export function levelOf({ fixed_at }, now) {
  return now - fixed_at > DELAYED_AFTER_MS ? "delayed" : "live";
}

/** Where a visit takes place; null where that is unknown, which 0,0 is too. */
export function siteOf({ appointment: { site } }) {
  return Number.isFinite(site.lat) && (site.lat || site.lon) ? { lat: site.lat, lon: site.lon } : null;
}

/** Today's at its site, and whatever waits or is under way from another day. */
export function isOfToday({ appointment, overdue }, now) {
  const { status, time_zone: zone, window_start } = appointment;
  return overdue || status === "traveling" || status === "in_progress" || dateIn(new Date(window_start), zone) === dateIn(now, zone);
}
