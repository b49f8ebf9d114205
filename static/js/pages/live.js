/** …/live: words first, then the map. */

import { appointmentPath, get } from "../api.js";
import { byId, element, icon, say } from "../components/element.js";
import { showNotice, toSignIn } from "../components/notice.js";
import { personCard } from "../components/person.js";
import { phoneAddress } from "../components/phone.js";
import { turnWords } from "../components/visit_words.js";
import { LiveFeed } from "../live.js";
import { CLOCK_JUMP_MS, freshness, nothingKnown, reduceLive, serverNow } from "../live_state.js";
import { announcement, liveWords, nothingSaid } from "../live_words.js";
import { nearDay, windowClock } from "../time_words.js";
import { _ } from "../words.js";

const main = byId("content");
const appointment = main.dataset.appointment;
const page = (rest) => `/appointments/${encodeURIComponent(appointment)}${rest}`;
const TURN_EVERY_MS = 60_000;
const BY_LINK = "byLink" in main.dataset;
const STAGES = ["on_the_way", "near", "here"];

let state = nothingKnown;
let said = nothingSaid;
let shownTechnician = "";
let turn = "";
let turnAsked_at = null;
let map = null;
let mapWanted = false;

function hear(message) {
  let heard = message;
  if (message.type === "link" && message.link === "sign_in") {
    if (!BY_LINK) {
      toSignIn();
      return;
    }
    // Whoever came by a link has nothing to sign in with: its time is up.
    heard = { ...message, link: "stay_away" };
  }
  state = reduceLive(state, heard, Date.now());
  draw();
}

const feed = new LiveFeed({
  appointment,
  since: () => (state.epoch ? { epoch: state.epoch, seq: state.seq } : null),
  onMessage: hear,
});

function drawArrival(words) {
  const { arrival, stage } = words;
  const shown = Boolean(arrival) && stage !== "here";
  byId("arrival-block").hidden = !shown;
  if (!shown) return;
  say(byId("arrival-clock"), arrival.clock);
  say(byId("arrival-minutes"), arrival.in_words);
  say(byId("arrival-range"), arrival.range.includes("–") ? _("likely {range}", { range: arrival.range }) : "");
  say(byId("arrival-why"), arrival.why);
}

function drawStages(stage) {
  const at = STAGES.indexOf(stage);
  byId("stages").hidden = at < 0;
  for (const [index, item] of [...byId("stages").children].entries()) {
    item.classList.toggle("reached", index <= at);
    if (index === at) item.setAttribute("aria-current", "step");
    else item.removeAttribute("aria-current");
  }
}

function drawFreshness({ level, text }) {
  const badge = byId("freshness");
  badge.hidden = !text;
  badge.className = `badge ${{ live: "lively", delayed: "warning", lost: "bad" }[level] ?? ""}`;
  badge.dataset.level = level;
  say(badge, text);
}

function sentence(stage) {
  const planned = state.window_start ? `${nearDay(state.window_start, state.time_zone, { now: serverNow(state, Date.now()) })}, ${windowClock(state.window_start, state.window_end, state.time_zone)}` : "";
  if (stage === "scheduled") return `${planned}. ${_("As soon as the technician sets out, you can follow them here.")} ${turn}`.trim();
  if (stage === "on_the_way" && !state.tracking) return _("Your technician is on the way. The live map is switched off.");
  if (stage === "here") return _("Please open the door, the visit can begin.");
  if (stage === "in_progress") return _("The technician is at work. There is nothing more to follow here.");
  if (stage === "over") return _("There is nothing more to follow here.");
  if (isSentAway(stage)) {
    return BY_LINK
      ? _("A tracking link ends some time after the visit, or when it is withdrawn.")
      : _("There is no such visit, or it is not yours to follow.");
  }
  return "";
}

/** Before anything of the visit was heard, or while watching it. */
const isSentAway = (stage) => stage === "cut" || (stage === "waiting" && state.link === "stay_away");

function titleOf(words) {
  if (!isSentAway(words.stage)) return words.title;
  return BY_LINK ? _("This link no longer works") : _("Nothing to see here");
}

/** Before anybody travels here, the words tell at least how many others come first. Other visits send no news: asked. */
async function askTurn(stage) {
  if (stage !== "scheduled") turn = "";
  else if (turnAsked_at === null || Date.now() - turnAsked_at > TURN_EVERY_MS) {
    turnAsked_at = Date.now();
    // Without an answer the page only knows less.
    turn = turnWords(await get(appointmentPath(appointment)).catch(() => ({})));
  }
}

function drawTechnician() {
  const key = JSON.stringify(state.technician);
  if (key === shownTechnician) return;
  shownTechnician = key;
  const known = state.technician && (state.technician.name || state.technician.phone);
  byId("technician").hidden = !known;
  if (known) byId("technician").replaceChildren(personCard(state.technician));
}

