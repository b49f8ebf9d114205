/**
 * The stream of one visit, by whatever the network lets through: websocket, else server-sent events, else polling.
 * No DOM. `onMessage` gets the messages of the wire and `{type: "link", link}`.
 */

import { ReturningSocket, socketUrl } from "./returning_socket.js";

const PROTOCOL = "enroute.v1.json";
const FAILED_OPENS_BEFORE_EVENTS = 2;
const POLL_MS = 5_000;
const SOCKET_AGAIN_MS = 120_000;

export class LiveFeed {
  #socket = null;
  #events = null;
  #pollTimer = null;
  #againTimer = null;
  #stopped = true;

  /** `since()` returns `{epoch, seq}` of what is known, or null. */
  constructor({ appointment, since, onMessage, world = globalThis }) {
    Object.assign(this, { appointment, since, onMessage, world });
  }

  start() {
    this.#stopped = false;
    this.#bySocket();
  }

  stop() {
    this.#stopped = true;
    this.#leave();
  }

  /** The network or the tab came back, or a clock jumped: nothing known before counts until it is heard again. */
  wake() {
    if (this.#stopped) return;
    if (this.#socket) this.#socket.renew();
    else this.#bySocket();
  }

  #link(link) {
    if (link === "stay_away" || link === "sign_in") this.stop();
    this.onMessage({ type: "link", link });
  }

  #leave() {
    this.#socket?.close();
    this.#events?.close();
    this.#socket = this.#events = null;
    this.world.clearTimeout(this.#pollTimer);
    this.world.clearTimeout(this.#againTimer);
  }

  #bySocket() {
    this.#leave();
    this.#socket = new ReturningSocket({
      url: socketUrl(`/ws/appointments/${encodeURIComponent(this.appointment)}`, this.world.location),
      protocols: [PROTOCOL],
      greeting: () => {
        const since = this.since();
        return since ? { type: "hello", since } : { type: "hello" };
      },
      onMessage: this.onMessage,
      onLink: (link) => this.#link(link),
      onFailedOpen: (count) => this.#perhapsBlocked(count),
      world: this.world,
    });
    this.#socket.open();
  }

  #path(name) {
    return `/api/appointments/${encodeURIComponent(this.appointment)}/${name}`;
  }

  /** Sockets that fail while plain requests pass are blocked; when nothing passes, the server is away and we wait. */
  async #perhapsBlocked(failedOpens) {
    if (failedOpens < FAILED_OPENS_BEFORE_EVENTS) return;
    const answer = await this.#poll();
    if (answer === null || this.#stopped || this.#socket?.isOpen) return;
    this.#hearSnapshot(answer);
    this.#byEvents();
  }

  #byEvents() {
    this.#leave();
    this.#againTimer = this.world.setTimeout(() => this.#bySocket(), SOCKET_AGAIN_MS);
    const events = new this.world.EventSource(this.#path("events"));
    let opened = false;
    this.#events = events;
    events.onopen = () => {
      opened = true;
      this.#link("open");
    };
    events.onmessage = (event) => this.onMessage(JSON.parse(event.data));
    events.onerror = () => {
      // The browser's own retry knows no jitter: a stream that broke goes back to the start of the ladder instead.
      this.#link("retrying");
      if (opened) this.#bySocket();
      else this.#byPolling();
    };
  }

  #byPolling() {
    this.#leave();
    const poll = async () => {
      const answer = await this.#poll();
      if (this.#stopped || this.#socket || this.#events) return;
      if (answer === null) {
        this.#link("retrying");
        this.#bySocket();
        return;
      }
      this.#link("open");
      this.#hearSnapshot(answer);
      this.#pollTimer = this.world.setTimeout(poll, POLL_MS);
    };
    this.#againTimer = this.world.setTimeout(() => this.#bySocket(), SOCKET_AGAIN_MS);
    poll();
  }

  #hearSnapshot(answer) {
    this.onMessage(answer.snapshot ? { ...answer, type: "welcome" } : { type: "welcome", snapshot: answer });
  }

  /** A snapshot, or null when the server cannot be reached. */
  async #poll() {
    try {
      const response = await this.world.fetch(this.#path("live"), { cache: "no-store" });
      if (response.status === 401) this.#link("sign_in");
      if (response.status === 404) this.#link("stay_away");
      return response.ok ? await response.json() : null;
    } catch {
      return null;
    }
  }
}
