/**
 * The phone's own line to the server: fixes go out as they come, wait while there is no network, and are sent again until
 * the server says that it has them. No DOM.
 */

import { reduceRefusal } from "./fix_refusals.js";
import { emptyOutbox, isOwed, nextBatch, reduceOutbox } from "./outbox_state.js";
import { ReturningSocket, socketUrl } from "./returning_socket.js";

function base64url(text) {
  return btoa(text).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

export class DeviceLink {
  #socket;
  #outbox = emptyOutbox;
  #store;
  #world;
  #refused = null;
  /** What the server wishes at least to lie between two fixes, the newest of those in between, and when it is taken. */
  #interval_ms = 0;
  #newest_at = -Infinity;
  #between = null;
  #timer = null;

  /** `store` is a FixStore or null; `onChange({waiting, link, refused})` tells the page. */
  constructor({ token, store, onChange, world = globalThis }) {
    this.#store = store;
    this.#world = world;
    this.link = "connecting";
    Object.assign(this, { onChange });
    this.#socket = new ReturningSocket({
      url: socketUrl("/ws/device", world.location),
      protocols: ["enroute.v1.json", `bearer.${base64url(token)}`],
      onMessage: (message) => this.#hear(message),
      onLink: (link) => this.#linked(link),
      // A phone that stands still says nothing, and is told nothing.
      mayBeSilent: () => !isOwed(this.#outbox),
      world,
    });
  }

  async start() {
    if (this.#store) this.#apply({ type: "restored", fixes: await this.#store.all() });
    this.#socket.open();
  }

  stop() {
    this.#socket.close();
    this.#linked("closed");
  }

  wake() {
    this.#socket.retryNow();
  }

  /** A native fix: `{fixed_at, lat, lon, accuracy_m?, speed_mps?, heading_deg?}`. */
  async take(fix) {
    // A clock that was set back must not end the sharing.
    const early_ms = this.#interval_ms - Math.abs(fix.fixed_at - this.#newest_at);
    if (early_ms <= 0) return this.#keep(fix);
    // Nothing may follow it: whoever has arrived stands still.
    this.#between = fix;
    this.#timer ??= this.#world.setTimeout(() => this.#keep(this.#between), early_ms);
  }

  async #keep(fix) {
    this.#world.clearTimeout(this.#timer);
    this.#between = this.#timer = null;
    this.#newest_at = fix.fixed_at;
    this.#apply({ type: "fix", fix });
    // A full disk must not stop the sending.
    await this.#store?.put(fix).catch(() => {});
    this.#flush();
  }

  get waiting() {
    return this.#outbox.fixes.length;
  }

  #apply(message) {
    this.#outbox = reduceOutbox(this.#outbox, message);
    this.#refused = reduceRefusal(this.#refused, message);
    this.onChange({ waiting: this.waiting, link: this.link, refused: this.#refused });
  }

  /** What was refused so far says nothing about the next fix. */
  forgetRefusal() {
    this.#refused = null;
  }

  #linked(link) {
    this.link = link;
    this.#interval_ms = 0;
    this.#apply({ type: link === "open" ? "opened" : "closed" });
    if (link === "open") this.#flush();
    if (this.#between) this.#keep(this.#between);
  }

  #hear(message) {
    if (message.type === "ack") {
      this.#apply(message);
      this.#store?.forgetUpTo(message.upto).catch(() => {});
      this.#flush();
    } else if (message.type === "error") {
      this.#apply(message);
      if (message.code === "future") this.#store?.forgetFrom(message.fixed_at).catch(() => {});
    } else if (message.type === "rate") {
      // The server has more than it can take: it holds for this connection.
      this.#interval_ms = 1_000 * message.interval_s;
    }
  }

  #flush() {
    if (!this.#socket.isOpen) return;
    const batch = nextBatch(this.#outbox);
    const wasOwed = isOwed(this.#outbox);
    if (!batch.length || !this.#socket.send(batch.length === 1 ? batch[0] : batch)) return;
    this.#apply({ type: "sent", upto: batch.at(-1).fixed_at });
    if (!wasOwed) this.#socket.listenForSilence();
  }
}
