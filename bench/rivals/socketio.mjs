// The chat of bench/rivals on Node, with Socket.IO. Commands and messages are events, named by their
// `type`, with the object as the one argument.

import { createServer } from "node:http";
import { parseArgs } from "node:util";
import { Server } from "socket.io";

const { values } = parseArgs({ options: { port: { type: "string", default: "0" } } });

const http = createServer();
const io = new Server(http, {
  transports: ["websocket"],
  perMessageDeflate: false,
  serveClient: false,
});

// What its documentation advises to save memory: the request that opened a connection is not kept.
io.engine.on("connection", (connection) => {
  connection.request = null;
});

function tell(room, username, content) {
  const message = { type: "message", username, content, timestamp: Date.now(), room };
  io.to(room).emit("message", message);
}

io.on("connection", (socket) => {
  socket.on("join", (command) => {
    const { username, room = "lobby" } = command ?? {};
    if (typeof username !== "string" || typeof room !== "string" || socket.rooms.has(room)) return;
    socket.data.username = username;
    socket.join(room);
    tell(room, "System", `${username} has joined the chat`);
  });
  socket.on("message", (command) => {
    const { content, room = "lobby" } = command ?? {};
    if (typeof content !== "string" || !socket.rooms.has(room)) return;
    tell(room, socket.data.username, content);
  });
  function leave(room) {
    // Each socket is in a room of its own as well, named by its id.
    if (room === socket.id || !socket.rooms.has(room)) return;
    socket.leave(room);
    tell(room, "System", `${socket.data.username} has left the chat`);
  }
  socket.on("leave", (command) => leave(command?.room ?? "lobby"));
  socket.on("disconnecting", () => [...socket.rooms].forEach(leave));
});

http.listen(Number(values.port), "127.0.0.1", () => {
  console.log(`listening on ${http.address().port}`);
});
