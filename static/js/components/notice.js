/** One place on the page that says what went wrong or well; a lost session goes to the sign-in page and comes back. */

import { problemWords } from "../api.js";
import { element } from "./element.js";

export function showNotice(place, text, kind = "error") {
  place.replaceChildren(text ? element("p", { class: `notice ${kind}`, role: kind === "error" ? "alert" : "status" }, text) : "");
}

export function toSignIn() {
  const back = location.pathname + location.search;
  location.assign(`/sign-in?next=${encodeURIComponent(back)}`);
}

export function showProblem(place, problem) {
  if (problem.code === "sign_in_required") {
    toSignIn();
    return;
  }
  showNotice(place, problemWords(problem));
}

/** Runs `work` with the button out of reach meanwhile; a problem is shown at `place`. Returns whether it went well. */
export async function withButton(button, place, work) {
  if (button.disabled) return false;
  button.disabled = true;
  showNotice(place, "");
  try {
    await work();
    return true;
  } catch (problem) {
    showProblem(place, problem);
    return false;
  } finally {
    button.disabled = false;
  }
}
