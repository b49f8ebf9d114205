/**
 * Calls `onChange` when anything about the visits of this person may have changed: on any message, and after a gap, of which
 * the first is that between the page's own question and the first word here. A message that `takes` takes in says all of
 * its news itself. `missed: false` is for a page that asks often anyway. No DOM.
 */

import { ReturningSocket, socketUrl } from "./returning_socket.js";

const SETTLE_MS = 120;
const POLL_MS = 20_000;

export function followHome(onChange, { path = "/ws/home", takes = () => false, missed = true, world = globalThis } = {}) {
  let timer = null;
  let poll = null;
  const soon = () => {
    world.clearTimeout(timer);
    timer = world.setTimeout(onChange, SETTLE_MS);
  };
  const socket = new ReturningSocket({
    url: socketUrl(path, world.location),
    protocols: ["enroute.v1.json"],
    onMessage: (message) => {
      // Without a gap the first words tell nothing that the page does not have.
      if (message.type === "heartbeat" || (message.type === "welcome" && !missed)) return;
      if (takes(message)) return;
      missed = false;
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
