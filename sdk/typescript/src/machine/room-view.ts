/**
 * One room, as a client follows it: a cursor in its log.
 *
 * An entry is shown once, in the order of the log. Where one is missing (its successor's `prev` is
 * not the entry shown last) nothing more is shown, the room is joined again from the cursor, and
 * the server sends all that follows it. What cannot be had is told as a `Gap`.
 *
 * @module
 */

import type { Cursor, Join, Joined, RoomSummary } from "../generated/frames.js";
import { assert } from "./assert.js";
import { NOW } from "./earliest.js";
import type { Entry, Gap } from "./events.js";

/**
 * This connection does not follow the room, and is to join it, no sooner than `notBefore`
 * (milliseconds, monotonic). Entries are passed over: they come again.
 */
export interface Absent {
  readonly kind: "absent";
  readonly notBefore: number;
}

/** A join is under way. Entries are passed over: they come again. */
export interface Joining {
  readonly kind: "joining";
}

/** Whatever comes next is next: there is nothing that it should follow. */
export interface Starting {
  readonly kind: "starting";
}

/** The server goes on from the cursor; the first entry after it is still to come. */
export interface Settling {
  readonly kind: "settling";
  /** The log's, as the server has just said. */
  readonly epoch: string;
  /** The log was moved: seqs before and after do not compare. */
  readonly moved: boolean;
  /** Entries that the server leaves out before the first. */
  readonly missing: number;
}

/** Each entry follows the one before: there is a cursor. */
export interface Live {
  readonly kind: "live";
}

/** How a client stands to a room. */
export type Phase = Absent | Joining | Starting | Settling | Live;

/** What became of an entry. */
export type Followed = "shown" | "skipped" | "broken";

/** What became of an entry, and what is missing before it. */
export interface Step {
  readonly followed: Followed;
  readonly gap?: Gap;
}

/** What a room's view is made for. */
export interface RoomOptions {
  /**
   * The application has joined the room, and it is joined again on every connection. Otherwise it
   * is a private conversation, whose entries the server sends without being asked.
   */
  readonly wanted: boolean;
  /** How many earlier entries a first join asks for. */
  readonly replay: number;
  /** How many a later one asks for, to catch up. */
  readonly most: number;
}

/** A room, as a client follows it. */
export class RoomView {
  name: string;
  wanted: boolean;
  phase: Phase = { kind: "starting" };
  epoch: string | undefined;
  /** The last entry shown, or the head from which it began; undefined while there is neither. */
  cursor: Cursor | undefined;
  #replay: number;
  readonly #most: number;
  // The newest entries shown, by what stays theirs when a log is restored, or they are said again
  // to it.
  readonly #shown = new Set<string>();

  constructor(name: string, { wanted, replay, most }: RoomOptions) {
    this.name = name;
    this.wanted = wanted;
    this.#replay = replay;
    this.#most = most;
  }

