// The chat of bench/rivals on Node, with the library `ws`.

import { parseArgs } from "node:util";
import { WebSocket, WebSocketServer } from "ws";

const { values } = parseArgs({ options: { port: { type: "string", default: "0" } } });

/** Who is in a room, by its name. */
const rooms = new Map();

function tell(room, username, content) {
  const message = { type: "message", username, content, timestamp: Date.now(), room };
  // Encoded once: of a string, every send would make its own bytes.
  const data = Buffer.from(JSON.stringify(message));
  for (const member of rooms.get(room) ?? []) {
    if (member.readyState === WebSocket.OPEN) member.send(data, { binary: false });
  }
}

function leave(socket, room) {
  const members = rooms.get(room);
  if (!members?.delete(socket)) return;
  if (members.size === 0) rooms.delete(room);
  tell(room, "System", `${socket.username} has left the chat`);
}

function obey(socket, { type, username, content, room = "lobby" }) {
  if (typeof room !== "string") return;
  const members = rooms.get(room);
  const isIn = members?.has(socket) ?? false;
  if (type === "join" && typeof username === "string" && !isIn) {
    socket.username = username;
    if (members) members.add(socket);
    else rooms.set(room, new Set([socket]));
    tell(room, "System", `${username} has joined the chat`);
  } else if (type === "message" && typeof content === "string" && isIn) {
    tell(room, socket.username, content);
  } else if (type === "leave") {
    leave(socket, room);
  }
}

const server = new WebSocketServer({
  host: "127.0.0.1",
  port: Number(values.port),
  perMessageDeflate: false,
});

server.on("connection", (socket) => {
  socket.on("message", (data) => {
    let command;
    try {
      command = JSON.parse(data);
    } catch {
      return;
    }
    if (command !== null) obey(socket, command);
  });
  socket.on("close", () => {
    for (const room of [...rooms.keys()]) leave(socket, room);
  });
  // A broken frame or a cut connection: `close` follows.
  socket.on("error", () => {});
});

server.on("listening", () => console.log(`listening on ${server.address().port}`));