function row(name, text) {
  byId(`${name}-row`).hidden = !text;
  if (text) say(byId(name), text);
}

function drawAfter(stage) {
  const after = byId("after");
  const sentAway = isSentAway(stage);
  const shown = sentAway ? "ways" : ["scheduled", "completed", "canceled", "over", "in_progress"].includes(stage) ? "details" : "";
  if (after.dataset.shown === shown) return;
  after.dataset.shown = shown;
  after.hidden = !shown;
  after.replaceChildren(...(sentAway ? waysOn() : [element("a", { class: "button", href: page("") }, icon("note"), _("Details of the visit"))]));
}

function waysOn() {
  const { phone } = main.dataset;
  const call = phone && element("a", { class: "button", href: phoneAddress(phone) }, icon("phone"), _("Call us"));
  const on = BY_LINK ? element("a", { class: "button", href: `/sign-in?next=${encodeURIComponent(page("/live"))}` }, _("Sign in instead")) : element("a", { class: "button", href: "/" }, _("Home"));
  return [call, on].filter(Boolean);
}

function draw() {
  const words = liveWords(state, Date.now());
  const heading = titleOf(words);
  say(byId("title"), heading);
  const title = words.arrival && words.stage !== "here" ? `${words.arrival.clock} · ${heading}` : heading;
  if (document.title !== title) document.title = title;
  main.dataset.stage = words.stage;
  drawArrival(words);
  drawStages(words.stage);
  drawFreshness(words.freshness);
  say(byId("sentence"), sentence(words.stage));
  const trouble = byId("trouble");
  if (trouble.dataset.kind !== (words.trouble?.kind ?? "")) {
    trouble.dataset.kind = words.trouble?.kind ?? "";
    showNotice(trouble, words.trouble?.text ?? "", words.trouble?.kind === "phone" ? "" : "warning");
  }
  askTurn(words.stage);
  drawTechnician();
  row("distance", words.distance);
  const traveling = state.status === "traveling" && state.window_start;
  row("window", traveling ? windowClock(state.window_start, state.window_end, state.time_zone) : "");
  drawAfter(words.stage);
  const next = announcement(said, { ...words, title: heading }, state.technician?.name ?? null);
  said = next.said;
  if (next.text) say(byId("announcer"), next.text);
  drawMap();
}

function drawMap() {
  const wanted = state.status === "traveling" && Boolean(state.position);
  if (map) {
    map.show(state, freshness(state, Date.now()).level);
    byId("map-frame").hidden = state.status !== "traveling" || !state.tracking;
  } else if (wanted && !mapWanted) {
    mapWanted = true;
    openMap();
  }
}

// Small, and here before the first position is; the library behind it comes only when there is something to show.
const mapModules = import("../live_map.js");
mapModules.catch(() => {});

/** The map is heavy and optional: it comes after the words, and its absence costs nobody anything. */
async function openMap() {
  const frame = byId("map-frame");
  try {
    const { LiveMap } = await mapModules;
    frame.hidden = false;
    map = await LiveMap.open(byId("map"), {
      basemap: main.dataset.basemap ?? null,
      styleUrl: main.dataset.styleUrl ?? null,
      state,
      onWander: () => {
        byId("recentre").hidden = false;
      },
    });
    if (!map) frame.hidden = true;
    else {
      main.dataset.map = "shown";
      drawMap();
    }
  } catch (error) {
    frame.hidden = true;
    console.warn("The map could not be shown; the page goes on without it.", error.message);
  }
}

byId("recentre").addEventListener("click", () => {
  map?.overview();
  byId("recentre").hidden = true;
});

function browserIs(online) {
  hear({ type: "browser", online });
  if (online) feed.wake();
}

window.addEventListener("online", () => browserIs(true));
window.addEventListener("offline", () => browserIs(false));
document.addEventListener("visibilitychange", () => {
  if (document.visibilityState === "visible") feed.wake();
});
document.addEventListener("resume", () => feed.wake());
if (!navigator.onLine) hear({ type: "browser", online: false });

/** How far the phone's clock is ahead of a count that no setting changes and that a sleeping device stops. */
const drift = () => Date.now() - performance.now();
let drifted_ms = drift();

/** Ages grow and minutes pass without any message. */
function tick() {
  const jumped_ms = Math.abs(drift() - drifted_ms);
  drifted_ms = drift();
  // Set, or slept: what the server's clock is now, only the server can tell.
  if (jumped_ms > CLOCK_JUMP_MS) feed.wake();
  draw();
}

setInterval(tick, 1000);
feed.start();
