/** The others: who is in which room, and who of them is typing. @module */

import type { Joined, Presence, Typing } from "../generated/frames.js";
import type { Event } from "./events.js";
import { Typists } from "./typing.js";

/** Who is in a room. */
export interface RoomMembers {
  /** How many, oneself included. */
  readonly count: number;
  /** Of those who are known: all, up to 200. */
  readonly names: readonly string[];
}

interface Room {
  readonly joined: Joined;
  count: number;
  readonly names: Set<string>;
}

/**
 * The others in the rooms that this connection follows. `now` is in milliseconds, monotonic.
 *
 * What answers events answers what the application is to be told.
 */
export class Company {
  readonly #rooms = new Map<string, Room>();
  readonly #typists = new Typists();

  /** What the server said when the room was last joined on this connection. */
  joined(room: string): Joined | undefined {
    return this.#rooms.get(room)?.joined;
  }

  /** Who is in a room. */
  members(room: string): RoomMembers {
    const known = this.#rooms.get(room);
    return { count: known?.count ?? 0, names: [...(known?.names ?? [])] };
  }

  /** Who is typing in a room, the first to begin first. */
  typing(room: string): string[] {
    return this.#typists.names(room);
  }

  /** A room was joined. */
  enter(joined: Joined): void {
    this.#rooms.set(joined.room, { joined, count: joined.members, names: new Set(joined.names) });
  }

  /** Others have come to a room or gone: tells of it, save what was known already. */
  presence({ room, members, joined, left, snapshot }: Presence): Event[] {
    const known = this.#rooms.get(room);
    if (known === undefined) return [];
    const went = left.filter((name) => known.names.has(name));
    // Who left went first: two people who swap names are told as both.
    const stayed = new Set(snapshot ? [] : known.names);
    for (const name of went) stayed.delete(name);
    const came = joined.filter((name) => !stayed.has(name));
    if (came.length + went.length === 0 && !snapshot && known.count === members) return [];
    known.count = members;
    if (snapshot) known.names.clear();
    for (const name of went) known.names.delete(name);
    for (const name of came) known.names.add(name);
    const stopped = went.filter((name) => this.#typists.stopped(room, name));
    return [
      { event: "PresenceChanged", room, members, joined: came, left: went, snapshot },
      ...this.#tell(room, stopped.length > 0),
    ];
  }

  /** Somebody else types, or has stopped. */
  typed({ room, username, isTyping }: Typing, now: number): Event[] {
    const news = isTyping
      ? this.#typists.started(room, username, now)
      : this.#typists.stopped(room, username);
    return this.#tell(room, news);
  }

  /** Somebody has said what they typed. */
  said(room: string, username: string): Event[] {
    return this.#tell(room, this.#typists.stopped(room, username));
  }

  /** The room is followed no more. */
  leave(room: string): Event[] {
    this.#rooms.delete(room);
    return this.#tell(room, this.#typists.forget(room));
  }

  /** The connection is lost. */
  cut(): Event[] {
    this.#rooms.clear();
    return this.#typists.cut().flatMap((room) => this.#tell(room, true));
  }

  /** Time has passed. */
  tick(now: number): Event[] {
    return this.#typists.tick(now).flatMap((room) => this.#tell(room, true));
  }

  /** When `tick` has something to do. */
  deadline(): number | undefined {
    return this.#typists.deadline();
  }

  #tell(room: string, news: boolean): Event[] {
    return news ? [{ event: "TypingChanged", room, usernames: this.#typists.names(room) }] : [];
  }
}
