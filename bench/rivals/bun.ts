// The chat of bench/rivals on Bun, with the publish and subscribe of its own WebSocket server, which
// is uWebSockets in C++.

import { parseArgs } from "node:util";

const { values } = parseArgs({ options: { port: { type: "string", default: "0" } } });

interface Person {
  username: string;
  rooms: Set<string>;
}

/** What has come: any of its fields may be anything. */
type Command = Partial<Record<"type" | "username" | "content" | "room", unknown>>;

function tell(room: string, username: string, content: string): void {
  const message = { type: "message", username, content, timestamp: Date.now(), room };
  server.publish(room, JSON.stringify(message));
}

function leave(person: Person, room: string): void {
  if (person.rooms.delete(room)) tell(room, "System", `${person.username} has left the chat`);
}

const server = Bun.serve<Person>({
  hostname: "127.0.0.1",
  port: Number(values.port),
  fetch(request, server) {
    const isUpgraded = server.upgrade(request, { data: { username: "", rooms: new Set() } });
    return isUpgraded ? undefined : new Response("This is a WebSocket.", { status: 426 });
  },
  websocket: {
    perMessageDeflate: false,
    message(socket, data) {
      const person = socket.data;
      let command: Command | null;
      try {
        command = JSON.parse(String(data));
      } catch {
        return;
      }
      const { type, username, content, room = "lobby" } = command ?? {};
      if (typeof room !== "string") return;
      const isIn = person.rooms.has(room);
      if (type === "join" && typeof username === "string" && !isIn) {
        person.username = username;
        person.rooms.add(room);
        socket.subscribe(room);
        tell(room, "System", `${username} has joined the chat`);
      } else if (type === "message" && typeof content === "string" && isIn) {
        tell(room, person.username, content);
      } else if (type === "leave") {
        socket.unsubscribe(room);
        leave(person, room);
      }
    },
    close(socket) {
      for (const room of [...socket.data.rooms]) leave(socket.data, room);
    },
  },
});

console.log(`listening on ${server.port}`);
