/** Entries for tests. @module */

import type { Message, Private } from "@causerie/client";

/** A message, the `seq`-th of the lobby, right after the one before. */
export function message(seq: number, fields: Partial<Message> = {}): Message {
  return {
    type: "message",
    room: "lobby",
    seq,
    prev: seq - 1,
    id: `m${seq}`,
    username: "Bob",
    content: `text ${seq}`,
    timestamp: 1_800_000_000_000 + seq * 1000,
    ...fields,
  };
}

/** Something that Bob says to Alice alone. */
export function whisper(seq: number, fields: Partial<Private> = {}): Private {
  return {
    ...message(seq, { id: `p${seq}` }),
    type: "private",
    room: "~conversation",
    from: "Bob",
    to: "Alice",
    ...fields,
  };
}
