/**
 * Calls `onChange` when anything about the visits of this person may have changed: on any message, and after a gap. `onMessage`
 * is told first what was said. No DOM.
 */

import { ReturningSocket, socketUrl } from "./returning_socket.js";

const SETTLE_MS = 120;
const POLL_MS = 20_000;

export function followHome(onChange, { path = "/ws/home", onMessage = () => {}, world = globalThis } = {}) {
  let timer = null;
  let poll = null;
  let missed = false;
  const soon = () => {
    world.clearTimeout(timer);
    timer = world.setTimeout(onChange, SETTLE_MS);
  };
  const socket = new ReturningSocket({
    url: socketUrl(path, world.location),
    protocols: ["enroute.v1.json"],
    onMessage: (message) => {
      // The first words of a first connection tell nothing that the page does not have.
      if (message.type === "heartbeat" || (message.type === "welcome" && !missed)) return;
      missed = false;
      onMessage(message);
      soon();
    },
    onLink: (link) => {
      world.clearInterval(poll);
      if (link === "open") return;
      missed = true;
      // Where sockets are blocked the page still keeps itself up to date, only slower.
      if (link !== "retrying") return;
      poll = world.setInterval(onChange, POLL_MS);
      // Whether the server is away is told by asking it.
      soon();
    },
    world,
  });
  socket.open();
  const wake = () => {
    socket.renew();
    soon();
  };
  world.addEventListener?.("online", wake);
  world.addEventListener?.("offline", soon);
  world.document?.addEventListener("visibilitychange", () => {
    if (world.document.visibilityState === "visible") wake();
  });
  return socket;
}
