/** /forgot: the answer is the same whether or not we know the address. */

import { post } from "../api.js";
import { onSend } from "../components/form.js";
import { _ } from "../words.js";

const { tell } = onSend("forgot", async ({ email }, form) => {
  await post("/api/password/forgot", { email });
  form.reset();
  tell(_("If we know this address, a link is on its way. Please check your mail."), "good");
});
