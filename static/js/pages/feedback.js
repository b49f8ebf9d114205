/** …/feedback: one to five, and a comment. */

import { appointmentPath, get, post } from "../api.js";
import { byId, say } from "../components/element.js";
import { showNotice, showProblem, withButton } from "../components/notice.js";
import { visitWords } from "../components/visit_words.js";
import { _ } from "../words.js";

const id = byId("content").dataset.appointment;
const form = byId("feedback");

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const rating = Number(form.elements.rating.value);
  if (!rating) {
    showNotice(byId("problem"), _("Please choose between one and five stars."));
    form.elements.rating[0].focus();
    return;
  }
  const sent = await withButton(byId("send"), byId("problem"), () =>
    post(appointmentPath(id, "/feedback"), { rating, comment: form.elements.comment.value.trim() }),
  );
  if (!sent) return;
  form.hidden = true;
  byId("thanks").hidden = false;
  byId("content").focus();
});

try {
  const appointment = await get(appointmentPath(id));
  const words = visitWords(appointment);
  say(byId("about"), `${words.technician ? _("{service} with {name}", { service: words.service, name: words.technician }) : words.service} · ${words.day}`);
  if (appointment.rating) {
    form.elements.rating.value = String(appointment.rating.rating);
    form.elements.comment.value = appointment.rating.comment ?? "";
  }
  if (!appointment.allowed.feedback) {
    form.hidden = true;
    showNotice(byId("problem"), _("Feedback is not possible for this visit."));
    byId("about").after(byId("problem"));
  }
} catch (problem) {
  showProblem(byId("problem"), problem);
}
