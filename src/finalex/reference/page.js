"use strict";

const LINES_MAX = 50;
const ADDRESS = (location.protocol === "https:" ? "wss://" : "ws://") + location.host + "/";

let running = null;

class Trial {
  constructor(element) {
    this.button = element.querySelector("button");
    this.state = element.querySelector(".state");
    this.request = element.querySelector("textarea");
    this.token = element.querySelector("input");
    this.out = element.querySelector(".out");
    this.lines = [];
    this.drawing = false;
    this.socket = null;
    this.button.addEventListener("click", () => (this.socket ? this.stop() : this.start()));
    this.button.hidden = false;
  }

  start() {
    if (running) running.stop();
    running = this;
    this.lines = [];
    const socket = new WebSocket(ADDRESS);
    this.socket = socket;
    this.show("", "connecting to " + ADDRESS);
    this.label("Stop");
    socket.onopen = () => this.open();
    socket.onmessage = (event) => this.add("received", event.data);
    socket.onclose = (event) => {
      if (this.socket === socket) this.ended("closed with " + event.code + (event.reason ? ": " + event.reason : ""));
    };
  }

  open() {
    this.show("on", "connected");
    const token = this.token ? this.token.value.trim() : "";
    if (token) {
      this.socket.send(JSON.stringify({ id: "auth_001", method: "auth", params: { token } }));
      this.add("sent", "→ auth, with the token");
    }
    this.socket.send(this.request.value);
    this.add("sent", "→ " + this.request.value);
  }

  stop() {
    const socket = this.socket;
    this.ended("stopped");
    if (socket) socket.close(1000);
  }

  ended(why) {
    this.socket = null;
    if (running === this) running = null;
    this.show("off", why);
    this.label("Run");
  }

  label(text) {
    this.button.textContent = text;
    this.button.classList.toggle("stop", text === "Stop");
  }

  show(kind, text) {
    this.state.className = ("state " + kind).trim();
    this.state.textContent = text;
  }

  add(kind, text) {
    if (!this.drawing) requestAnimationFrame(() => this.draw());
    this.drawing = true;
    this.lines.push([text.includes('"type":"error"') ? "failed" : kind, text]);
    if (this.lines.length > LINES_MAX) this.lines.shift();
  }

  draw() {
    this.drawing = false;
    const atEnd = this.out.scrollTop + this.out.clientHeight >= this.out.scrollHeight - 40;
    this.out.replaceChildren(...this.lines.map(([kind, text]) => {
      const line = document.createElement("div");
      line.className = kind;
      line.textContent = text;
      return line;
    }));
    if (atEnd) this.out.scrollTop = this.out.scrollHeight;
  }
}

for (const element of document.querySelectorAll(".trial")) new Trial(element);

for (const input of document.querySelectorAll(".trial input")) {
  input.addEventListener("input", () => {
    for (const other of document.querySelectorAll(".trial input")) other.value = input.value;
  });
}

const menu = document.querySelector("nav details");
if (matchMedia("(max-width: 56rem)").matches) menu.open = false;
menu.addEventListener("click", (event) => {
  if (event.target.closest("a") && matchMedia("(max-width: 56rem)").matches) menu.open = false;
});
