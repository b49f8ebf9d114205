/** /reset#token */

import { post } from "../api.js";
import { onSend } from "../components/form.js";
import { _ } from "../words.js";

const token = decodeURIComponent(location.hash.slice(1));
history.replaceState(null, "", location.pathname);

const { tell } = onSend("reset", async ({ password }) => {
  await post("/api/password/reset", { token, password });
  location.assign("/sign-in");
});

if (!token) tell(_("This link is not complete. Please open it again from the e-mail."));
