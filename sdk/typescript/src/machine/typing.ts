/**
 * Who is typing: oneself, as the others are told, and the others, as one is told.
 *
 * All times are in milliseconds, monotonic.
 *
 * @module
 */

import { earliest } from "./earliest.js";

/** Who types on says so again after this. */
export const REPEATED_EVERY = 3_000;

/** Without a key for so long one has stopped. */
export const STOPPED_AFTER = 2_000;

/** Of whom nothing more is heard for so long, that one has stopped. */
export const FORGOTTEN_AFTER = 6_000;

/** What the rooms have been told of one's own typing. */
export class OwnTyping {
  readonly #rooms = new Map<string, { readonly keyAt: number; readonly toldAt: number }>();

  /** A key was pressed; answers whether the room is to be told. */
  key(room: string, now: number): boolean {
    const told = this.#rooms.get(room);
    const tell = told === undefined || now - told.toldAt >= REPEATED_EVERY;
    this.#rooms.set(room, { keyAt: now, toldAt: tell ? now : told.toldAt });
    return tell;
  }

  /**
   * One has stopped, or sent what one typed; answers whether the room believes that one types.
   */
  stop(room: string): boolean {
    return this.#rooms.delete(room);
  }

  /** The rooms in which one has fallen silent: they are to be told. */
  tick(now: number): string[] {
    const silent = [...this.#rooms]
      .filter(([, { keyAt }]) => keyAt + STOPPED_AFTER <= now)
      .map(([room]) => room);
    for (const room of silent) this.#rooms.delete(room);
    return silent;
  }

  /** The connection is lost: nobody believes anything any more. */
  cut(): void {
    this.#rooms.clear();
  }

  /** When `tick` has something to do. */
  deadline(): number | undefined {
    return earliest([...this.#rooms.values()].map(({ keyAt }) => keyAt + STOPPED_AFTER));
  }
}

/** The others who are typing, by room. */
export class Typists {
  // room -> name -> when to forget it; in the order in which they began
  readonly #rooms = new Map<string, Map<string, number>>();

  /** Who is typing in a room, the first to begin first. */
  names(room: string): string[] {
    return [...(this.#rooms.get(room)?.keys() ?? [])];
  }

  /** Somebody types (still); answers whether that is news. */
  started(room: string, name: string, now: number): boolean {
    const typists = this.#rooms.get(room) ?? new Map<string, number>();
    this.#rooms.set(room, typists);
    const news = !typists.has(name);
    typists.set(name, now + FORGOTTEN_AFTER);
    return news;
  }

  /** Somebody has stopped, has said it, or has gone; answers whether that is news. */
  stopped(room: string, name: string): boolean {
    const typists = this.#rooms.get(room);
    const news = typists?.delete(name) ?? false;
    if (typists?.size === 0) this.#rooms.delete(room);
    return news;
  }

  /** Forgets whom nothing more was heard of; answers the rooms with a change. */
  tick(now: number): string[] {
    const changed: string[] = [];
    for (const [room, typists] of [...this.#rooms]) {
      const silent = [...typists].filter(([, until]) => until <= now);
      for (const [name] of silent) this.stopped(room, name);
      if (silent.length > 0) changed.push(room);
    }
    return changed;
  }

  /** Forgets all of a room; answers whether that is news. */
  forget(room: string): boolean {
    return this.#rooms.delete(room);
  }

  /** Forgets all: the connection is lost. Answers the rooms with a change. */
  cut(): string[] {
    const changed = [...this.#rooms.keys()];
    this.#rooms.clear();
    return changed;
  }

  /** When `tick` has something to do. */
  deadline(): number | undefined {
    return earliest([...this.#rooms.values()].flatMap((typists) => [...typists.values()]));
  }
}
