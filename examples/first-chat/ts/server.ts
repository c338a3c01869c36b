// The smallest honest chat server.
//
//   npm run server                          listens on ws://localhost:8080
//   HOST=0.0.0.0 PORT=9000 npm run server   listens on all networks, on another port
import { randomUUID } from "node:crypto";
import { WebSocketServer } from "ws";
import { checkContent, checkName, fold, parse, Refused } from "./checks.ts";
import { ANONYMOUS, announce, type Client, clients, find, members, send, tell } from "./people.ts";

const { HOST = "localhost", PORT = "8080", HEARTBEAT_SECONDS = "20" } = process.env;
const LONGEST_FRAME = 64 * 1024; // bytes: nobody types more, and nobody shall fill our memory
const MOST_ROOMS = 100; // that one person is in

// A WebSocket begins as an HTTP request. `ws` answers it, and hands us the open connection.
const server = new WebSocketServer({
  host: HOST,
  port: Number(PORT),
  maxPayload: LONGEST_FRAME,
  handleProtocols: () => false, // we speak no subprotocol; without this, any would be agreed to
});
server.on("listening", () => console.log(`Listening on ws://${HOST}:${PORT}`));
server.on("error", (error) => {
  console.error(`Cannot listen on ${HOST}:${PORT}: ${error.message}`);
  process.exit(1);
});

server.on("connection", (socket) => {
  const client: Client = { socket, name: ANONYMOUS, rooms: new Set(), isAlive: true };
  clients.add(client);
  tell(client, "Welcome! Please identify yourself.");
  socket.on("message", (data, isBinary) => {
    client.isAlive = true;
    if (isBinary) socket.close(1003, "This chat is made of text.");
    else receive(client, data.toString());
  });
  // The answer to a ping of ours. Without this, the heartbeat below would cut off everybody who
  // only listens.
  socket.on("pong", () => {
    client.isAlive = true;
  });
  // Bytes that break the rules of WebSocket. "close" follows; but an "error" to which nobody
  // listens ends a Node program.
  socket.on("error", () => {});
  // However a connection ends, it ends here.
  socket.on("close", () => {
    clients.delete(client);
    for (const room of client.rooms) announce(room, `${client.name} has left the chat`);
  });
});

/** Does what a frame asks for, or says why not. Whatever it is, the server goes on. */
function receive(client: Client, text: string): void {
  try {
    const frame = parse(text);
    const room = checkName("room", frame.room ?? "lobby", 64);
    if (frame.type === "join") join(client, room, checkName("username", frame.username, 32));
    else if (frame.type === "message") say(client, room, checkContent(frame.content));
    else if (frame.type === "private")
      whisper(client, checkName("to", frame.to, 32), checkContent(frame.content));
    else if (frame.type === "leave") leave(client, room);
    else throw new Refused(`There is no type ${checkName("type", frame.type, 32)}.`);
  } catch (error) {
    if (!(error instanceof Refused)) throw error; // a mistake of our own: let us see it
    tell(client, error.message);
  }
}

/** Lets somebody into a room, under a name; with another name than before, it is a rename. */
function join(client: Client, room: string, name: string): void {
  const oldName = client.name;
  const holder = find(name) ?? client;
  if (["system", "anonymous"].includes(fold(name)) || holder !== client)
    throw new Refused(`The username ${name} is taken.`);
  if (client.rooms.size >= MOST_ROOMS) throw new Refused("Leave a room before you join another.");
  client.name = name;
  if (name !== oldName)
    for (const known of client.rooms) announce(known, `${oldName} is now known as ${name}`);
  if (client.rooms.has(room)) return;
  client.rooms.add(room);
  announce(room, `${name} has joined the chat`);
}

/** Says something to a room. */
function say(client: Client, room: string, content: string): void {
  // Who speaks without having joined is Anonymous, and hears the answers.
  if (client.rooms.size === 0) client.rooms.add(room);
  if (!client.rooms.has(room)) throw new Refused(`Join the room ${room} before you speak in it.`);
  // The author gets it like everybody else: to see it come back is to know that it arrived.
  const message = { type: "message", id: randomUUID(), username: client.name, content, room };
  send(message, members(room));
}

/** Says something to one person. */
function whisper(client: Client, to: string, content: string): void {
  const reader = find(to);
  if (!reader) throw new Refused(`Nobody called ${to} is here.`);
  if (reader === client) throw new Refused("A private message needs somebody else to read it.");
  const names = { username: client.name, from: client.name, to: reader.name };
  send({ type: "private", id: randomUUID(), ...names, content }, [client, reader]);
}

/** Lets somebody out of a room. */
function leave(client: Client, room: string): void {
  if (!client.rooms.delete(room)) throw new Refused(`You are not in the room ${room}.`);
  announce(room, `${client.name} has left the chat`);
  if (client.rooms.size === 0) client.name = ANONYMOUS; // and the name is free
}

// The heartbeat. Somebody whose cable was pulled says no goodbye: nothing comes any more, that is
// all. So we send pings, which the other side's library answers by itself; and whoever has been
// silent from one ping to the next is cut off.
const heartbeat = setInterval(() => {
  for (const client of clients) {
    if (client.isAlive) client.socket.ping();
    else client.socket.terminate();
    client.isAlive = false;
  }
}, Number(HEARTBEAT_SECONDS) * 1000);

// Ctrl+C, or a container that is stopped: let nobody in, tell all to come back later, and end.
function stop(): void {
  clearInterval(heartbeat);
  server.close();
  for (const { socket } of clients) socket.close(1001, "The server is stopping.");
  // Who does not answer our goodbye within two seconds is not waited for.
  setTimeout(() => {
    for (const { socket } of clients) socket.terminate();
  }, 2000).unref();
}
process.once("SIGINT", stop).once("SIGTERM", stop);
