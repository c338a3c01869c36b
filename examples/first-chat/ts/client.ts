// A chat client for a terminal: what you type is said, what others say is shown.
//
//   npm run client Alice                        talks to ws://localhost:8080
//   npm run client Alice ws://192.168.1.7:8080  talks to a server elsewhere
import { createInterface } from "node:readline";
import { WebSocket } from "ws";

const ATTEMPTS = 5; // to come back; then the client gives up
const { RETRY_SECONDS = "1", SILENCE_SECONDS = "60" } = process.env;
const [name, url = "ws://localhost:8080"] = process.argv.slice(2);
if (name === undefined || !/^wss?:/.test(url) || !URL.canParse(url)) {
  console.error("Usage: npm run client NAME [ws://HOST:PORT]");
  process.exit(2);
}

let username: string = name;
let socket: WebSocket;
let attempt = 0; // how many we have made since we were last connected
let isLeaving = false;
const unsent: string[] = []; // lines typed while there was no connection

function connect(): void {
  let why = "";
  socket = new WebSocket(url, { handshakeTimeout: 10_000, maxPayload: 1024 * 1024 });
  // The server pings us, and `ws` answers by itself. When no more pings come, the server or the way
  // to it is dead. Nobody else would tell us.
  const watchdog = setTimeout(() => socket.terminate(), Number(SILENCE_SECONDS) * 1000);
  socket.on("ping", () => watchdog.refresh());
  socket.on("open", () => {
    attempt = 0;
    send({ type: "join", username, content: "" });
    for (const line of unsent.splice(0)) say(line);
    if (isLeaving) leave();
  });
  socket.on("message", (data) => {
    watchdog.refresh();
    try {
      show(data.toString());
    } catch {
      console.error("(The server sent something that is no frame.)");
    }
  });
  // An error only says what happened; "close" follows, and there we decide what to do.
  socket.on("error", (error: NodeJS.ErrnoException) => {
    why = error.message || error.code || "no connection";
  });
  socket.on("close", (code, reason) => {
    clearTimeout(watchdog);
    if (isLeaving && unsent.length === 0) process.exit(0);
    retry(code, why || reason.toString() || "the connection was cut");
  });
}

/** Comes back, but not at once: a server that has just fallen over must not be stormed. */
function retry(code: number, why: string): void {
  // 1001 (the server stops) and 1006 (cut off) mean: come back. 1008 (you may not), say, does not.
  if ([1000, 1002, 1003, 1007, 1008, 1009].includes(code) || code >= 4500) {
    console.error(`The server has ended this (${code}): ${why}`);
    process.exit(1);
  }
  if (attempt === ATTEMPTS) {
    console.error(`Gave up after ${ATTEMPTS} attempts: is there a server on ${url}?`);
    process.exit(1);
  }
  // Each wait is twice as long as the one before, and never the same for two clients: all those who
  // lost the same server should not come back at the same moment.
  const seconds = Number(RETRY_SECONDS) * 2 ** attempt * (0.5 + Math.random() / 2);
  attempt += 1;
  const next = `attempt ${attempt} of ${ATTEMPTS} in ${seconds.toFixed(1)} s`;
  console.error(`Not connected (${why}): ${next}`);
  setTimeout(connect, seconds * 1000);
}

/** Shows a frame as a line. A type that we do not know is for somebody newer. */
function show(text: string): void {
  const { type, username: author, content, timestamp, to } = JSON.parse(text);
  if (type !== "message" && type !== "private") return;
  const clock = new Date(timestamp).toTimeString().slice(0, 8);
  const names = type === "private" ? `${author} to ${to}, in private` : author;
  // A control character could repaint the terminal: what others write gets to our screen without.
  console.log(`[${clock}] ${names}: ${content}`.replace(/\p{Cc}/gu, " "));
}

/** Does what a typed line asks for. */
function say(line: string): void {
  const [word, ...rest] = line.split(" ");
  if (word === "/quit") {
    leave();
  } else if (socket.readyState !== WebSocket.OPEN) {
    unsent.push(line);
    console.error("Not connected: this line waits until we are.");
  } else if (word === "/msg") {
    send({ type: "private", to: rest[0], content: rest.slice(1).join(" ") });
  } else if (word === "/name") {
    username = rest.join(" ");
    send({ type: "join", username, content: "" });
  } else if (line.trim() !== "") {
    send({ type: "message", username, content: line });
  }
}

function send(frame: object): void {
  socket.send(JSON.stringify({ ...frame, timestamp: Date.now() }));
}

/** Ends when all is said. The code 1000 is a goodbye: nobody has to find out by our silence. */
function leave(): void {
  isLeaving = true;
  if (socket.readyState === WebSocket.OPEN) socket.close(1000);
  else if (unsent.length === 0) process.exit(0);
}

console.error("/msg NAME TEXT says it to one, /name NAME is a new name, /quit ends.");
connect();
createInterface({ input: process.stdin }).on("line", say).on("close", leave); // Ctrl+D
process.on("SIGINT", () => {
  unsent.length = 0; // Ctrl+C does not wait
  leave();
});
