import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { readFile } from "node:fs/promises";
import { clock, day, distance } from "../../static/js/time_words.js";
import { _, isKnown, later, speak } from "../../static/js/words.js";
import { problemWords } from "../../static/js/api.js";

const catalogue = async (name) => JSON.parse(await readFile(new URL(`../../static/words/${name}.json`, import.meta.url)));
const NOON = Date.UTC(2026, 10, 25, 12, 30);

afterEach(() => speak("en"));

test("values are put in, and what has no value stays to be seen", () => {
  assert.equal(_("in {count} min", { count: 0 }), "in 0 min");
  assert.equal(_("{service} with {name}", { service: "Check" }), "Check with {name}");
});

test("the count chooses the plural form, in every language", async () => {
  assert.equal(_("{count} times", { count: 1 }), "1 time");
  speak("de", await catalogue("de"));
  assert.equal(_("{count} times", { count: 1 }), "1 Zeit");
  assert.equal(_("{count} times", { count: 3 }), "3 Zeiten");
  speak("ar", await catalogue("ar"));
  assert.equal(_("{count} times", { count: 2 }), "موعدان");
  assert.equal(_("{count} times", { count: 11 }), "11 موعدًا");
});

test("a text without a translation is said in English", () => {
  speak("de", {});
  assert.equal(_(later("Save")), "Save");
  assert.equal(isKnown("Save"), false);
});

test("a problem is told by its detail where the page's language has it, else by its title", async () => {
  const problem = { title: "That time was just taken", detail: "Somebody took 08:00." };
  assert.equal(problemWords(problem), "Somebody took 08:00.");
  speak("de", await catalogue("de"));
  assert.equal(problemWords(problem), "Diese Zeit wurde gerade vergeben");
  assert.equal(problemWords({ detail: "All our times on this day are taken." }), "Alle Zeiten dieses Tages sind vergeben.");
  assert.equal(problemWords({ title: "?" }), "Etwas ist schiefgegangen. Bitte versuchen Sie es noch einmal.");
});

test("dates and numbers follow the language of the page, hours those of the viewer", async () => {
  speak("de", await catalogue("de"));
  assert.equal(day(NOON, "UTC", { now: NOON, viewer: "en-US" }), "Mittwoch, 25. November");
  assert.equal(clock(NOON, "UTC", "de-DE"), "12:30");
  assert.equal(distance(1234, "de-DE"), "1,2\u00a0km");
  speak("ar", await catalogue("ar"));
  assert.match(clock(NOON, "UTC", "ar-EG"), /^12:30/);
  assert.match(day(NOON, "UTC", { now: NOON, viewer: "ar-EG" }), /25/);
});
