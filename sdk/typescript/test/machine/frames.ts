/** What a server says, as values that tests need not spell out. */

import type {
  Cursor,
  Joined,
  Limits,
  Message,
  Private,
  RoomSummary,
  Welcome,
} from "../../src/machine/index.js";

export const LIMITS: Limits = {
  frame: 65_536,
  reply: 262_144,
  content: 4_000,
  rooms: 100,
  rate: 0,
  burst: 0,
  dedupe: null,
  page: 100,
};

/** The reply to a command, which may have had no id. */
export function replyTo<T extends object>(id: string | undefined, reply: T): T & { id?: string } {
  return id === undefined ? reply : { ...reply, id };
}

/** A welcome from a server whose clock says 1,000,000 ms and which limits no rate. */
export function welcome(id: string | undefined, fields: Partial<Welcome> = {}): Welcome {
  return replyTo(id, {
    type: "welcome",
    username: "Alice",
    kept: true,
    server: "causerie/test",
    time: 1_000_000,
    heartbeat: 25_000,
    grace: 15_000,
    limits: LIMITS,
    ...fields,
  });
}

/** The answer to the join of a room whose head is the entry `m<head>`, if there is one. */
export function joined(
  id: string | undefined,
  head: number | Cursor = 0,
  fields: Partial<Joined> = {},
): Joined {
  return replyTo(id, {
    type: "joined",
    room: "lobby",
    epoch: "e1",
    head: at(head),
    members: 1,
    names: ["Alice"],
    ...fields,
  });
}

/** A cursor, or the one at the entry `m<seq>`. */
export function at(place: number | Cursor): Cursor {
  if (typeof place !== "number") return place;
  return { seq: place, id: place > 0 ? `m${place}` : "" };
}

/**
 * The entry `m<seq>` of the lobby, by Bob, which follows the one with the number before.
 */
export function message(seq: number, fields: Partial<Message> = {}): Message {
  return { type: "message", ...said(seq), room: "lobby", ...fields };
}

/** The entry `m<seq>` of Alice's conversation with Bob, by Bob. */
export function directed(seq: number, fields: Partial<Private> = {}): Private {
  return { type: "private", ...said(seq), room: "~bob", from: "Bob", to: "Alice", ...fields };
}

/** A room in a page of rooms. */
export function summary(
  room: string,
  head: number | Cursor,
  fields: Partial<RoomSummary> = {},
): RoomSummary {
  return { room, epoch: "e1", head: at(head), ...fields };
}

function said(seq: number) {
  return {
    seq,
    prev: seq - 1,
    id: `m${seq}`,
    username: "Bob",
    content: `text ${seq}`,
    timestamp: 1_000_000 + seq,
  };
}
