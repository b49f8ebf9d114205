/** Instants to words, always in the visit's own time zone. Instants are milliseconds or ISO texts; the viewer's locale by argument. */

import { _, spoken } from "./words.js";

const LOCALES = { en: "en-GB", de: "de-DE", ar: "ar" };

/** Words are those of the page; the order of day and month and 12 or 24 hours follow the viewer. */
function localeOf(viewer) {
  const language = spoken();
  const own = viewer?.toLowerCase().split("-")[0] === language ? viewer : (LOCALES[language] ?? language);
  // One kind of digits on the whole page, also where a number stands in a text of ours.
  return new Intl.Locale(own, { numberingSystem: "latn" });
}

function hourCycleOf(viewer) {
  return new Intl.DateTimeFormat(viewer || "en-GB", { hour: "numeric" }).resolvedOptions().hourCycle;
}

const viewerLanguage = () => globalThis.navigator?.language ?? "en-GB";

function format(options, viewer) {
  return new Intl.DateTimeFormat(localeOf(viewer), options);
}

function clockFormat(zone, viewer, more = {}) {
  const hourCycle = hourCycleOf(viewer);
  const hour = hourCycle === "h12" || hourCycle === "h11" ? "numeric" : "2-digit";
  return format({ hour, minute: "2-digit", hourCycle, timeZone: zone, ...more }, viewer);
}

/** "08:00", or "8:00 pm" that no line breaks apart. */
export function clock(instant, zone, viewer = viewerLanguage()) {
  return clockFormat(zone, viewer).format(new Date(instant)).replaceAll(" ", "\u00a0");
}

export function clockRange(start, end, zone, viewer = viewerLanguage()) {
  const [from, to] = [clock(start, zone, viewer), clock(end, zone, viewer)];
  if (from === to) return from;
  // With "am" and "pm" it may be wider than a phone's column: then the second clock goes to the next line as a whole.
  const after = /\s/.test(from + to) ? " " : "\u00a0";
  return `${from}\u00a0–${after}${to}`;
}

/** "Wednesday, 25 November"; with the year when it is not this one. */
export function day(instant, zone, { now = Date.now(), viewer = viewerLanguage(), short = false } = {}) {
  const year = (value) => format({ year: "numeric", timeZone: zone }, viewer).format(new Date(value));
  const options = { weekday: short ? "short" : "long", day: "numeric", month: short ? "short" : "long", timeZone: zone };
  if (year(instant) !== year(now)) options.year = "numeric";
  return format(options, viewer).format(new Date(instant));
}

/** The calendar day `YYYY-MM-DD` of an instant in a zone. */
export function dateIn(instant, zone) {
  const parts = new Intl.DateTimeFormat("en-CA", { year: "numeric", month: "2-digit", day: "2-digit", timeZone: zone });
  return parts.format(new Date(instant));
}

/** A part of a day's name, like "Wed" or "25", in the language of the page. */
export function dayWord(instant, options, viewer = viewerLanguage()) {
  return format({ ...options, timeZone: "UTC" }, viewer).format(new Date(instant));
}

export function nearDay(instant, zone, { now = Date.now(), viewer = viewerLanguage() } = {}) {
  const date = dateIn(instant, zone);
  if (date === dateIn(now, zone)) return _("Today");
  if (date === dateIn(now + 86_400_000, zone)) return _("Tomorrow");
  return day(instant, zone, { now, viewer });
}

/** How far clocks go back somewhere: half an hour on Lord Howe, two hours at Troll. */
const STEPS_BACK_MS = [1_800_000, 3_600_000, 7_200_000];

/** A window as it is promised: "08:00 – 10:00"; the zone is named where the clock alone would be ambiguous. */
export function windowClock(start, end, zone, viewer = viewerLanguage()) {
  const repeated = STEPS_BACK_MS.flatMap((step) => [-step, step]).some(
    (shift) => clock(new Date(start).getTime() + shift, zone, viewer) === clock(start, zone, viewer),
  );
  const range = clockRange(start, end, zone, viewer);
  if (!repeated) return range;
  const parts = clockFormat(zone, viewer, { timeZoneName: "short" }).formatToParts(new Date(start));
  return `${range} (${parts.find((part) => part.type === "timeZoneName").value})`;
}

/** "40 s", "3 min", "2 h": the age of something. */
export function age(age_ms) {
  const seconds = Math.max(0, Math.round(age_ms / 1000));
  if (seconds < 60) return _("{count} s", { count: seconds });
  const minutes = Math.round(seconds / 60);
  return minutes < 90 ? _("{count} min", { count: minutes }) : _("{count} h", { count: Math.round(minutes / 60) });
}

export function duration(minutes) {
  const [hours, rest] = [Math.floor(minutes / 60), minutes % 60];
  const [whole, left] = [_("{count} h", { count: hours }), _("{count} min", { count: rest })];
  if (!hours) return left;
  return rest ? `${whole} ${left}` : whole;
}

export function countdown(left_ms) {
  const seconds = Math.max(0, Math.ceil(left_ms / 1000));
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}

export function distance(metres, viewer = viewerLanguage()) {
  if (metres < 950) return _("{count} m", { count: Math.max(10, Math.round(metres / 10) * 10) });
  const digits = metres < 9_950 ? 1 : 0;
  const number = new Intl.NumberFormat(localeOf(viewer), { minimumFractionDigits: digits, maximumFractionDigits: digits });
  return _("{count} km", { count: number.format(metres / 1000) });
}
