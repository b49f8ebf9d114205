/** A strip of days and the times of the chosen day, or why it has none. Emits `choose` with the slot, or null when the
 * choice is gone. */

import { get } from "../api.js";
import { serverNow } from "../server_clock.js";
import { dateIn, day, dayWord, windowClock } from "../time_words.js";
import { byId, element } from "./element.js";
import { _, later } from "../words.js";

const DAYS_AT_ONCE = 14;
const DAY_MS = 86_400_000;

/** By the site's own clock, which the times of the API carry. */
const PARTS = [
  { from_h: 0, text: later("Night") },
  { from_h: 5, text: later("Morning") },
  { from_h: 12, text: later("Afternoon") },
  { from_h: 17, text: later("Evening") },
];
const SHORT_DAY = 6;

const NOTHING_FREE = later("Nothing is free on this day.");

/** Beside a day's number there is room for one word. */
const EMPTY_WORD = {
  past: later("over"),
  too_soon: later("too soon"),
  too_far_ahead: later("not yet"),
  holiday: later("holiday"),
  closed: later("closed"),
  full: later("full"),
};

/** A date `YYYY-MM-DD` needs no zone: noon UTC is within that day for the words we make of it. */
const noonOf = (date) => `${date}T12:00:00Z`;

function plusDays(date, days) {
  return new Date(new Date(noonOf(date)).getTime() + days * DAY_MS).toISOString().slice(0, 10);
}

export class SlotPicker extends EventTarget {
  #query = null;
  #days = [];
  #zone = "UTC";
  #date = null;
  #from = null;
  #asked = 0;

