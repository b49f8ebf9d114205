/** Instants to words, always in the visit's own time zone. Instants are milliseconds or ISO texts; language by argument. */

const LANGUAGE = "en";

/** Words are English for now; the order of day and month and 12 or 24 hours follow the viewer. */
function localeOf(viewer) {
  return viewer && viewer.toLowerCase().startsWith(LANGUAGE) ? viewer : "en-GB";
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

export function clock(instant, zone, viewer = viewerLanguage()) {
  return clockFormat(zone, viewer).format(new Date(instant));
}

export function clockRange(start, end, zone, viewer = viewerLanguage()) {
  const [from, to] = [clock(start, zone, viewer), clock(end, zone, viewer)];
  return from === to ? from : `${from}\u00a0–\u00a0${to}`;
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

export function nearDay(instant, zone, { now = Date.now(), viewer = viewerLanguage() } = {}) {
  const date = dateIn(instant, zone);
  if (date === dateIn(now, zone)) return "Today";
  if (date === dateIn(now + 86_400_000, zone)) return "Tomorrow";
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
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 90 ? `${minutes} min` : `${Math.round(minutes / 60)} h`;
}

export function duration(minutes) {
  const [hours, rest] = [Math.floor(minutes / 60), minutes % 60];
  if (!hours) return `${rest} min`;
  return rest ? `${hours} h ${rest} min` : `${hours} h`;
}

export function countdown(left_ms) {
  const seconds = Math.max(0, Math.ceil(left_ms / 1000));
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}

export function distance(metres) {
  if (metres < 950) return `${Math.max(10, Math.round(metres / 10) * 10)} m`;
  return metres < 9_950 ? `${(metres / 1000).toFixed(1)} km` : `${Math.round(metres / 1000)} km`;
}
