/**
 * What a dispatcher's board knows: all of it from an answer of the API, and between answers the technicians from frames.
 * Pure; `now` is the server's clock in milliseconds.
 */

import { DELAYED_AFTER_MS, LOST_AFTER_MS } from "./live_state.js";
import { dateIn } from "./time_words.js";

/** `known` since the first answer. `frames` counts those that were heard; `heard` of a technician is the number of the last one that told of them. */
export const nothingOnBoard = Object.freeze({ known: false, frames: 0, technicians: [], visits: [], unhappy: [] });

/** What frames tell of a technician, and leave out where it is not known. */
const UNTOLD = Object.freeze({ duty: "off_duty", fixed_at: null, lat_e6: null, lon_e6: null, heading_deg: null, speed_cms: null, battery_percent: null, trip: null, eta_at: null });

function toldOf(row) {
  return Object.fromEntries(Object.keys(UNTOLD).map((name) => [name, row[name] ?? UNTOLD[name]]));
}

/** A frame of `/ws/dispatch`: technicians who changed. Whom no answer named yet comes with the next answer. */
export function hearFrame(state, { technicians }) {
  const told = new Map(technicians.map((row) => [row.id, row]));
  const heard = state.frames + 1;
  const merged = state.technicians.map((row) => (told.has(row.id) ? { ...row, ...toldOf(told.get(row.id)), heard } : row));
  return { ...state, frames: heard, technicians: merged };
}

/** An answer that was asked for after so many frames: what a frame told of somebody since then is newer. */
export function hearAnswer(state, { technicians, visits, unhappy }, asked_after) {
  const newer = new Map(state.technicians.filter(({ heard }) => heard > asked_after).map((row) => [row.id, row]));
  const merged = technicians.map((row) => {
    const known = newer.get(row.id);
    return known ? { ...row, ...toldOf(known), heard: known.heard } : { ...row, heard: 0 };
  });
  return { ...state, known: true, technicians: merged, visits, unhappy };
}

/** Under way, and the phone says nothing: from the age on that the server counts by, too. */
export function isSilent({ trip, fixed_at }, now) {
  return trip !== null && now - (fixed_at ?? 0) > LOST_AFTER_MS;
}

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
