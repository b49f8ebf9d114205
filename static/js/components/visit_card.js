/** A visit in a list: what, when, who, and the buttons that `allowed` allows. */

import { serverNow } from "../server_clock.js";
import { element, icon, inARow, written } from "./element.js";
import { callUs } from "./phone.js";
import { callWords, visitWords } from "./visit_words.js";
import { _ } from "../words.js";

const pathOf = (appointment, rest = "") => `/appointments/${encodeURIComponent(appointment.id)}${rest}`;

function buttons(appointment) {
  const { allowed, status } = appointment;
  const list = [];
  if (allowed.live_map) {
    list.push(element("a", { class: "button primary", href: pathOf(appointment, "/live") }, icon("map"), _("View Live Map")));
  }
  if (allowed.move || (allowed.cancel && status === "scheduled")) {
    list.push(element("a", { class: "button", href: pathOf(appointment, "/modify") }, _("Modify")));
  } else if (status === "in_progress") {
    list.push(element("button", { class: "button", type: "button", disabled: true }, _("Modify")));
  }
  if (allowed.feedback) {
    const text = appointment.rating ? _("Change feedback") : _("Send feedback");
    list.push(element("a", { class: "button", href: pathOf(appointment, "/feedback") }, icon("star"), text));
  }
  return list.length ? element("div", { class: "button-row" }, list) : null;
}

/** Where the way to change it would be, if that is over. */
function call(appointment) {
  const words = callWords(appointment);
  const { move, cancel } = appointment.allowed;
  return words && appointment.status === "scheduled" && !move && !cancel ? element("p", { class: "small" }, callUs(words)) : null;
}

export function statusBadge(words) {
  return element("span", { class: `badge ${words.status.tone}` }, words.status.text);
}

export function visitCard(appointment, { active = false, now = serverNow() } = {}) {
  const words = visitWords(appointment, now);
  const when = element(
    "h3",
    { class: "when" },
    element("a", { href: pathOf(appointment) }, words.day, element("br"), element("span", { class: "numbers" }, words.window)),
  );
  const arrival =
    active && words.arrival
      ? element(
          "div",
          {},
          element("p", { class: "arrival-words quiet" }, words.arrival_minutes < 1 ? _("Arriving now") : _("Arriving in {count} min, about", { count: words.arrival_minutes })),
          element("p", { class: "arrival-clock numbers" }, words.arrival),
        )
      : null;
  const who = words.technician ? _("{service} with {name}", { service: words.service, name: words.technician }) : words.service;
  return element(
    "article",
    { class: active ? "visit card active" : "visit card", "data-id": appointment.id, "data-status": appointment.status },
    element("header", {}, when, statusBadge(words)),
    arrival,
    element(
      "div",
      {},
      element("p", {}, inARow([who, words.asset])),
      words.address ? written("p", { class: "quiet small" }, words.address) : null,
      appointment.cancel_reason ? element("p", { class: "quiet small" }, _("Reason: {reason}", { reason: appointment.cancel_reason })) : null,
    ),
    buttons(appointment),
    call(appointment),
  );
}
