/** Sharing this phone's position: the browser's geolocation into the device link. The choice survives a reload. */

import { get, post, problemWords } from "./api.js";
import { DeviceLink } from "./device_link.js";
import { refusalWords } from "./fix_refusals.js";
import { FixStore } from "./fix_store.js";
import { age } from "./time_words.js";
import { _, later } from "./words.js";

const REMEMBERED = "enroute.sharing";
const REFUSALS = {
  1: later("This page may not see your position. Allow it in the browser's settings."),
  2: later("Your position cannot be found right now."),
  3: later("Still looking for your position."),
};

/** The browser's position in the units of the wire; unknown stays absent, never 0. */
export function fixOf({ timestamp, coords }) {
  const fix = { fixed_at: Math.round(timestamp), lat: coords.latitude, lon: coords.longitude };
  const more = { accuracy_m: coords.accuracy, speed_mps: coords.speed, heading_deg: coords.heading, altitude_m: coords.altitude };
  for (const [name, value] of Object.entries(more)) if (Number.isFinite(value)) fix[name] = value;
  return fix;
}

export class Sharing {
  #watch = null;
  #link = null;
  #linkState = "connecting";
  #waiting = 0;
  #newest_at = null;
  #refusal = "";
  #refused = null;
  #duty = null;
  #wakeLock = null;
  #timer = null;
  isOn = false;

  /** `onChange({on, text, waiting})`; `onOffDuty()` when the server begins to refuse positions because of the duty. */
  constructor({ onChange, onOffDuty }) {
    Object.assign(this, { onChange, onOffDuty });
    globalThis.addEventListener("online", () => this.#link?.wake());
    document.addEventListener("visibilitychange", () => {
      if (document.visibilityState !== "visible" || !this.isOn) return;
      this.#link?.wake();
      this.#stayAwake();
    });
  }

  /** The technician's duty as the server told it. */
  set duty(duty) {
    if (duty === this.#duty) return;
    this.#duty = duty;
    if (duty === "on_duty") {
      this.#refused = null;
      this.#link?.forgetRefusal();
    }
    this.#tell();
  }

  /** Takes up again what was on before the page was closed. */
  async resume() {
    if (localStorage.getItem(REMEMBERED) === "on") await this.turnOn();
  }

  async turnOn() {
    if (this.isOn) return;
    this.isOn = true;
    this.#refusal = "";
    this.#tell();
    try {
      await this.#open();
    } catch (problem) {
      this.isOn = false;
      this.#refusal = problem.detail ? problemWords(problem) : _("Your position cannot be shared right now.");
      this.#tell();
      return;
    }
    localStorage.setItem(REMEMBERED, "on");
    this.#watch = navigator.geolocation.watchPosition(
      (position) => this.#take(position),
      (error) => {
        this.#refusal = _(REFUSALS[error.code] ?? error.message);
        if (error.code === 1) this.turnOff({ because: this.#refusal });
        else this.#tell();
      },
      { enableHighAccuracy: true, maximumAge: 0, timeout: 30_000 },
    );
    this.#timer = setInterval(() => this.#tell(), 1000);
    this.#stayAwake();
  }

  async #open() {
    if (!("geolocation" in navigator)) throw new Error("no geolocation");
    const [{ token }, session] = await Promise.all([post("/api/technician/device-token"), get("/api/session")]);
    // Without IndexedDB (a private window) fixes wait in memory only.
    const store = await FixStore.open(session.name ?? "me").catch(() => null);
    this.#link = new DeviceLink({
      token,
      store,
      onChange: ({ waiting, link, refused }) => {
        const isNew = refused?.code === "off_duty" && this.#refused?.code !== "off_duty";
        this.#waiting = waiting;
        this.#linkState = link;
        this.#refused = refused;
        this.#tell();
        if (isNew) this.onOffDuty();
      },
    });
    await this.#link.start();
  }

  turnOff({ because = "" } = {}) {
    if (!this.isOn) return;
    this.isOn = false;
    this.#refusal = because;
    localStorage.removeItem(REMEMBERED);
    navigator.geolocation?.clearWatch(this.#watch);
    clearInterval(this.#timer);
    this.#link?.stop();
    this.#link = null;
    this.#refused = null;
    this.#wakeLock?.release();
    this.#wakeLock = null;
    this.#tell();
  }

  #take(position) {
    this.#refusal = "";
    const fix = fixOf(position);
    this.#newest_at = fix.fixed_at;
    this.#link?.take(fix);
  }

  /** A dark screen stops the geolocation of most phones. */
  async #stayAwake() {
    try {
      this.#wakeLock = await navigator.wakeLock?.request("screen");
    } catch {
      // Not allowed on an empty battery: the page still works while it is open.
      this.#wakeLock = null;
    }
  }

  #text() {
    if (!this.isOn) return this.#refusal || _("Off");
    if (this.#refusal) return this.#refusal;
    if (this.#linkState === "sign_in") return _("Please sign in again.");
    if (this.#linkState !== "open") return _("No network. Your positions wait here.");
    if (this.#refused) return refusalWords(this.#refused, this.#duty);
    if (this.#newest_at === null) return _("Looking for your position …");
    return _("On · last position {age} ago", { age: age(Date.now() - this.#newest_at) });
  }

  #tell() {
    this.onChange({ on: this.isOn, text: this.#text(), waiting: this.#waiting });
  }
}
