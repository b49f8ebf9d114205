/** /profile: everything optional. */

import { get, put } from "../api.js";
import { byId } from "../components/element.js";
import { onSend } from "../components/form.js";
import { showProblem } from "../components/notice.js";

let profile = {};

const { form } = onSend("profile", async ({ name, phone, locale }) => {
  // What is absent is emptied: what this page does not show goes back as it came.
  const { photo_url = null } = profile;
  await put("/api/profile", { locale: locale || null, photo_url, name: name || null, phone: phone || null });
  location.assign("/");
});

try {
  profile = await get("/api/profile");
  for (const name of ["name", "phone", "email"]) form.elements[name].value = profile[name] ?? "";
  form.elements.locale.value = (profile.locale ?? "").split("-")[0];
} catch (problem) {
  showProblem(form.querySelector(".problem"), problem);
}
byId("skip").hidden = false;
