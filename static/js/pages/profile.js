/** /profile: everything optional. */

import { get, put } from "../api.js";
import { byId } from "../components/element.js";
import { onSend } from "../components/form.js";
import { showProblem } from "../components/notice.js";

let profile = {};

const { form } = onSend("profile", async ({ name, phone }) => {
  // What is absent is emptied: what this page does not show goes back as it came.
  const { locale = null, photo_url = null } = profile;
  await put("/api/profile", { locale, photo_url, name: name || null, phone: phone || null });
  location.assign("/");
});

try {
  profile = await get("/api/profile");
  for (const name of ["name", "phone", "email"]) form.elements[name].value = profile[name] ?? "";
} catch (problem) {
  showProblem(form.querySelector(".problem"), problem);
}
byId("skip").hidden = false;
