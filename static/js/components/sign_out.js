/** The sign-out button of the page's head. */

import { remove } from "../api.js";
import { byId } from "./element.js";

byId("sign-out")?.addEventListener("click", async () => {
  try {
    await remove("/api/session");
  } finally {
    location.assign("/sign-in");
  }
});
