"use strict";
// ws as its documentation shows a broadcast: one `send` for each message and connection; no compression.

const { WebSocketServer } = require("ws");
const { tick, port, announce } = require("./streams");

const members = new Map();

function send(words) {
  for (const [stream, message] of tick(words)) {
    for (const member of members.get(stream) ?? []) member.send(message, { binary: false });
  }
}

function receive(socket, text) {
  const words = text.split(" ");
  if (words[0] === "t") return send(words);
  for (const stream of words.slice(1)) {
    if (!members.has(stream)) members.set(stream, []);
    members.get(stream).push(socket);
  }
  socket.send("ok");
}

const server = new WebSocketServer({ host: "127.0.0.1", port: port(), backlog: 1024, perMessageDeflate: false });
server.on("connection", (socket) => socket.on("message", (data) => receive(socket, data.toString("latin1"))));
server.on("listening", () => announce(server.address().port));
