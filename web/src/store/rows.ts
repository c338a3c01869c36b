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

/** Some of the entries of a timeline, by their indices there: from `start` up to before `stop`. */
export interface Span {
  readonly start: number;
  readonly stop: number;
}

/**
 * Lays out a part of a room. The rows of an entry are the same whatever else is drawn, so that they
 * stay what they are while one scrolls.
 *
 * @param newAfter - The seq after which messages are new; undefined where none are.
 * @param span - What is laid out; what one has said oneself and not seen yet comes with the newest.
 */
export function layOut(
  room: Room,
  username: string,
  newAfter: number | undefined,
  { start, stop }: Span = { start: 0, stop: room.timeline.length },
): Row[] {
  const { timeline } = room;
  const { former, pending } = timeline;
  const own = fold(username);
  const rows: Row[] = [];
  for (let index = start; index < stop; index += 1) {
    const entry = timeline.at(index);
    if (entry === undefined) {
      break;
    }
    const before = timeline.at(index - 1);
    const isFormer = index < former.length;
    const isOwn = fold(entry.username) === own;
    const key = `${isFormer ? "former " : ""}${entry.seq}`;
    const { length } = rows;
    if (index === former.length && before !== undefined) {
      rows.push({ row: "break", key: "break" });
    }
    if (!isFormer) {
      const hole = timeline.holeBefore(entry.seq);
      if (hole !== undefined) {
        rows.push({ row: "hole", key: `hole ${key}`, hole, before: entry.seq });
      }
      const seenBefore = index > former.length ? (before?.seq ?? 0) : 0;
      if (newAfter !== undefined && seenBefore <= newAfter && newAfter < entry.seq && !isOwn) {
        rows.push({ row: "new", key: "new" });
      }
    }
    if (before === undefined || !isSameDay(before.timestamp, entry.timestamp)) {
      rows.push({ row: "day", key: `day ${key}`, at: entry.timestamp });
    }
    // Under a line of any kind one is told again who speaks.
    const follows = rows.length === length && isSameGroup(before, entry);
    rows.push({ row: "entry", key, entry, follows, isOwn });
  }
  if (stop >= timeline.length) {
    let last: { username: string; timestamp: number } | undefined = timeline.at(stop - 1);
    for (const one of pending) {
      const said = { username, timestamp: one.at };
      const follows = isSameGroup(last, said);
      rows.push({ row: "pending", key: `pending ${one.id}`, pending: one, follows });
      last = said;
    }
  }
  return rows;
}

function isSameDay(one: number, other: number): boolean {
  return new Date(one).toDateString() === new Date(other).toDateString();
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
