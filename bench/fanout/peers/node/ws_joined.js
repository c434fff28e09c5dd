"use strict";
// ws with its sending left out: the frames of a tick joined, one write to the socket for each connection that wants
// any of them. Connections with the same set of streams share the joined bytes.

const { WebSocketServer, Sender } = require("ws");
const { tick, port, announce } = require("./streams");

const FRAME = { fin: true, rsv1: false, opcode: 1, mask: false, readOnly: true };

const groups = new Map(); // by the sorted streams: { sockets, frames }
const listening = new Map(); // by stream: groups

function subscribe(socket, streams) {
  const key = streams.sort().join(" ");
  let group = groups.get(key);
  if (group === undefined) {
    group = { sockets: [], frames: [] };
    groups.set(key, group);
    for (const stream of streams) {
      if (!listening.has(stream)) listening.set(stream, []);
      listening.get(stream).push(group);
    }
  }
  group.sockets.push(socket);
}

function send(words) {
  const touched = [];
  for (const [stream, message] of tick(words)) {
    const parts = Sender.frame(message, FRAME);
    for (const group of listening.get(stream) ?? []) {
      if (group.frames.length === 0) touched.push(group);
      group.frames.push(...parts);
    }
  }
  for (const group of touched) {
    const joined = Buffer.concat(group.frames);
    group.frames = [];
    for (const socket of group.sockets) socket.write(joined);
  }
}

function receive(connection, text) {
  const words = text.split(" ");
  if (words[0] === "t") return send(words);
  subscribe(connection._socket, words.slice(1));
  connection.send("ok");
}

const server = new WebSocketServer({ host: "127.0.0.1", port: port(), backlog: 1024, perMessageDeflate: false });
server.on("connection", (connection) => {
  connection.on("message", (data) => receive(connection, data.toString("latin1")));
});
server.on("listening", () => announce(server.address().port));
