/** /sign-in */

import { post } from "../api.js";
import { onSend, ownPath } from "../components/form.js";

onSend("sign-in", async ({ email, password }) => {
  const session = await post("/api/session", { email, password });
  const next = new URLSearchParams(location.search).get("next");
  // The first sign-in shows the profile, wherever the person came from.
  location.assign(session.first_sign_in ? session.next : ownPath(next, session.next));
});
