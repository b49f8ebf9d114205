/** One place on the page that says what went wrong or well; a lost session goes to the sign-in page and comes back. */

import { problemWords } from "../api.js";
import { element } from "./element.js";
import { phoneLink } from "./phone.js";

/** `text`: words, or an element that holds them. */
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
  showNotice(place, withNumber(problemWords(problem), problem.extra?.contact_phone));
}

/** Words of the server that say to call, with the number to be pressed. */
function withNumber(words, phone) {
  if (!phone) return words;
  // The server's own sentence names it already.
  const [before, after = ""] = words.includes(phone) ? words.split(phone) : [`${words.replace(/[.:]$/, "")}: `];
  return element("span", {}, before, phoneLink(phone), after);
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
