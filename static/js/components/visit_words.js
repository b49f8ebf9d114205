/** What an appointment of the API says in words. Pure. */

import { serverNow } from "../server_clock.js";
import { clock, day, nearDay, windowClock } from "../time_words.js";
import { _, later } from "../words.js";

const STATUS = {
  scheduled: { text: later("Planned"), tone: "" },
  traveling: { text: later("On the way"), tone: "lively" },
  in_progress: { text: later("In progress"), tone: "lively" },
  completed: { text: later("Completed"), tone: "" },
  canceled: { text: later("Canceled"), tone: "bad" },
};

const WARNINGS = { technician_on_the_way: later("Your technician is already on the way to you.") };

/** What to think about before canceling, or "". */
export function cancelWarning(appointment) {
  return _(WARNINGS[appointment.cancel_warning] ?? "");
}

const CALLS = {
  both: later("To change or cancel it now, please call us"),
  move: later("To change it now, please call us"),
  cancel: later("To cancel it now, please call us"),
};

/** What only a call can still do for a customer's visit, as words for `callUs`, or "". */
export function callWords({ allowed, status }) {
  const move = status === "scheduled" && !allowed.move;
  const cancel = (status === "scheduled" || status === "traveling") && !allowed.cancel;
  if (move && cancel) return _(CALLS.both);
  return move ? _(CALLS.move) : cancel ? _(CALLS.cancel) : "";
}

/** How many visits come before this one today, or "" where that is not told. */
export function turnWords({ visits_before: before }) {
  if (!Number.isFinite(before)) return "";
  return before ? _("{count} visits before you.", { count: before }) : _("You are next.");
}

/** A time that somebody picked, on two lines. */
export function pickedWords({ window_start, window_end }, zone) {
  return _("{first}, {second}", { first: day(window_start, zone, { short: true }), second: `\n${windowClock(window_start, window_end, zone)}` });
}

function statusWords(status) {
  const { text, tone } = STATUS[status] ?? { text: status, tone: "" };
  return { text: _(text), tone };
}

export function visitWords(appointment, now = serverNow()) {
  const { time_zone, window_start, window_end, service, asset, site, status } = appointment;
  return {
    day: nearDay(window_start, time_zone, { now }),
    window: windowClock(window_start, window_end, time_zone),
    service: service?.name ?? service ?? _("Visit"),
    asset: asset?.name ?? asset ?? "",
    address: site?.address ?? site?.name ?? "",
    technician: appointment.technician?.name ?? "",
    status: statusWords(status),
    arrival: appointment.eta_at ? clock(appointment.eta_at, time_zone) : "",
    arrival_minutes: appointment.eta_at ? Math.max(0, Math.ceil((appointment.eta_at - now) / 60_000)) : null,
  };
}
