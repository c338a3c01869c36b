/**
 * What a room shows from top to bottom: days, groups of messages, holes, the line above what is new.
 *
 * @module
 */

import type { Entry } from "@causerie/client";
import { fold, type Room } from "./chat.js";
import type { Hole, Pending } from "./timeline.js";

/** Messages of one author within so many milliseconds stand under one name. */
const GROUP = 5 * 60_000;

/** One line of the list. */
export type Row =
  | { readonly row: "day"; readonly key: string; readonly at: number }
  | { readonly row: "new"; readonly key: string }
  | { readonly row: "hole"; readonly key: string; readonly hole: Hole; readonly before: number }
  | { readonly row: "break"; readonly key: string }
  | {
      readonly row: "entry";
      readonly key: string;
      readonly entry: Entry;
      /** It stands under the name of the one before. */
      readonly follows: boolean;
      readonly isOwn: boolean;
    }
  | {
      readonly row: "pending";
      readonly key: string;
      readonly pending: Pending;
      readonly follows: boolean;
    };

/**
 * Lays a room out.
 *
 * @param newAfter - The seq after which messages are new; undefined where none are.
 */
export function layOut(room: Room, username: string, newAfter: number | undefined): Row[] {
  const { timeline } = room;
  const rows: Row[] = [];
  const own = fold(username);
  let day = "";
  let last: { username: string; timestamp: number } | undefined;
  const put = (entry: Entry, prefix: string): void => {
    const date = new Date(entry.timestamp).toDateString();
    if (date !== day) {
      day = date;
      rows.push({ row: "day", key: `day ${prefix}${entry.seq}`, at: entry.timestamp });
      last = undefined;
    }
    const isOwn = fold(entry.username) === own;
    rows.push({
      row: "entry",
      key: `${prefix}${entry.seq}`,
      entry,
      follows: isSameGroup(last, entry),
      isOwn,
    });
    last = entry;
  };
  for (const entry of timeline.former) {
    put(entry, "former ");
  }
  if (timeline.former.length > 0) {
    rows.push({ row: "break", key: "break" });
    last = undefined;
  }
  let isNewMarked = newAfter === undefined;
  for (const entry of timeline.entries) {
    const hole = timeline.holeBefore(entry.seq);
    if (hole !== undefined) {
      rows.push({ row: "hole", key: `hole ${entry.seq}`, hole, before: entry.seq });
      last = undefined;
    }
    if (!isNewMarked && newAfter !== undefined && entry.seq > newAfter) {
      isNewMarked = true;
      if (fold(entry.username) !== own) {
        rows.push({ row: "new", key: "new" });
        last = undefined;
      }
    }
    put(entry, "");
  }
  for (const pending of timeline.pending) {
    const follows = isSameGroup(last, { username, timestamp: pending.at });
    rows.push({ row: "pending", key: `pending ${pending.id}`, pending, follows });
    last = { username, timestamp: pending.at };
  }
  return rows;
}

function isSameGroup(
  last: { username: string; timestamp: number } | undefined,
  next: { username: string; timestamp: number },
): boolean {
  return (
    last !== undefined &&
    last.username === next.username &&
    Math.abs(next.timestamp - last.timestamp) < GROUP
  );
}
