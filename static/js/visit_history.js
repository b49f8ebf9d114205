/** What one change of a visit says in words. Pure. */

import { _, later } from "./words.js";

const ACTIONS = {
  book: later("Booked"),
  move: later("Moved"),
  cancel: later("Canceled"),
  travel: later("Set off"),
  undo: later("Not traveling after all"),
  start: later("Started"),
  complete: later("Completed"),
  reassign: later("Given to {name}"),
  rate: later("Rated {number} of 5"),
};

const ROLES = {
  customer: later("Customer"),
  technician: later("Technician"),
  dispatcher: later("Dispatcher"),
  admin: later("Admin"),
  system: later("Automatic"),
};

/**
 * `{text, who, more}` of a change of the API, `more` being texts; `technicians` maps ids to names. A change without effect came after a newer
 * one: whoever reads must know that it changed nothing.
 */
export function changeWords(change, technicians = new Map()) {
  const { facts } = change;
  const name = technicians.get(facts.technician) ?? facts.technician ?? "";
  const text = _(ACTIONS[change.action] ?? change.action, { name, number: facts.rating ?? "" });
  const more = [
    change.applied && change.action === "cancel" && change.from_status === "traveling" && _("the technician was on the way"),
    facts.reason && _("Reason: {reason}", { reason: facts.reason }),
    !change.applied && _("came too late and changed nothing"),
  ];
  return { text, who: _(ROLES[change.role] ?? change.role), more: more.filter(Boolean) };
}
