"use strict";
// uWebSockets.js with its own topics: `publish` frames a message once, and joins what a connection gets in one turn of
// the event loop. No compression, no pings, and no limit that would drop messages.

const uWS = require("uwebsockets");
const { tick, port, announce } = require("./streams");

const WAITING_BYTES_MAX = 64 * 1024 * 1024;

const app = uWS.App();

function receive(socket, text) {
  const words = text.split(" ");
  if (words[0] === "t") {
    for (const [stream, message] of tick(words)) app.publish(stream, message, false);
    return;
  }
  for (const stream of words.slice(1)) socket.subscribe(stream);
  socket.send("ok", false);
}

app.ws("/*", {
  compression: uWS.DISABLED,
  idleTimeout: 0,
  sendPingsAutomatically: false,
  maxBackpressure: WAITING_BYTES_MAX,
  message: (socket, data) => receive(socket, Buffer.from(data).toString("latin1")),
});

app.listen("127.0.0.1", port(), (listener) => {
  if (!listener) throw new Error("the port is taken");
  announce(uWS.us_socket_local_port(listener));
});
