import assert from "node:assert/strict";
import test from "node:test";

import { age, clock, countdown, day, distance, duration, nearDay, windowClock } from "../../static/js/time_words.js";

const NOW = Date.parse("2026-11-22T12:00:00Z");
// Older locale data writes a comma after the weekday.
const withoutComma = (text) => text.replace(",", "");

test("a clock time is the site's, in the viewer's 12 or 24 hours", () => {
  const instant = "2026-11-25T08:00:00+00:00";

  assert.equal(clock(instant, "Europe/Berlin", "de-DE"), "09:00");
  assert.equal(clock(instant, "America/New_York", "en-US").replace(/\s/g, " "), "3:00 AM");
});

test("the year is told only when it is another one", () => {
  const told = day("2026-11-25T08:00:00Z", "UTC", { now: NOW, viewer: "en-GB" });

  assert.equal(withoutComma(told), "Wednesday 25 November");
  assert.match(day("2027-01-05T08:00:00Z", "UTC", { now: NOW, viewer: "en-GB" }), /2027/);
});

test("today and tomorrow are those of the site", () => {
  const instant = "2026-11-23T23:30:00Z";

  assert.equal(nearDay(instant, "UTC", { now: NOW, viewer: "en-GB" }), "Tomorrow");
  assert.equal(withoutComma(nearDay(instant, "Asia/Tokyo", { now: NOW, viewer: "en-GB" })), "Tuesday 24 November");
});

test("a repeated hour is told with its zone, so that the two differ", () => {
  const first = windowClock("2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z", "Europe/London", "en-GB");
  const second = windowClock("2026-10-25T01:30:00Z", "2026-10-25T02:30:00Z", "Europe/London", "en-GB");

  assert.match(first, /\(BST\)$/);
  assert.match(second, /\(GMT.*\)$/);
});

test("also half an hour that comes again is told with its zone", () => {
  const [first, second] = ["2026-04-04T14:40:00Z", "2026-04-04T15:10:00Z"].map((start) =>
    windowClock(start, "2026-04-04T17:00:00Z", "Australia/Lord_Howe", "en-GB"),
  );

  assert.match(first, /^01:40.*\(.*11\)$/);
  assert.match(second, /^01:40.*\(.*10:30\)$/);
});

test("an ordinary window names no zone", () => {
  assert.equal(windowClock("2026-11-25T08:00:00Z", "2026-11-25T10:00:00Z", "Europe/Lisbon", "en-GB"), "08:00\u00a0–\u00a010:00");
});

test("ages, durations, countdowns and distances are short", () => {
  assert.deepEqual([age(40_000), age(190_000), age(7_200_000)], ["40 s", "3 min", "2 h"]);
  assert.deepEqual([duration(45), duration(60), duration(90)], ["45 min", "1 h", "1 h 30 min"]);
  assert.deepEqual([countdown(299_001), countdown(9_000), countdown(-5)], ["5:00", "0:09", "0:00"]);
  assert.deepEqual([distance(4), distance(333), distance(2310), distance(12_400)], ["10 m", "330 m", "2.3 km", "12 km"]);
});

test("a line breaks between two clocks with am and pm, never inside one", () => {
  const words = windowClock("2026-11-25T08:00:00Z", "2026-11-25T13:00:00Z", "Europe/Lisbon", "en-US");

  assert.match(words, /^8:00[\u00a0\u202f]AM\u00a0– 1:00[\u00a0\u202f]PM$/);
});
