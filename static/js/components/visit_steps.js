/** The steps of a visit in words: as buttons, waiting for the network, and refused. */

import { clock } from "../time_words.js";
import { _, later } from "../words.js";
import { element } from "./element.js";

const STEPS = [
  { name: "travel", text: later("Start traveling"), primary: true },
  { name: "start", text: later("Start the visit"), primary: true },
  { name: "complete", text: later("Complete"), primary: true },
  { name: "undo", text: later("Undo: not traveling") },
];
const CANCEL = { name: "cancel", text: later("Cannot be done") };
const textOf = (name) => _([...STEPS, CANCEL].find((step) => step.name === name).text);

export function stepButtons({ allowed }, onPress) {
  // Whoever cancels is asked why first: that button stands apart.
  return STEPS.filter(({ name }) => allowed[name]).map(({ name, text, primary }) =>
    element("button", { type: "button", class: primary ? "button primary" : "button", "data-step": name, onclick: () => onPress(name) }, _(text)),
  );
}

/** Each waiting step of a visit; the last one can be taken back. */
export function waitingNotices({ waiting = [] }, onTakeBack) {
  return waiting.map((step, index) =>
    element(
      "div",
      { class: "notice warning waiting-step", role: "status" },
      element("p", {}, _("{step}, {time}: will be sent when there is a network.", { step: textOf(step.name), time: clock(step.at, step.zone) })),
      index === waiting.length - 1
        ? element("button", { type: "button", class: "button small", onclick: () => onTakeBack(step) }, _("Take it back"))
        : null,
    ),
  );
}

export function refusedNotice(step, onRead) {
  const facts = { window: step.window, step: textOf(step.name), time: clock(step.at, step.zone), why: step.refused };
  return element(
    "div",
    { class: "notice error waiting-step", role: "alert" },
    element("p", {}, _("Visit {window}: “{step}”, {time}, was not taken. {why}", facts)),
    element("button", { type: "button", class: "button small", onclick: () => onRead(step) }, _("Understood")),
  );
}
