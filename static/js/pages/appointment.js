/** One visit: what was agreed, what can be done about it; right after booking, moving or canceling a confirmation. */

import { appointmentPath, get } from "../api.js";
import { askToCancel } from "../components/cancel_dialog.js";
import { byId, element, icon, say } from "../components/element.js";
import { showNotice, showProblem } from "../components/notice.js";
import { personCard } from "../components/person.js";
import { statusBadge } from "../components/visit_card.js";
import { visitWords } from "../components/visit_words.js";
import { followHome } from "../home_feed.js";
import { duration } from "../time_words.js";

const CONFIRMATIONS = {
  booked: "It is booked. We have sent you the details.",
  moved: "Your visit has a new time.",
  canceled: "Your visit is canceled.",
};

const main = byId("content");
const id = main.dataset.appointment;
const page = (rest) => `/appointments/${encodeURIComponent(id)}${rest}`;
let shown = null;

function fact(name, title, text) {
  return text ? element("div", {}, icon(name), element("div", {}, element("dt", {}, title), element("dd", {}, text))) : null;
}

function actions(appointment) {
  const { allowed, status } = appointment;
  const list = [];
  if (allowed.live_map) list.push(element("a", { class: "button primary", href: page("/live") }, icon("map"), "View Live Map"));
  if (appointment.offer_again) {
    const same = new URLSearchParams({ service: appointment.service.id, ...(appointment.asset ? { asset: appointment.asset.id } : {}) });
    list.push(element("a", { class: "button primary", href: `/book?${same}` }, icon("calendar"), "Choose a new time"));
  }
  if (allowed.feedback) {
    const text = appointment.rating ? "Change feedback" : "Send feedback";
    list.push(element("a", { class: "button primary", href: page("/feedback") }, icon("star"), text));
  }
  if (status === "scheduled" || status === "traveling") {
    list.push(element("a", { class: "button", href: appointmentPath(id, "/calendar.ics"), download: "visit.ics" }, icon("calendar"), "Add to calendar"));
  }
  if (allowed.move) list.push(element("a", { class: "button", href: page("/modify") }, "Modify"));
  else if (status === "in_progress") list.push(element("button", { class: "button", type: "button", disabled: true }, "Modify"));
  if (allowed.cancel) {
    list.push(element("button", { class: "button danger", type: "button", id: "cancel", onclick: () => cancel(appointment) }, "Cancel appointment"));
  }
  return element("div", { class: "button-row" }, list);
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
  if (shown && shown.status !== appointment.status) say(byId("news"), words.status.text);
  shown = appointment;
  const technician = appointment.technician?.name ? element("section", { class: "card" }, personCard(appointment.technician)) : null;
  const canceled = appointment.cancel_reason ? fact("note", "Reason of the cancellation", appointment.cancel_reason) : null;
  const rating = appointment.rating ? fact("star", "Your feedback", `${appointment.rating.rating} of 5`) : null;
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
      ),
      element(
        "section",
        { class: "card" },
        element(
          "dl",
          { class: "facts" },
          fact("tool", "Service", `${words.service}, about ${duration(appointment.service.duration_min)}`),
          fact("home", "What it is about", words.asset),
          fact("place", "Address", words.address),
          fact("note", "Details", appointment.details),
          canceled,
          rating,
        ),
      ),
      technician,
      actions(appointment),
    ),
  );
}

function confirm() {
  const kind = Object.keys(CONFIRMATIONS).find((name) => new URLSearchParams(location.search).has(name));
  byId("confirmation").hidden = !kind;
  if (kind) say(byId("confirmation-text"), CONFIRMATIONS[kind]);
}

async function refresh() {
  try {
    draw(await get(appointmentPath(id)));
    showNotice(byId("problem"), "");
  } catch (problem) {
    if (problem.code === "not_found") byId("visit").replaceChildren();
    showProblem(byId("problem"), problem);
  }
}

confirm();
await refresh();
followHome(refresh);
