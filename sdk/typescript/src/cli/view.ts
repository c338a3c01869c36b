/**
 * What people are shown of what happens: events in, lines of text out.
 *
 * The view decides what is worth a line and how it reads; it reads no clock and shows nothing
 * itself. All that others wrote is made harmless on its way. Moments (`now`) are in milliseconds,
 * monotonic; times of messages are in milliseconds since 1970.
 *
 * @module
 */

import type { CommandRefused } from "../errors.js";
import type { Joined, Notice, Welcome } from "../generated/frames.js";
import type { Words } from "../language.js";
import type { Entry, History, PresenceChanged } from "../machine/events.js";
import type { ClientEvent } from "../sending.js";
import { Attendance, type News } from "./attendance.js";
import { type Line, line, restyled, type Span, span } from "./lines.js";
import { sanitise, sanitiseName } from "./sanitise.js";
import { Standing } from "./standing.js";
import { explainError, few } from "./wording.js";

/** Before each further line of a message, so that none looks like the beginning of another. */
const INDENT = "    ";

/** Milliseconds in which what was said earlier is awaited, before one is told that one arrived. */
const ARRIVED_WITHIN = 1_000;

/** Milliseconds since 1970; no clock shows more (ECMA-262, 21.4.1.1), though a server may say more. */
const LAST_MOMENT = 8.64e15;

/** A room that one is in. */
interface Room {
  readonly attendance: Attendance;
  /** The seq up to which all had been said when one first came. */
  earlierUpto: number;
  /** The line that ends what was said earlier, until it is shown. */
  arrival: Line | undefined;
  readonly arriveBy: number;
}

/**
 * One person's view of a server: their rooms, and what is known of the connection.
 *
 * After `show`, `tick` is to be called no later than `deadline()`. `current` is the room that what
 * is typed goes to: the one joined last, unless it is set. What is said elsewhere is marked with its
 * room.
 */
export class View {
  readonly words: Words;
  username: string;
  current: string | undefined;
  /** When the server first let one in, by its clock; undefined: not yet. */
  beganAt: number | undefined;
  readonly #standing: Standing;
  readonly #earlier: number;
  readonly #rooms = new Map<string, Room>();
  #day: string;
  /** The room or conversation whose earlier messages are being shown. */
  #showingEarlier: string | undefined;

  /**
   * @param started - The present moment.
   * @param earlier - How many earlier messages are asked for in a room.
   */
  constructor(
    words: Words,
    username: string,
    started: number,
    earlier: number,
    maxAttempts: number | undefined,
  ) {
    this.words = words;
    this.username = username;
    this.#standing = new Standing(words, maxAttempts);
    this.#earlier = earlier;
    this.#day = dayOf(new Date(started));
  }

  /** The server has let one in; to be called before the events that follow are shown. */
  welcomed(welcome: Welcome): Line[] {
    if (this.beganAt !== undefined) return [];
    this.beganAt = welcome.time;
    this.username = welcome.username;
    return [line(this.words.say("logged-in", { name: sanitiseName(welcome.username) }), "own")];
  }

