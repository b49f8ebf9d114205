/** The technician's card: photo or initials, name, a number to call. */

import { element } from "./element.js";
import { callButton } from "./phone.js";
import { _ } from "../words.js";

export function initials(name) {
  const words = (name ?? "").trim().split(/\s+/).filter(Boolean);
  const picked = words.length > 1 ? [words[0], words.at(-1)] : words;
  return picked.map((word) => [...word][0].toUpperCase()).join("") || "?";
}

export function face({ name, photo }) {
  if (!photo) return element("span", { class: "face-photo", "aria-hidden": "true" }, initials(name));
  const image = element("img", { class: "face-photo", src: photo, alt: "", width: 48, height: 48 });
  image.addEventListener("error", () => image.replaceWith(face({ name, photo: null })), { once: true });
  return image;
}

export function personCard(technician) {
  const name = technician.name || _("Your technician");
  return element(
    "div",
    { class: "person" },
    face({ ...technician, name }),
    element("div", { class: "who" }, element("h2", {}, name), element("p", { class: "quiet small" }, _("Your technician"))),
    callButton({ ...technician, name }),
  );
}
