/** The homepage: what is active, what comes, what was; it keeps itself up to date. */

import { get } from "../api.js";
import { byId, say } from "../components/element.js";
import { showNotice, showProblem, withButton } from "../components/notice.js";
import { visitCard } from "../components/visit_card.js";
import { visitWords } from "../components/visit_words.js";
import { followHome } from "../home_feed.js";
import { earlierPath, hearEarlier, hearNewest, newestPath, nothingPast } from "../past_visits.js";
import { Questions } from "../questions.js";
import { serverNow } from "../server_clock.js";
import { _ } from "../words.js";

const ARRIVAL_AGES_MS = 30_000;

let shown = { active: [], upcoming: [] };
let past = nothingPast;
let told = null;

function draw({ active, upcoming }) {
  shown = { active, upcoming };
  byId("loading").hidden = true;
  byId("active-section").hidden = !active.length;
  byId("upcoming-section").hidden = !upcoming.length;
  byId("empty").hidden = active.length + upcoming.length > 0;
  const now = serverNow();
  byId("active").replaceChildren(...active.map((each) => visitCard(each, { active: true, now })));
  byId("upcoming").replaceChildren(...upcoming.map((each) => visitCard(each, { now })));
  tellNews([...active, ...upcoming]);
}

/** Reads aloud which visit changed its state; the first picture is read by the person at their own pace. */
function tellNews(visits) {
  const states = new Map(visits.map((each) => [each.id, each.status]));
  if (told) {
    const changed = visits.filter((each) => told.get(each.id) !== each.status).map((each) => visitWords(each));
    if (changed.length) say(byId("news"), changed.map((words) => `${words.service}: ${words.status.text}.`).join(" "));
  }
  told = states;
}

function drawPast() {
  byId("past-empty").hidden = past.visits.length > 0;
  byId("past-list").replaceChildren(...past.visits.map((each) => visitCard(each)));
  byId("earlier").hidden = past.next === null;
}

let pastTurn = Promise.resolve();

/** One question about the past after the other: each builds on what the one before it showed. */
function inTurn(work) {
  const mine = pastTurn.then(work);
  pastTurn = mine.catch(() => {});
  return mine;
}

async function refreshPast() {
  past = hearNewest(past, await get(newestPath(past)));
  drawPast();
}

async function showEarlier() {
  if (past.next === null) return;
  const { added, ...longer } = hearEarlier(past, await get(earlierPath(past)));
  past = longer;
  drawPast();
  const count = added.length;
  say(byId("news"), _("{count} earlier visits added, {total} are shown.", { count, total: past.visits.length }));
  // Who reads with the keyboard goes on where the added ones begin.
  byId("past-list").children[past.visits.length - count]?.querySelector("a").focus();
}

const questions = new Questions();
let drawn = "";

async function refresh() {
  const isNew = questions.ask();
  try {
    // One answer for both: in two, a visit that is promoted in between stands twice or nowhere.
    const { appointments } = await get("/api/appointments?section=current");
    if (!isNew()) return;
    const of = (section) => appointments.filter((each) => each.section === section);
    // The same again is not drawn again: a finger may be on a button. An arrival is told in minutes from now.
    const picture = JSON.stringify([appointments, Math.floor(serverNow() / 60_000)]);
    if (picture !== drawn) draw({ active: of("active"), upcoming: of("upcoming") });
    drawn = picture;
    showNotice(byId("problem"), "");
    if (!byId("past").hidden) await inTurn(refreshPast);
  } catch (problem) {
    if (!isNew()) return;
    byId("loading").hidden = true;
    showProblem(byId("problem"), problem);
  }
}

function chooseTab(name) {
  for (const each of ["current", "past"]) {
    const tab = byId(`tab-${each}`);
    tab.setAttribute("aria-selected", String(each === name));
    tab.tabIndex = each === name ? 0 : -1;
    byId(each).hidden = each !== name;
  }
  if (name === "past") inTurn(refreshPast).catch((problem) => showProblem(byId("problem"), problem));
}

for (const name of ["current", "past"]) {
  const tab = byId(`tab-${name}`);
  tab.addEventListener("click", () => chooseTab(name));
  tab.addEventListener("keydown", (event) => {
    if (event.key !== "ArrowLeft" && event.key !== "ArrowRight") return;
    const other = name === "current" ? "past" : "current";
    chooseTab(other);
    byId(`tab-${other}`).focus();
  });
}

byId("earlier").addEventListener("click", () => withButton(byId("earlier"), byId("problem"), () => inTurn(showEarlier)));

await refresh();
followHome(refresh);
// Minutes pass without any message: "in 9 min" must become "in 8 min".
setInterval(() => shown.active.length && draw(shown), ARRIVAL_AGES_MS);