  /** Returns the lines that tell of an event. */
  show(event: ClientEvent, now: number): Line[] {
    if ("type" in event) {
      switch (event.type) {
        case "message":
        case "private":
          return this.#entry(event);
        case "joined":
          return this.#joined(event, now);
        case "notice":
          return this.#notice(event);
      }
    }
    switch (event.event) {
      case "Unknown":
        return this.#entry(event);
      case "StateChanged":
        return this.#standing.changed(event.state, now);
      case "LatencyMeasured":
        return this.#standing.measured(event.rttMs);
      case "PresenceChanged":
        this.#presence(event, now);
        return [];
      case "Gap":
        return [...this.#arrive(event.room), this.#gap(event.missing)];
      case "RoomLost":
        return this.#roomLost(event.room, event.error);
      case "Renamed":
        return this.#renamed(event.username);
      case "ServerError": {
        const reason = explainError(this.words, event.error);
        return [line(this.words.say("server-error", { reason }), "bad")];
      }
      default:
        // The answers to commands are shown to whom they were given.
        return [];
    }
  }

  /** Returns the lines that are due. */
  tick(now: number): Line[] {
    const lines: Line[] = [];
    for (const [name, room] of this.#rooms) {
      if (room.arrival !== undefined && room.arriveBy <= now) lines.push(...this.#arrive(name));
      const news = room.arrival === undefined ? room.attendance.tick(now) : undefined;
      if (news !== undefined) lines.push(...this.#news(name, news));
    }
    return lines;
  }

  /** When `tick` has something to do. */
  deadline(): number | undefined {
    const times = [...this.#rooms.values()]
      .map((room) => (room.arrival === undefined ? room.attendance.deadline() : room.arriveBy))
      .filter((time) => time !== undefined);
    return times.length === 0 ? undefined : Math.min(...times);
  }

  /** One has left a room. */
  left(name: string): Line[] {
    const told = line(this.words.say("left-room", { room: sanitiseName(name) }), "news");
    return [told, ...this.#forget(name)];
  }

  /** The rooms one is in, the one joined last at the end. */
  get rooms(): string[] {
    return [...this.#rooms.keys()];
  }

  /** Returns the line that says where what is typed goes. */
  whereto(): Line {
    if (this.current === undefined) return line(this.words.say("no-room"), "waiting");
    return line(this.words.say("whereto", { room: sanitiseName(this.current) }), "news");
  }

  /** Returns the lines of pages of a room's history, the oldest page first. */
  history(pages: readonly History[]): Line[] {
    const room = sanitiseName(pages[0]?.room ?? "");
    const entries = pages.flatMap((page) => page.entries);
    if (entries.length === 0) return [line(this.words.say("history-empty", { room }), "news")];
    const head = line(this.words.say("earlier", { room }), "news");
    return [head, ...entries.flatMap((entry) => this.#said(entry, true))];
  }

  // Entries.

  #entry(entry: Entry): Line[] {
    const isEarlier = this.#isEarlier(entry);
    const lines: Line[] = [];
    if (!isEarlier) {
      lines.push(...this.#arrive(entry.room));
      this.#showingEarlier = undefined;
    } else if (this.#showingEarlier !== entry.room) {
      this.#showingEarlier = entry.room;
      lines.push(this.#earlierHead(entry));
    }
    const room = this.#rooms.get(entry.room);
    const news = room?.arrival === undefined ? room?.attendance.flush() : undefined;
    if (news !== undefined) lines.push(...this.#news(entry.room, news));
    lines.push(...this.#said(entry, isEarlier));
    if (isEarlier && room !== undefined && entry.seq >= room.earlierUpto) {
      lines.push(...this.#arrive(entry.room));
    }
    return lines;
  }

  /** Whether it had been said before one came, and not just while one was cut off. */
  #isEarlier(entry: Entry): boolean {
    if (isPrivate(entry)) {
      return entry.replay === true && entry.timestamp < (this.beganAt ?? 0);
    }
    const room = this.#rooms.get(entry.room);
    return room !== undefined && entry.seq <= room.earlierUpto;
  }

  #earlierHead(entry: Entry): Line {
    if (isPrivate(entry)) {
      const [one, other] = [sanitiseName(entry.from), sanitiseName(entry.to)];
      return line(this.words.say("earlier-private", { one, other }), "news");
    }
    return line(this.words.say("earlier", { room: sanitiseName(entry.room) }), "news");
  }

  #said(entry: Entry, isEarlier: boolean): Line[] {
    const when = new Date(Math.min(Math.max(0, entry.timestamp), LAST_MOMENT));
    const lines: Line[] = [];
    if (dayOf(when) !== this.#day) {
      this.#day = dayOf(when);
      lines.push(line(`— ${this.#day} —`, "news"));
    }
    const content = "content" in entry ? entry.content : this.words.say("unknown-entry");
    const [first = "", ...others] = sanitise(content).split("\n");
    const said: Line[] = [
      [span(`[${timeOf(when)}] `, "time"), ...this.#author(entry), span(`: ${first}`)],
      ...others.map((other) => line(`${INDENT}${other}`)),
    ];
    return [...lines, ...(isEarlier ? said.map((one) => restyled(one, "earlier")) : said)];
  }

  #author(entry: Entry): Line {
    if (isPrivate(entry)) {
      const marker = span(`${this.words.say("private")} `, "private");
      return [marker, this.#name(entry.from), span(" → ", "private"), this.#name(entry.to)];
    }
    const name = this.#name(entry.username);
    if (entry.room === this.current) return [name];
    return [span(`#${sanitiseName(entry.room)} `, "waiting"), name];
  }

  #name(name: string): Span {
    return span(sanitiseName(name), name === this.username ? "own" : "name");
  }

  #notice(notice: Notice): Line[] {
    const [first = "", ...others] = sanitise(notice.message).split("\n");
    return [
      [span(this.words.say("system"), "waiting"), span(`: ${first}`)],
      ...others.map((other) => line(`${INDENT}${other}`)),
    ];
  }

  #renamed(username: string): Line[] {
    if (username === this.username) return [];
    this.username = username;
    return [line(this.words.say("renamed", { name: sanitiseName(username) }), "own")];
  }

  // Rooms.

  #joined(joined: Joined, now: number): Line[] {
    const others = joined.names.filter((name) => name !== this.username);
    const known = this.#rooms.get(joined.room);
    if (known !== undefined) {
      known.attendance.resume(others, joined.names.length >= joined.members, now);
      if (known.arrival !== undefined) {
        known.earlierUpto = joined.head.seq;
      } else if (joined.recovered !== "complete" && joined.recovered !== "partial") {
        known.earlierUpto = 0; // of a log that is no more
      }
      return [];
    }
    const room: Room = {
      attendance: new Attendance(),
      earlierUpto: joined.head.seq,
      arrival: this.#arrival(joined, others),
      arriveBy: now + ARRIVED_WITHIN,
    };
    room.attendance.begin(others);
    this.#rooms.set(joined.room, room);
    this.current = joined.room;
    return this.#earlier > 0 && joined.head.seq > 0 ? [] : this.#arrive(joined.room);
  }

  #arrival(joined: Joined, others: readonly string[]): Line {
    const room = sanitiseName(joined.room);
    const unnamed = Math.max(0, joined.members - 1 - others.length);
    if (others.length === 0 && unnamed === 0) {
      return line(this.words.say("arrived-alone", { room }), "news");
    }
    return line(
      this.words.say("arrived", { room, names: few(this.words, others, unnamed) }),
      "news",
    );
  }

  /** Ends what was said earlier in a room. */
  #arrive(name: string): Line[] {
    const room = this.#rooms.get(name);
    if (room?.arrival === undefined) return [];
    const { arrival } = room;
    room.arrival = undefined;
    this.#showingEarlier = undefined;
    return [arrival];
  }

  #presence(change: PresenceChanged, now: number): void {
    const room = this.#rooms.get(change.room);
    if (room === undefined) return;
    const joined = change.joined.filter((name) => name !== this.username);
    if (change.snapshot) {
      room.attendance.resume(joined, change.joined.length >= change.members, now);
    } else {
      const left = change.left.filter((name) => name !== this.username);
      room.attendance.change(joined, left, now);
    }
  }

  #news(room: string, { joined, left }: News): Line[] {
    const told = [
      { key: "joined", names: joined },
      { key: "left", names: left },
    ].filter(({ names }) => names.length > 0);
    return told.map(({ key, names }) => {
      const news = this.words.say(key, { count: names.length, names: few(this.words, names) });
      const isHere = room === this.current;
      return line(
        isHere ? news : this.words.say("in-room", { room: sanitiseName(room), news }),
        "news",
      );
    });
  }

  #gap(missing: number | null): Line {
    const text =
      missing === null ? this.words.say("gap-unknown") : this.words.say("gap", { count: missing });
    return line(text, "bad");
  }

  #roomLost(name: string, error: CommandRefused): Line[] {
    if (!this.#rooms.has(name)) return []; // whoever wanted to join it is told
    const reason = explainError(this.words, error);
    const text = this.words.say("room-lost", { room: sanitiseName(name), reason });
    return [line(text, "bad"), ...this.#forget(name)];
  }

  #forget(name: string): Line[] {
    this.#rooms.delete(name);
    if (this.current !== name) return [];
    this.current = this.rooms.at(-1);
    return [this.whereto()];
  }
}

function isPrivate(entry: Entry): entry is Extract<Entry, { readonly type: "private" }> {
  return "type" in entry && entry.type === "private";
}

function dayOf(when: Date): string {
  return `${when.getFullYear()}-${two(when.getMonth() + 1)}-${two(when.getDate())}`;
}

function timeOf(when: Date): string {
  return [when.getHours(), when.getMinutes(), when.getSeconds()].map(two).join(":");
}

function two(number: number): string {
  return String(number).padStart(2, "0");
}
