/** /t#token: a tracking link. The token leaves the fragment only in the body of one request. */

import { post, problemWords } from "../api.js";
import { byId, say } from "../components/element.js";
import { showNotice } from "../components/notice.js";
import { _ } from "../words.js";

const token = decodeURIComponent(location.hash.slice(1));
history.replaceState(null, "", location.pathname);

function refuse(text) {
  say(byId("title"), _("This link does not work any more"));
  say(byId("text"), text);
  byId("ways").hidden = false;
}

async function redeem() {
  if (!token) {
    refuse(_("The link is not complete. Please open it again from your message."));
    return;
  }
  try {
    const { appointment } = await post("/api/links/redeem", { token });
    location.replace(`/appointments/${encodeURIComponent(appointment)}/live`);
  } catch (problem) {
    if (problem.status === 0 || problem.status >= 500) showNotice(byId("problem"), problemWords(problem));
    else refuse(_("A tracking link ends some time after the visit, or when it is withdrawn."));
  }
}

await redeem();