  /** The command that joins the room where the client stands; the join is under way. */
  join(id: string): Join {
    this.phase = { kind: "joining" };
    const { name: room, cursor: since, epoch } = this;
    if (since === undefined) {
      return { type: "join", id, room, ...(this.#replay > 0 && { limit: this.#replay }) };
    }
    const limit = this.#most;
    return { type: "join", id, room, since, ...(epoch !== undefined && { epoch }), limit };
  }

  /** The server has answered the join; answers what is lost for good, if anything is. */
  joined({ epoch, head, recovered, missing = 0 }: Joined): Gap | undefined {
    assert(this.phase.kind === "joining", "only the answer to the join under way is passed on");
    const { cursor } = this;
    if (cursor === undefined) {
      this.#begin(epoch, head);
      return undefined;
    }
    if (recovered !== "complete" && recovered !== "partial") {
      // Another log: begun again as if for the first time, save that the loss is told.
      this.#replay = this.#most;
      this.cursor = undefined;
      this.#begin(epoch, head);
      return this.#gap(cursor, null);
    }
    if (recovered === "complete" && head.id === cursor.id) {
      this.#beLive(epoch, head);
      return undefined;
    }
    const elsewhere = this.epoch !== undefined && this.epoch !== epoch;
    this.phase = {
      kind: "settling",
      epoch,
      moved: elsewhere || head.seq <= cursor.seq,
      missing,
    };
    return undefined;
  }

  /** Begins at the head, without what was said before. */
  beginAt({ epoch, head }: RoomSummary): void {
    this.#beLive(epoch, head);
  }

  /**
   * Takes an entry; answers whether it is to be shown, and what is missing before it.
   *
   * After `broken` the room is to be joined again (`leaveBehind`): the entry comes back then.
   */
  follow(entry: Entry): Step {
    switch (this.phase.kind) {
      case "absent":
      case "joining":
        return { followed: "skipped" };
      case "starting":
        return { followed: this.#advance(entry) };
      case "settling":
        return this.#settle(entry, this.phase, this.#place());
      case "live": {
        const { seq } = this.#place();
        if (entry.seq <= seq) return { followed: "skipped" };
        return { followed: entry.prev === seq ? this.#advance(entry) : "broken" };
      }
    }
  }

  /**
   * What came after the cursor cannot be had, or the cursor is void: what comes next is taken as it
   * comes.
   */
  giveUp(): Gap {
    const gap = this.#gap(this.cursor, null);
    this.cursor = undefined;
    this.phase = { kind: "starting" };
    return gap;
  }

  /** The room is to be joined (again), no sooner than then. */
  leaveBehind(notBefore: number): void {
    this.phase = { kind: "absent", notBefore };
  }

  /** The connection is lost. A conversation (with a cursor) goes on by itself on the next. */
  cut(): void {
    this.phase = this.wanted ? { kind: "absent", notBefore: NOW } : { kind: "live" };
  }

  /** Tells whether the log reaches further than the client, which follows a conversation. */
  isBehind({ head, epoch }: RoomSummary): boolean {
    if (this.phase.kind !== "live") return false; // it catches up already
    const { seq, id } = this.#place();
    const elsewhere = this.epoch !== undefined && this.epoch !== epoch;
    return seq !== head.seq || id !== head.id || elsewhere;
  }

  /** The cursor of whoever cannot be without one. */
  #place(): Cursor {
    const { cursor } = this;
    assert(cursor !== undefined, "one is live, or settles, from a cursor on");
    return cursor;
  }

  /** Begins at the head, or with the first of the entries that follow. */
  #begin(epoch: string, head: Cursor): void {
    this.epoch = epoch;
    if (this.#replay > 0 && head.seq > 0) this.phase = { kind: "starting" };
    else this.#beLive(epoch, head);
  }

  #beLive(epoch: string, head: Cursor): void {
    this.epoch = epoch;
    this.cursor = head;
    this.phase = { kind: "live" };
  }

  #settle(entry: Entry, { epoch, moved, missing }: Settling, cursor: Cursor): Step {
    const again = entry.seq <= cursor.seq;
    if (again && !moved && this.#shown.has(key(entry))) return { followed: "skipped" };
    const follows = moved || again || entry.prev === cursor.seq;
    this.epoch = epoch;
    const followed = this.#advance(entry);
    if (missing > 0) return { followed, gap: this.#gap(cursor, missing) };
    // The server said that nothing is missing. It has just been asked: asking once more could go on
    // for ever.
    return follows ? { followed } : { followed, gap: this.#gap(cursor, null) };
  }

  #advance(entry: Entry): Followed {
    this.cursor = { seq: entry.seq, id: entry.id };
    this.phase = { kind: "live" };
    const shown = this.#shown;
    // Its log was restored or moved, and it stands elsewhere now.
    if (entry.id !== "" && shown.has(key(entry))) return "skipped";
    shown.add(key(entry));
    if (shown.size > this.#most) {
      for (const oldest of shown) {
        shown.delete(oldest);
        break;
      }
    }
    return "shown";
  }

  #gap(cursor: Cursor | undefined, missing: number | null): Gap {
    return { event: "Gap", room: this.name, after: cursor?.seq ?? 0, missing };
  }
}

// An id alone is only its author's: another's message could be hidden under it.
function key({ id, username }: Entry): string {
  return JSON.stringify([id, username]);
}
