/** /invitation#code: the code stays in the fragment, which no server and no log ever sees. */

import { post } from "../api.js";
import { byId } from "../components/element.js";
import { onSend } from "../components/form.js";

const code = decodeURIComponent(location.hash.slice(1));

const { form } = onSend("invitation", async ({ code: typed, name, password }) => {
  const session = await post("/api/invitations/redeem", { code: typed, password, ...(name ? { name } : {}) });
  location.assign(session.next);
});

if (code) {
  form.elements.code.value = code;
  byId("code-field").hidden = true;
  history.replaceState(null, "", location.pathname);
}
