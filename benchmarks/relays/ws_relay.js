// The relay on node's `ws`: a device's message goes to every watcher of its topic by the library's own send().
// node ws_relay.js PORT; the URLs are those of c/epoll_limit.c.
"use strict";
const { WebSocketServer } = require("ws");

const topics = new Map();

function watchersOf(topic) {
  if (!topics.has(topic)) topics.set(topic, new Set());
  return topics.get(topic);
}

const server = new WebSocketServer({
  host: "127.0.0.1",
  port: Number(process.argv[2]),
  backlog: 4096,
  perMessageDeflate: false,
  clientTracking: false,
  skipUTF8Validation: true, // the other relays do not look into the text either
});

server.on("connection", (socket, request) => {
  socket.on("error", () => socket.terminate());
  if (request.url === "/ws/device") {
    const watchers = watchersOf(request.headers.authorization.slice("Bearer ".length));
    socket.on("message", (message) => {
      for (const watcher of watchers) watcher.send(message, { binary: false });
    });
  } else {
    const watchers = watchersOf(request.url.slice("/ws/appointments/".length));
    watchers.add(socket);
    socket.on("close", () => watchers.delete(socket));
  }
});
