// A test fixture: a line client as a chat tutorial for Node has it, on purpose no better than those
// found in the wild. It shows every frame in the same way, whatever its type, and reads timestamps
// as milliseconds. The server has to suit it.
//
//   node client.js URL USERNAME

const readline = require("readline");
const WebSocket = require("ws");

const [url, username] = process.argv.slice(2);
const socket = new WebSocket(url);

function send(type, content) {
  socket.send(JSON.stringify({ type, username, content, timestamp: Date.now() }));
}

socket.on("open", () => {
  send("join", "");
  const input = readline.createInterface({ input: process.stdin });
  input.on("line", (line) => send("message", line));
  input.on("close", () => socket.close());
});

socket.on("message", (data) => {
  const message = JSON.parse(data);
  const time = new Date(message.timestamp).toLocaleTimeString();
  console.log(`[${time}] ${message.username}: ${message.content}`);
});

socket.on("close", () => {
  console.log("Disconnected");
  process.exit(0);
});
