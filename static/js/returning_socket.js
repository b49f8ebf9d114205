/**
 * A websocket that comes back: watches for silence, waits with jitter, obeys the server's close codes. No DOM.
 *
 * Handlers: `onMessage(object)`, `onLink("asking" | "open" | "retrying" | "stay_away" | "sign_in", code)`,
 * `onFailedOpen(count)` for opens in a row that never succeeded. `greeting()` may return a first message to send;
 * `mayBeSilent()` says when no word is owed to us.
 */

import { afterClose, reconnectDelay } from "./backoff.js";

/** The code of a close that nobody sent. */
const LOST = 1006;

const OPEN_WITHIN_MS = 15_000;
const FIRST_SILENCE_MS = 60_000;
/** A heartbeat that is so much late will not come: known before a position looks old for another reason. */
const LATE_HEARTBEAT = 1.4;

export class ReturningSocket {
  #socket = null;
  #attempt = 0;
  #failedOpens = 0;
  #retryTimer = null;
  #silenceTimer = null;
  #silence_ms = FIRST_SILENCE_MS;
  #wanted = false;

  constructor({ url, protocols, greeting = () => null, onMessage, onLink, onFailedOpen = () => {}, mayBeSilent = () => false, world = globalThis }) {
    Object.assign(this, { url, protocols, greeting, onMessage, onLink, onFailedOpen, mayBeSilent, world });
  }

  open() {
    this.#wanted = true;
    this.#connect();
  }

  close() {
    this.#wanted = false;
    this.#forget();
  }

  /** Something suggests that the network is back: do not sit out the wait. */
  retryNow() {
    if (this.#wanted && !this.#socket) this.#connect();
  }

  /** Something suggests that what looks open is dead: a new connection, whose first word is the newest. */
  renew() {
    if (!this.#wanted) return;
    this.#attempt = 0;
    this.onLink("asking");
    this.#connect();
  }

  get isOpen() {
    return this.#socket?.readyState === 1;
  }

  send(message) {
    if (!this.isOpen) return false;
    this.#socket.send(JSON.stringify(message));
    return true;
  }

  #connect() {
    this.#forget();
    const { url, protocols } = this;
    const socket = new this.world.WebSocket(
      typeof url === "function" ? url() : url,
      typeof protocols === "function" ? protocols() : protocols,
    );
    let opened = false;
    this.#socket = socket;
    socket.onopen = () => {
      opened = true;
      this.#failedOpens = 0;
      this.onLink("open");
      const first = this.greeting();
      if (first) this.send(first);
      this.listenForSilence();
    };
    socket.onmessage = (event) => {
      this.#attempt = 0;
      const message = JSON.parse(event.data);
      if (message.heartbeat_s) this.#silence_ms = LATE_HEARTBEAT * 1_000 * message.heartbeat_s;
      this.listenForSilence();
      this.onMessage(message);
    };
    socket.onclose = (event) => this.#closed(event.code, opened);
    this.#silenceTimer = this.world.setTimeout(() => this.#closed(LOST, opened), OPEN_WITHIN_MS);
  }

  #closed(code, opened) {
    this.#forget();
    const next = afterClose(code);
    if (next !== "return") {
      this.#wanted = false;
      this.onLink(next, code);
      return;
    }
    this.onLink("retrying", code);
    const delay_ms = reconnectDelay(this.#attempt, this.world.Math.random(), { lost: code === LOST });
    this.#attempt += 1;
    this.#retryTimer = this.world.setTimeout(() => this.#connect(), delay_ms);
    if (!opened) {
      this.#failedOpens += 1;
      this.onFailedOpen(this.#failedOpens);
    }
  }

  /** From here on a word is waited for. */
  listenForSilence() {
    if (!this.isOpen) return;
    this.world.clearTimeout(this.#silenceTimer);
    // A line that went dead without a word never fires `close` by itself.
    this.#silenceTimer = this.world.setTimeout(() => !this.mayBeSilent() && this.#closed(LOST, true), this.#silence_ms);
  }

  #forget() {
    this.world.clearTimeout(this.#retryTimer);
    this.world.clearTimeout(this.#silenceTimer);
    const socket = this.#socket;
    this.#socket = null;
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    if (socket.readyState < 2) socket.close();
  }
}

/** `/ws/…` of this page's own server, as an absolute websocket URL. */
export function socketUrl(path, location = globalThis.location) {
  return `${location.protocol === "https:" ? "wss:" : "ws:"}//${location.host}${path}`;
}
