/** One visit: what was agreed, what can be done about it; right after booking, moving or canceling a confirmation. */

import { appointmentPath, get } from "../api.js";
import { askToCancel } from "../components/cancel_dialog.js";
import { byId, element, icon, say, written } from "../components/element.js";
import { showNotice, showProblem } from "../components/notice.js";
import { personCard } from "../components/person.js";
import { shareButton } from "../components/share_button.js";
import { callUs } from "../components/phone.js";
import { statusBadge } from "../components/visit_card.js";
import { callWords, turnWords, visitWords } from "../components/visit_words.js";
import { followHome } from "../home_feed.js";
import { Questions } from "../questions.js";
import { serverNow } from "../server_clock.js";
import { duration } from "../time_words.js";
import { _, later } from "../words.js";

const CONFIRMATIONS = {
  booked: later("It is booked. We have sent you the details."),
  moved: later("Your visit has a new time."),
  canceled: later("Your visit is canceled."),
};

const TURN_EVERY_MS = 60_000;

const main = byId("content");
const id = main.dataset.appointment;
const BY_LINK = "byLink" in main.dataset;
const page = (rest) => `/appointments/${encodeURIComponent(id)}${rest}`;
let shown = null;

function fact(name, title, text, make = element) {
  return text ? element("div", {}, element("dt", {}, icon(name), title), make("dd", {}, text)) : null;
}

/** A fact in somebody's own words. */
const quoted = (name, title, text) => fact(name, title, text, written);

function actions(appointment) {
  const { allowed, status } = appointment;
  const list = [];
  if (allowed.live_map) list.push(element("a", { class: "button primary", href: page("/live") }, icon("map"), _("View Live Map")));
  if (appointment.offer_again) {
    const same = new URLSearchParams({ service: appointment.service.id, ...(appointment.asset ? { asset: appointment.asset.id } : {}) });
    list.push(element("a", { class: "button primary", href: `/book?${same}` }, icon("calendar"), _("Choose a new time")));
  }
  if (allowed.feedback) {
    const text = appointment.rating ? _("Change feedback") : _("Send feedback");
    list.push(element("a", { class: "button primary", href: page("/feedback") }, icon("star"), text));
  }
  if (status === "scheduled" || status === "traveling") {
    list.push(element("a", { class: "button", href: appointmentPath(id, "/calendar.ics"), download: "visit.ics" }, icon("calendar"), _("Add to calendar")));
  }
  if (status === "scheduled" || status === "traveling") {
    list.push(shareButton({ text: () => shareWords(appointment), onCopied: () => showNotice(byId("problem"), _("The text is in your clipboard."), "good") }));
  }
  if (allowed.move) list.push(element("a", { class: "button", href: page("/modify") }, _("Modify")));
  else if (status === "in_progress") list.push(element("button", { class: "button", type: "button", disabled: true }, _("Modify")));
  if (allowed.cancel) {
    list.push(element("button", { class: "button danger", type: "button", id: "cancel", onclick: () => cancel(appointment) }, _("Cancel appointment")));
  }
  return element("div", { class: "button-row" }, list);
}

/** Whoever came by a link was never offered to change it. */
function call(appointment) {
  const words = BY_LINK ? "" : callWords(appointment);
  return words ? element("p", {}, callUs(words)) : null;
}

function shareWords(appointment) {
  const { service, day, window: when, arrival, address } = visitWords(appointment);
  return [`${service}: ${_("{first}, {second}", { first: day, second: when })}`, arrival && `${_("Arrival about")} ${arrival}`, address].filter(Boolean).join("\n");
}

async function cancel(appointment) {
  const canceled = await askToCancel(appointment);
  if (!canceled) return;
  history.replaceState(null, "", "?canceled");
  confirm();
  draw(canceled);
}

function draw(appointment) {
  const words = visitWords(appointment);
  const turn = turnWords(appointment);
  if (shown && shown.status !== appointment.status) say(byId("news"), words.status.text);
  shown = appointment;
  const technician = appointment.technician?.name ? element("section", { class: "card" }, personCard(appointment.technician)) : null;
  const canceled = appointment.cancel_reason ? quoted("note", _("Reason for the cancellation"), appointment.cancel_reason) : null;
  const rating = appointment.rating ? fact("star", _("Your feedback"), _("{number} of 5", { number: appointment.rating.rating })) : null;
  byId("visit").replaceChildren(
    element(
      "div",
      { class: "visit-page stack" },
      element(
        "div",
        { class: "visit-head" },
        statusBadge(words),
        element("h1", {}, words.day),
        element("p", { class: "window numbers" }, words.window),
        turn ? element("p", { class: "turn" }, turn) : null,
      ),
      element(
        "section",
        { class: "card" },
        element(
          "dl",
          { class: "facts" },
          fact("tool", _("Service"), _("{service}, about {duration}", { service: words.service, duration: duration(appointment.service.duration_min) })),
          quoted("home", _("What it is about"), words.asset),
          quoted("place", _("Address"), words.address),
          quoted("note", _("Details"), appointment.details),
          canceled,
          rating,
          quoted("note", _("Your comment"), appointment.rating?.comment),
        ),
      ),
      technician,
      actions(appointment),
      call(appointment),
    ),
  );
}

function confirm() {
  const kind = Object.keys(CONFIRMATIONS).find((name) => new URLSearchParams(location.search).has(name));
  byId("confirmation").hidden = !kind;
  if (kind) say(byId("confirmation-text"), _(CONFIRMATIONS[kind]));
}

const questions = new Questions();
let drawn = "";

async function refresh() {
  const isNew = questions.ask();
  try {
    const appointment = await get(appointmentPath(id));
    if (!isNew()) return;
    // The same again is not drawn again: a finger may be on a button. How far off a day is, is told from today.
    const picture = JSON.stringify([appointment, Math.floor(serverNow() / 60_000)]);
    if (picture !== drawn) draw(appointment);
    drawn = picture;
    showNotice(byId("problem"), "");
  } catch (problem) {
    if (!isNew()) return;
    if (problem.code === "not_found") {
      byId("visit").replaceChildren();
      drawn = "";
    }
    showProblem(byId("problem"), problem);
  }
}

confirm();
await refresh();
followHome(refresh);
// Other visits of the technician tell this page nothing: whose turn it is has to be asked.
setInterval(() => shown?.visits_before !== null && refresh(), TURN_EVERY_MS);
