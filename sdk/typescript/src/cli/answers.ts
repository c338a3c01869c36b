/**
 * The lines that answer a typed command.
 *
 * @module
 */

import type { RoomSummary } from "../generated/frames.js";
import type { Words } from "../language.js";
import { COMMANDS, MOST_HISTORY } from "./commands.js";
import { type Line, line, span } from "./lines.js";
import { sanitiseName } from "./sanitise.js";

/** The list of commands. */
export function helpLines(words: Words): Line[] {
  const rows = COMMANDS.map((key): [string, string] => [
    words.say(`usage-${key}`),
    words.say(`help-${key}`, { most: MOST_HISTORY }),
  ]);
  rows.push([words.say("usage-text"), words.say("help-text")]);
  const width = Math.max(...rows.map(([usage]) => usage.length));
  return [
    line(words.say("help-head"), "news"),
    ...rows.map(([usage, what]) => [span(`  ${usage.padEnd(width)}`), span(`  ${what}`, "news")]),
  ];
}

/** Who is in a room: all of them. */
export function memberLines(words: Words, room: string, names: readonly string[]): Line[] {
  const shown = sanitiseName(room);
  if (names.length === 0) return [line(words.say("who-nobody", { room: shown }), "news")];
  const listed = words.names(names.map(sanitiseName));
  return [line(words.say("who", { count: names.length, room: shown, names: listed }), "news")];
}

/**
 * The conversations whose other member has the name that another's has: one of them had it, and
 * then it went to the next.
 */
export function sharingAName(rooms: readonly RoomSummary[]): RoomSummary[] {
  const peers = rooms.map(({ peer }) => peer?.toLowerCase());
  return rooms.filter(({ peer }) => {
    const folded = peer?.toLowerCase();
    return folded !== undefined && peers.indexOf(folded) !== peers.lastIndexOf(folded);
  });
}

/**
 * One's rooms and private conversations, a line for each.
 *
 * `talkedAt` says when something was said last in the conversations that share a name. As a name has
 * one holder at a time, the latest is the conversation with the present one, or with the last that
 * one has talked to.
 */
export function roomLines(
  words: Words,
  rooms: readonly RoomSummary[],
  current: string | undefined,
  talkedAt: ReadonlyMap<string, number>,
): Line[] {
  if (rooms.length === 0) return [line(words.say("no-rooms"), "news")];
  const latest = new Map<string, number>();
  for (const { room, peer = "" } of sharingAName(rooms)) {
    const folded = peer.toLowerCase();
    latest.set(folded, Math.max(latest.get(folded) ?? 0, talkedAt.get(room) ?? 0));
  }
  return rooms.map(({ room, peer, members = 0 }) => {
    let text: string;
    if (peer === undefined) {
      text = words.say("room-summary", { room: sanitiseName(room), count: members });
    } else {
      const isEarlier = (talkedAt.get(room) ?? 0) < (latest.get(peer.toLowerCase()) ?? 0);
      const key = isEarlier ? "conversation-summary-earlier" : "conversation-summary";
      text = words.say(key, { peer: sanitiseName(peer) });
    }
    return line(room === current ? words.say("current-room", { summary: text }) : text, "news");
  });
}
