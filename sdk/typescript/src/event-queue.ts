/**
 * The events that one reader has not read yet, bounded.
 *
 * @module
 */

import type { Gap, PresenceChanged } from "./machine/events.js";
import type { ClientEvent } from "./sending.js";

/** Makes the snapshot that stands for all the comings and goings of a room. */
export type SnapshotOf = (room: string) => PresenceChanged;

type InRoom = Extract<ClientEvent, { readonly seq: number }> | Gap;

/**
 * What was told, and one reader has not read. It is read by one loop.
 *
 * A page cannot stop a socket from being read. So when the queue holds `limit` events, it sheds
 * what the reader can ask for: the entries of each room become one `Gap`, and comings and goings
 * one snapshot. Where much is left then, it lets twice as much come before it looks through all of
 * it again.
 */
export class EventQueue implements AsyncIterableIterator<ClientEvent> {
  readonly #limit: number;
  readonly #snapshotOf: SnapshotOf;
  readonly #left: () => void;
  #shedAt: number;
  #events: ClientEvent[] = [];
  #next = 0;
  #end: { readonly error: Error | undefined } | undefined;
  #wake: () => void = () => {};

  /** @param left - Called when the reader wants no more. */
  constructor(limit: number, snapshotOf: SnapshotOf, left: () => void = () => {}) {
    if (!(limit >= 1)) {
      throw new RangeError("the queue must hold an event at least");
    }
    this.#limit = limit;
    this.#shedAt = limit;
    this.#snapshotOf = snapshotOf;
    this.#left = left;
  }

  /** How many events have not been read. */
  get size(): number {
    return this.#events.length - this.#next;
  }

  /** Adds an event. */
  put(event: ClientEvent): void {
    if (this.size >= this.#shedAt) {
      this.#events = shed(this.#events.slice(this.#next), this.#snapshotOf);
      this.#next = 0;
      this.#shedAt = Math.max(this.#limit, 2 * this.#events.length);
    }
    this.#events.push(event);
    this.#wake();
  }

  /** Takes all that has not been read. */
  drain(): ClientEvent[] {
    const events = this.#events.slice(this.#next);
    this.#events = [];
    this.#next = 0;
    return events;
  }

  /** There will be no further events; after the last one the reader is done, or gets the error. */
  end(error: Error | undefined): void {
    this.#end ??= { error };
    this.#wake();
  }

  async next(): Promise<IteratorResult<ClientEvent, undefined>> {
    for (;;) {
      const event = this.#events[this.#next];
      if (event !== undefined) {
        this.#next += 1;
        if (this.#next * 2 > this.#events.length) {
          this.#events = this.#events.slice(this.#next);
          this.#next = 0;
        }
        return { done: false, value: event };
      }
      if (this.#end !== undefined) {
        const { error } = this.#end;
        this.#end = { error: undefined };
        if (error !== undefined) {
          throw error;
        }
        return { done: true, value: undefined };
      }
      await new Promise<void>((wake) => {
        this.#wake = wake;
      });
    }
  }

  async return(): Promise<IteratorResult<ClientEvent, undefined>> {
    this.#events = [];
    this.#next = 0;
    this.#end = { error: undefined };
    this.#left();
    this.#wake();
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}

/**
 * Leaves out of events what can be asked for again, and says so.
 *
 * A room's `Gap` stands where its first entry stood.
 */
export function shed(events: readonly ClientEvent[], snapshotOf: SnapshotOf): ClientEvent[] {
  const kept: ClientEvent[] = [];
  const gaps = new Map<string, number>();
  const present = new Set<string>();
  for (const event of events) {
    if (isInRoom(event)) {
      const place = gaps.get(event.room) ?? kept.length;
      gaps.set(event.room, place);
      kept[place] = widened(kept[place] as Gap | undefined, event);
    } else if ("event" in event && event.event === "PresenceChanged") {
      present.add(event.room);
    } else if (
      !("event" in event && (event.event === "LatencyMeasured" || event.event === "TypingChanged"))
    ) {
      kept.push(event);
    }
  }
  return [...kept, ...Array.from(present, snapshotOf)];
}

function isInRoom(event: ClientEvent): event is InRoom {
  return "seq" in event || ("event" in event && event.event === "Gap");
}

function widened(gap: Gap | undefined, event: InRoom): Gap {
  const more = "seq" in event ? 1 : event.missing;
  if (gap === undefined) {
    const after = "seq" in event ? event.prev : event.after;
    return { event: "Gap", room: event.room, after, missing: more };
  }
  const missing = gap.missing === null || more === null ? null : gap.missing + more;
  return { ...gap, missing };
}
