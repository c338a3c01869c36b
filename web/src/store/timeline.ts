/**
 * What was said in one room, as far as it is loaded.
 *
 * Entries stand in the order of the log. Between two of them others may be missing: a hole, which
 * is shown as such. What one says oneself stands at the end until its entry comes.
 *
 * @module
 */

import type { Entry } from "@causerie/client";

/** Entries are missing before another one. */
export interface Hole {
  /** The seq of the last entry before it; 0: before all. */
  readonly after: number;
  /** How many, if that is known. */
  readonly missing: number | null;
}

/** What one has said oneself and not seen in the room yet. */
export interface Pending {
  readonly id: string;
  readonly content: string;
  readonly replyTo: string;
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly state: "sending" | "sent" | "failed";
  /** Why it failed, for people. */
  readonly reason: string;
}

/** Entries of a former log that are kept in sight. */
const MOST_FORMER = 200;

/** One room's entries. */
export class Timeline {
  pending: readonly Pending[] = [];
  /** What stood here before the log was lost or begun again: nothing continues it. */
  former: readonly Entry[] = [];
  /** Whether there may be entries before the first. */
  hasEarlier = true;
  /** Grows in place: to copy ten thousand for each that comes would cost more than to draw it. */
  #entries: Entry[] = [];
  readonly #holes = new Map<number, Hole>();
  readonly #byId = new Map<string, Entry>();
  /** What is missing before the next entry. */
  #torn: Hole | undefined;

  /** In the order of the log. It grows in place: compare its length, not the array. */
  get entries(): readonly Entry[] {
    return this.#entries;
  }

  /** How many there are to be drawn: the former ones, and then those of the log. */
  get length(): number {
    return this.former.length + this.#entries.length;
  }

  /** One of those to be drawn, from the oldest on; undefined beyond the ends. */
  at(index: number): Entry | undefined {
    const { length } = this.former;
    return index < length ? this.former[index] : this.#entries[index - length];
  }

  /** Where an entry stands among those to be drawn; -1 if it does not. */
  indexOf(entry: Entry): number {
    const index = this.#search(entry.seq);
    return this.#entries[index] === entry ? this.former.length + index : this.former.indexOf(entry);
  }

  /** The entry of an id, if it is loaded. */
  find(id: string): Entry | undefined {
    return this.#byId.get(id);
  }

  /** The hole before an entry, if there is one. */
  holeBefore(seq: number): Hole | undefined {
    return this.#holes.get(seq);
  }

  /** The seq of the first entry that is loaded; 0 where none is. */
  get first(): number {
    return this.#entries[0]?.seq ?? 0;
  }

  /** The seq of the newest entry; 0 where there is none. */
  get last(): number {
    return this.#entries.at(-1)?.seq ?? 0;
  }

  /** An entry came, live or as a replay. Answers whether it is new here. */
  add(entry: Entry): boolean {
    if (entry.seq <= this.last) {
      return false; // known: a room that is joined again begins with what one has seen
    }
    if (this.#entries.length === 0) {
      this.hasEarlier = entry.prev > 0;
    }
    this.#entries.push(entry);
    this.#note(entry);
    this.settle(entry.id);
    return true;
  }

  /**
   * What follows is no continuation of what stands here. Where it is not known how much is missing,
   * the log may be another, whose numbers begin anew: what stands here is set aside.
   */
  tear(after: number, missing: number | null): void {
    if (missing === null) {
      this.former = [...this.former, ...this.#entries].slice(-MOST_FORMER);
      this.#entries = [];
      this.#byId.clear();
      this.#holes.clear();
      this.hasEarlier = true;
    } else {
      this.#torn = { after, missing };
    }
  }

  /**
   * A page of what came before an entry, the first of them; 0: of the newest. Another log may have
   * begun since it was asked for: then it is no longer wanted.
   */
  prepend(page: readonly Entry[], before: number, more: boolean): void {
    if (before > 0 && before !== this.first) {
      return;
    }
    const earlier = page.filter(({ seq }) => this.#entries.length === 0 || seq < this.first);
    this.#entries.unshift(...earlier);
    earlier.forEach((entry) => {
      this.#remember(entry);
    });
    // Who promises more and sends none would be asked for ever.
    this.hasEarlier = more && earlier.length > 0;
  }

  /**
   * A page of what came after `after`, for the hole before `seq`. Who asked for it twice gets it
   * twice: the second is not wanted.
   */
  fill(seq: number, page: readonly Entry[], after: number): void {
    const hole = this.#holes.get(seq);
    if (hole === undefined || hole.after !== after) {
      return;
    }
    const found = page.filter((entry) => entry.seq > hole.after && entry.seq < seq);
    const index = this.#search(seq);
    this.#entries.splice(index, 0, ...found);
    found.forEach((entry) => {
      this.#remember(entry);
    });
    const last = found.at(-1);
    const isFilled = last === undefined || this.#entries[index + found.length]?.prev === last.seq;
    if (isFilled) {
      this.#holes.delete(seq);
    } else {
      const missing = hole.missing === null ? null : Math.max(0, hole.missing - found.length);
      this.#holes.set(seq, { after: last.seq, missing });
    }
  }

  // One's own.

  /** One says something; it is stored here. */
  sending(said: { id: string; content: string; replyTo: string; at: number }): void {
    if (!this.#byId.has(said.id) && !this.pending.some(({ id }) => id === said.id)) {
      this.pending = [...this.pending, { ...said, state: "sending", reason: "" }];
    }
  }

  /** One has said this, and it is for here. */
  adopt(pending: readonly Pending[]): void {
    this.pending = [...this.pending, ...pending.filter(({ id }) => !this.#byId.has(id))];
  }

  /** It is durable. */
  sent(id: string): void {
    this.#change(id, { state: "sent" });
  }

  /** It was not taken. */
  failed(id: string, reason: string): void {
    this.#change(id, { state: "failed", reason });
  }

  /** It stands in the room, or is given up. */
  settle(id: string): void {
    if (this.pending.some((one) => one.id === id)) {
      this.pending = this.pending.filter((one) => one.id !== id);
    }
  }

  #change(id: string, change: Partial<Pending>): void {
    this.pending = this.pending.map((one) => (one.id === id ? { ...one, ...change } : one));
  }

  #note(entry: Entry): void {
    this.#remember(entry);
    if (this.#torn !== undefined) {
      this.#holes.set(entry.seq, this.#torn);
      this.#torn = undefined;
    }
  }

  /** The index of the first entry of the log that is not before a seq. */
  #search(seq: number): number {
    let [low, high] = [0, this.#entries.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#entries[middle]?.seq ?? 0) < seq) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low;
  }

  #remember(entry: Entry): void {
    this.#byId.set(entry.id, entry);
  }
}
