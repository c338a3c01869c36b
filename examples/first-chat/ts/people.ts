// Who is connected, and how they are told something.
import { WebSocket } from "ws";
import { fold } from "./checks.ts";

export const ANONYMOUS = "Anonymous"; // the name of all who have not told theirs
const MOST_UNREAD = 1024 * 1024; // bytes that we keep for somebody who reads too slowly

/** One connection, and what we know of the person at its other end. */
export interface Client {
  socket: WebSocket;
  name: string;
  rooms: Set<string>;
  isAlive: boolean; // have we heard anything since our last ping?
}

export const clients = new Set<Client>();

/** Who has this name. */
export function find(name: string): Client | undefined {
  const named = [...clients].filter((client) => client.name !== ANONYMOUS);
  return named.find((client) => fold(client.name) === fold(name));
}

/** Who is in this room. */
export function members(room: string): Client[] {
  return [...clients].filter((client) => client.rooms.has(room));
}

/** Tells a room something in the name of System. */
export function announce(room: string, content: string): void {
  send({ type: "message", username: "System", content, room }, members(room));
}

/** Tells one person something in the name of System. */
export function tell(client: Client, content: string): void {
  send({ type: "message", username: "System", content }, [client]);
}

/** Sends a frame to many. One who is just leaving, or does not read, harms none of the others. */
export function send(frame: object, readers: Client[]): void {
  const text = JSON.stringify({ ...frame, timestamp: Date.now() }); // in milliseconds
  for (const { socket } of readers) {
    if (socket.readyState !== WebSocket.OPEN) continue;
    // What cannot go out yet waits in our memory. `send` never says that it is too much.
    if (socket.bufferedAmount > MOST_UNREAD) socket.terminate();
    else socket.send(text);
  }
}
