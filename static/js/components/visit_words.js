/** What an appointment of the API says in words. Pure. */

import { clock, nearDay, windowClock } from "../time_words.js";

const STATUS = {
  scheduled: { text: "Planned", tone: "" },
  traveling: { text: "On the way", tone: "lively" },
  in_progress: { text: "In progress", tone: "lively" },
  completed: { text: "Completed", tone: "" },
  canceled: { text: "Canceled", tone: "bad" },
};

const WARNINGS = { technician_on_the_way: "Your technician is already on the way to you." };

/** What to think about before canceling, or "". */
export function cancelWarning(appointment) {
  return WARNINGS[appointment.cancel_warning] ?? "";
}

export function visitWords(appointment, now = Date.now()) {
  const { time_zone, window_start, window_end, service, asset, site, status } = appointment;
  return {
    day: nearDay(window_start, time_zone, { now }),
    window: windowClock(window_start, window_end, time_zone),
    service: service?.name ?? service ?? "Visit",
    asset: asset?.name ?? asset ?? "",
    address: site?.address ?? site?.name ?? "",
    technician: appointment.technician?.name ?? "",
    status: STATUS[status] ?? { text: status, tone: "" },
    arrival: appointment.eta_at ? clock(appointment.eta_at, time_zone) : "",
    arrival_minutes: appointment.eta_at ? Math.max(0, Math.ceil((appointment.eta_at - now) / 60_000)) : null,
  };
}
