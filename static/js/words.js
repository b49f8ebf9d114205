/**
 * The language of the page. English stands in the code; any other language is looked up in `static/words/<language>.json`,
 * the one that the server wrote into `<html lang>`. Where a text is missing, English is better than nothing.
 */

const ENGLISH = {
  "{count} times": { one: "{count} time", other: "{count} times" },
  "{count} earlier visits added, {total} are shown.": {
    one: "{count} earlier visit added, {total} are shown.",
    other: "{count} earlier visits added, {total} are shown.",
  },
  "{count} visits before you.": { one: "{count} visit before you.", other: "{count} visits before you." },
};

let language = "en";
let catalogue = ENGLISH;
let plurals = new Intl.PluralRules("en");

/** From now on everything is said in this language. */
export function speak(name, words = ENGLISH) {
  language = name;
  catalogue = words;
  plurals = new Intl.PluralRules(name);
}

export const spoken = () => language;

/** The text in the language of the page. `{name}` is replaced from `values`; `count` among them chooses the plural form. */
export function _(text, values = {}) {
  const found = catalogue[text] ?? text;
  const chosen = typeof found === "string" ? found : (found[plurals.select(values.count)] ?? found.other);
  return chosen.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
}

/** A text that is said later, by `_`. */
export const later = (text) => text;

/** Whether a text that came from the server can be said in the language of the page. */
export const isKnown = (text) => language === "en" || text in catalogue;

const wanted = globalThis.document?.documentElement.lang || "en";
if (wanted !== "en") {
  try {
    const answer = await fetch(new URL(`../words/${wanted}.json`, import.meta.url));
    if (answer.ok) speak(wanted, await answer.json());
  } catch {
    // The page speaks English then.
  }
}