  /** `explains`: a dispatcher looks, who is told of every technician why they cannot come. */
  constructor({ strip = byId("days"), times = byId("times"), later = byId("later-days"), explains = false } = {}) {
    super();
    Object.assign(this, { strip, times, later, explains });
    later?.addEventListener("click", () => this.#move(DAYS_AT_ONCE));
    byId("earlier-days")?.addEventListener("click", () => this.#move(-DAYS_AT_ONCE));
  }

  /** `query` is `{service, asset?, moving?}`; `zone` the site's, to know which day is today. Throws `Problem`. */
  async show(query, zone) {
    this.#query = query;
    this.#zone = zone ?? this.#zone;
    this.#from = dateIn(serverNow(), this.#zone);
    this.#date = null;
    await this.#load();
  }

  /** Asks again, keeps the chosen day. */
  async refresh() {
    await this.#load();
  }

  async #move(days) {
    const today = dateIn(serverNow(), this.#zone);
    const from = plusDays(this.#from, days);
    this.#from = from < today ? today : from;
    this.#date = null;
    try {
      await this.#load();
    } catch (problem) {
      this.dispatchEvent(new CustomEvent("problem", { detail: problem }));
    }
  }

  async #load() {
    const asked = (this.#asked += 1);
    this.#choose(null);
    this.times.setAttribute("aria-busy", "true");
    const to = plusDays(this.#from, DAYS_AT_ONCE - 1);
    const search = new URLSearchParams({ ...this.#query, from: this.#from, to });
    const answer = await get(`/api/slots?${search}`);
    if (asked !== this.#asked) return;
    this.times.removeAttribute("aria-busy");
    this.#zone = answer.time_zone;
    const found = new Map(answer.days.map((each) => [each.date, each]));
    this.#days = Array.from({ length: DAYS_AT_ONCE }, (_, index) => {
      const date = plusDays(this.#from, index);
      return found.get(date) ?? { date, slots: [], empty: null };
    });
    const free = this.#days.filter((each) => each.slots.length);
    if (!free.some((each) => each.date === this.#date)) this.#date = (free[0] ?? this.#days[0]).date;
    this.#draw();
  }

  #draw() {
    this.strip.replaceChildren(...this.#days.map((each) => this.#dayChoice(each)));
    this.strip.querySelector("input:checked")?.closest(".choice").scrollIntoView({ block: "nearest", inline: "center" });
    const earlier = byId("earlier-days");
    if (earlier) earlier.disabled = this.#from <= dateIn(serverNow(), this.#zone);
    this.#drawTimes();
  }

  #dayChoice({ date, slots, empty }) {
    const input = element("input", { type: "radio", name: "day", value: date, checked: date === this.#date });
    input.addEventListener("change", () => {
      this.#date = date;
      this.#choose(null);
      this.#drawTimes();
    });
    const word = (options) => dayWord(noonOf(date), options);
    const free = slots.length ? _("{count} times", { count: slots.length }) : _(EMPTY_WORD[empty?.code] ?? "–");
    const aloud = _("{first}, {second}", { first: day(noonOf(date), "UTC"), second: slots.length ? free : _(empty?.text ?? NOTHING_FREE) });
    return element(
      "label",
      { class: slots.length ? "choice day" : "choice day empty" },
      input,
      element(
        "span",
        { class: "face" },
        element("span", { class: "only-read-aloud" }, aloud),
        element("span", { class: "weekday", "aria-hidden": "true" }, word({ weekday: "short" })),
        element("span", { class: "number", "aria-hidden": "true" }, word({ day: "numeric" })),
        element("span", { class: "free", "aria-hidden": "true" }, free),
      ),
    );
  }

  #drawTimes() {
    const { slots, empty } = this.#days.find((each) => each.date === this.#date) ?? { slots: [] };
    byId("times-day").textContent = this.#date ? day(noonOf(this.#date), "UTC") : "";
    if (slots.length) {
      this.times.replaceChildren(...this.#grouped(slots));
      return;
    }
    const why = _(empty?.text ?? NOTHING_FREE);
    const elsewhere = empty?.code === "too_far_ahead" || this.#days.some((each) => each.slots.length);
    const on = elsewhere ? "" : ` ${_("Look at later days, or call us and we will find a time together.")}`;
    const notice = element("div", { class: "notice", role: "status" }, element("p", {}, why + on));
    this.times.replaceChildren(notice);
    if (this.explains) this.#explain(notice);
  }

  /** A long day is read by its parts; a short one needs no headings. */
  #grouped(slots) {
    if (slots.length <= SHORT_DAY) return slots.map((slot) => this.#timeChoice(slot));
    const partOf = (slot) => PARTS.findLast((part) => Number(slot.window_start.slice(11, 13)) >= part.from_h);
    return slots.flatMap((slot, index) => {
      const part = partOf(slot);
      const begins = index === 0 || part !== partOf(slots[index - 1]);
      return [begins ? element("p", { class: "part quiet small" }, _(part.text)) : null, this.#timeChoice(slot)].filter(Boolean);
    });
  }

  async #explain(notice) {
    const date = this.#date;
    const search = new URLSearchParams({ ...this.#query, from: date, to: date });
    try {
      const { days } = await get(`/api/dispatch/slots/explanation?${search}`);
      if (date !== this.#date || !notice.isConnected) return;
      const [{ text, technicians }] = days;
      const each = technicians.length > 1 ? element("ul", {}, ...technicians.map((one) => element("li", {}, one.text))) : "";
      notice.replaceChildren(element("p", {}, text), each);
    } catch (problem) {
      this.dispatchEvent(new CustomEvent("problem", { detail: problem }));
    }
  }

  #timeChoice(slot) {
    const input = element("input", { type: "radio", name: "slot", value: slot.slot });
    input.addEventListener("change", () => this.#choose(slot));
    const words = windowClock(slot.window_start, slot.window_end, this.#zone);
    return element("label", { class: "choice time" }, input, element("span", { class: "face numbers" }, words));
  }

  /** Takes the choice back without a word to the server. */
  clear() {
    const chosen = this.times.querySelector("input:checked");
    if (chosen) chosen.checked = false;
    this.#choose(null);
  }

  #choose(slot) {
    this.dispatchEvent(new CustomEvent("choose", { detail: slot }));
  }

  get zone() {
    return this.#zone;
  }
}
