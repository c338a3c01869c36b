/**
 * All that the page shows of the chat, made from what the client tells.
 *
 * It is changed by `told` and by what the person does; it asks nobody and knows no clock. Times come
 * in as milliseconds.
 *
 * @module
 */

import type {
  ClientEvent,
  CommandRefused,
  Entry,
  Joined,
  Message,
  Private,
  RoomSummary,
  State,
} from "@causerie/client";
import { mentions } from "../text/mentions.js";
import { Timeline } from "./timeline.js";

/** Others are in a room. */
export interface Company {
  /** How many, oneself among them. */
  readonly count: number;
  /** Those who are known by name, in order. */
  readonly names: readonly string[];
}

const NOBODY: Company = { count: 0, names: [] };

const BY_NAME = new Intl.Collator();

/** A room or a private conversation. */
export class Room {
  /** The server's name for it; for a conversation that has none yet, `@` and the other's name. */
  name: string;
  /** The other of a private conversation. */
  peer: string | undefined;
  /** The other's name is somebody else's by now: what one writes to that name arrives elsewhere. */
  isFormer = false;
  readonly timeline = new Timeline();
  /** The seq of the last entry that was seen. */
  seen = 0;
  /** The last entry that was seen before the room was looked at: all after it is new. */
  seenBefore: number | undefined;
  unread = 0;
  /** How many of the unread name oneself, or are private. */
  calls = 0;
  typists: readonly string[] = [];
  company: Company = NOBODY;
  /** It was joined on the connection that there is now or was last. */
  isJoined = false;
  /** What is written and not said yet. */
  draft = "";
  /** The id of the entry that the draft answers. */
  replyTo: string | undefined;
  /** What the server or the client has to say here, with no place in the log. */
  notices: readonly string[] = [];

  constructor(name: string, peer?: string) {
    this.name = name;
    this.peer = peer;
    if (peer !== undefined && name === draftName(peer)) {
      this.timeline.hasEarlier = false;
    }
  }

  /** Whether it is a private conversation. */
  get isPrivate(): boolean {
    return this.peer !== undefined;
  }

  /** What people call it. */
  get title(): string {
    return this.peer ?? this.name;
  }
}

/** What is asked of whoever drives the client, because of what it told. */
export type Wish =
  | { readonly wish: "company"; readonly room: string }
  /** Somebody who does not see the page may be told. */
  | { readonly wish: "hear"; readonly room: Room; readonly entry: Message | Private }
  | { readonly wish: "notify"; readonly room: Room; readonly entry: Message | Private }
  | { readonly wish: "complain"; readonly room: Room; readonly error: CommandRefused };

/** The chat, as one person sees it. */
export class ChatState {
  username: string;
  state: State = { state: "Connecting" };
  rttMs: number | undefined;
  /** How long acks took, in milliseconds, by the message's id. */
  readonly ackMs = new Map<string, number>();
  current: Room | undefined;
  /** Whether what comes to the current room is seen: the page is shown, at its newest messages. */
  isWatching = true;
  /** What was looked at before. */
  #previous: Room | undefined;
  readonly #rooms = new Map<string, Room>();
  /**
   * The head of each log when one first came there, by the rooms' names: what is up to it was there
   * before, and is not unread.
   */
  readonly #began = new Map<string, number>();
  /** How often one was connected. */
  #connections = 0;
  /** With whom conversations are, by the server: what was said earlier tells of earlier names. */
  readonly #peers = new Map<string, string>();
  /** When one's own messages went out, by their id. */
  readonly #sentAt = new Map<string, number>();

  constructor(username: string) {
    this.username = username;
  }

  /** The rooms, by name, and then the conversations, the newest first. */
  get rooms(): Room[] {
    const all = [...this.#rooms.values()];
    const open = all.filter((room) => !room.isPrivate);
    const conversations = all.filter((room) => room.isPrivate);
    conversations.sort((a, b) => newest(b) - newest(a));
    // A name has one holder at a time: the last one talked to under it.
    const holders = new Set<string>();
    for (const room of conversations) {
      const folded = fold(room.title);
      room.isFormer = holders.has(folded);
      holders.add(folded);
    }
    return [...open.sort((a, b) => BY_NAME.compare(a.title, b.title)), ...conversations];
  }

  /** All that is unread, and how much of it calls for oneself. */
  get unread(): { readonly all: number; readonly calls: number } {
    let [all, calls] = [0, 0];
    for (const room of this.#rooms.values()) {
      all += room.unread;
      calls += room.calls;
    }
    return { all, calls };
  }

  /** A room, by the server's name for it. */
  room(name: string): Room | undefined {
    return this.#rooms.get(name);
  }

  /** A room by the server's name for it, which is there from now on. */
  open(name: string, peer?: string): Room {
    const known = this.#rooms.get(name);
    if (known !== undefined) {
      return known;
    }
    const draft = peer === undefined ? undefined : this.#rooms.get(draftName(peer));
    if (draft !== undefined) {
      this.#rooms.delete(draft.name);
      draft.name = name;
    }
    const room = draft ?? new Room(name, peer);
    this.#rooms.set(name, room);
    return room;
  }

  /** The conversation with somebody, which may not have begun. */
  conversation(peer: string): Room {
    const folded = fold(peer);
    const known = [...this.#rooms.values()]
      .filter((room) => room.peer !== undefined && fold(room.peer) === folded)
      .sort((a, b) => newest(b) - newest(a))[0];
    return known ?? this.open(draftName(peer), peer);
  }

  /** A room is closed, and forgotten. */
  close(name: string): void {
    const room = this.#rooms.get(name);
    this.#rooms.delete(name);
    this.#began.delete(name);
    if (room !== undefined && room === this.current) {
      const { rooms } = this;
      this.current = rooms.find((one) => one === this.#previous) ?? rooms[0];
      this.see();
    }
  }

  /** A room is another, which is written otherwise: what one was about to say goes there. */
  merge(asked: Room, room: Room): void {
    const isCurrent = asked === this.current;
    if (room.draft === "") {
      room.draft = asked.draft;
      room.replyTo = asked.replyTo;
    }
    room.timeline.adopt(asked.timeline.pending);
    this.close(asked.name);
    if (isCurrent) {
      this.show(room);
    }
  }

  /** Looks at a room. */
  show(room: Room): void {
    if (room !== this.current) {
      if (room.timeline.entries.length > 0) {
        room.seenBefore = room.unread > 0 ? room.seen : undefined;
      }
      this.#previous = this.current;
    }
    this.current = room;
    this.see();
  }

  /** What is in the current room is seen, if the page is. */
  see(): void {
    const room = this.current;
    if (room !== undefined && this.isWatching) {
      room.seen = Math.max(room.seen, room.timeline.last);
      room.unread = 0;
      room.calls = 0;
    }
  }

  /** What the server lists of one's conversations. */
  summarised(summaries: readonly RoomSummary[]): void {
    for (const { room, peer } of summaries) {
      if (peer) {
        this.#named(room, peer);
      }
    }
  }

  /** The client tells something. Answers what is to be done about it. */
  told(event: ClientEvent, now: number): Wish[] {
    if ("type" in event) {
      switch (event.type) {
        case "message": {
          const room = this.#rooms.get(event.room); // undefined: one has just left it
          return room === undefined ? [] : this.#entered(room, event, event.replay);
        }
        case "private": {
          const isOwn = fold(event.from) === fold(this.username);
          const other = isOwn ? event.to : event.from;
          if (!isOwn && !event.replay) {
            this.#named(event.room, other);
          }
          const peer = this.#peers.get(event.room) ?? other;
          return this.#entered(this.open(event.room, peer), event, event.replay);
        }
        case "joined": {
          this.#came(event);
          const room = this.#rooms.get(event.room);
          if (room === undefined && event.room.startsWith("~")) {
            return [];
          }
          const joined = this.open(event.room);
          joined.isJoined = true;
          if (event.head.seq === 0) {
            joined.timeline.hasEarlier = false; // nothing was said yet
          }
          return [{ wish: "company", room: event.room }];
        }
        case "notice":
          this.#noticed(event.room ? this.#rooms.get(event.room) : this.current, event.message);
          return [];
        default:
          return [];
      }
    }
    switch (event.event) {
      case "StateChanged":
        this.state = event.state;
        this.#connections += event.state.state === "Connected" ? 1 : 0;
        if (event.state.state !== "Connected") {
          this.rttMs = undefined;
          for (const room of this.#rooms.values()) {
            room.typists = [];
          }
        }
        return [];
      case "LatencyMeasured":
        this.rttMs = event.rttMs;
        return [];
      case "Renamed":
        this.username = event.username;
        return [];
      case "Unknown": {
        const room = this.#rooms.get(event.room);
        return room === undefined ? [] : this.#entered(room, event, false);
      }
      case "Gap": {
        const room = this.#rooms.get(event.room);
        room?.timeline.tear(event.after, event.missing);
        if (room !== undefined && event.missing === null) {
          room.seen = 0; // the numbers may begin anew
        }
        return [];
      }
      case "RoomLost": {
        const room = this.#rooms.get(event.room);
        this.close(event.room);
        return room === undefined ? [] : [{ wish: "complain", room, error: event.error }];
      }
      case "TypingChanged": {
        const room = this.#rooms.get(event.room);
        if (room !== undefined) {
          room.typists = event.usernames;
        }
        return [];
      }
      case "PresenceChanged":
        return [{ wish: "company", room: event.room }];
      case "Sending":
        this.#sending(event, now);
        return [];
      case "Acked":
        this.#acked(event.receipt.id, event.receipt.room, now);
        return [];
      default:
        return [];
    }
  }

  /** One is in a room, for the first time or again. */
  #came({ room, head, recovered }: Joined): void {
    if (recovered === "none") {
      this.#began.set(room, head.seq); // it is another log
    } else if (!this.#began.has(room)) {
      const isSinceCut = room.startsWith("~") && this.#connections > 1;
      this.#began.set(room, isSinceCut ? 0 : head.seq);
    }
  }

  /** With whom a conversation is now. */
  #named(room: string, peer: string): void {
    this.#peers.set(room, peer);
    const known = this.#rooms.get(room);
    if (known !== undefined) {
      known.peer = peer;
    }
  }

  /** What one said was not taken. Answers whether it still stands anywhere. */
  failed(id: string, reason: string): boolean {
    this.#sentAt.delete(id);
    const rooms = [...this.#rooms.values()].filter((room) => isPending(room, id));
    for (const room of rooms) {
      room.timeline.failed(id, reason);
    }
    return rooms.length > 0;
  }

  /** Who is in a room. */
  company(name: string, company: Company): void {
    const room = this.#rooms.get(name);
    if (room !== undefined) {
      room.company = company;
    }
  }

  #sending({ id, command, at }: Extract<ClientEvent, { event: "Sending" }>, now: number): void {
    const room =
      command.type === "message"
        ? this.#rooms.get(command.room) // undefined: one has just left it
        : this.conversation(command.to);
    if (room !== undefined) {
      this.#sentAt.set(id, now);
      room.timeline.sending({ id, content: command.content, replyTo: command.replyTo ?? "", at });
    }
  }

  #acked(id: string, name: string, now: number): void {
    const sentAt = this.#sentAt.get(id);
    this.#sentAt.delete(id);
    if (sentAt !== undefined) {
      this.ackMs.set(id, now - sentAt);
    }
    for (const room of [...this.#rooms.values()].filter((one) => isPending(one, id))) {
      const peer = room.peer;
      if (peer !== undefined && room.name === draftName(peer)) {
        this.open(name, peer); // the conversation has a name now
      }
      room.timeline.sent(id);
      if (peer !== undefined && room.name !== name) {
        // The name is somebody else's by now: with them, another conversation has begun.
        room.timeline.settle(id);
        if (room === this.current) {
          this.show(this.open(name, peer));
        }
      }
    }
  }

  #entered(room: Room, entry: Entry, replay: boolean | undefined): Wish[] {
    if (!room.timeline.add(entry)) {
      return [];
    }
    const isOwn = fold(entry.username) === fold(this.username);
    const isMessage = "type" in entry;
    const isLive = isMessage && !isOwn && !replay;
    const isCall = isMessage && (room.isPrivate || mentions(entry.content, this.username));
    const heard: Wish[] =
      isLive && (isCall || room === this.current) ? [{ wish: "hear", room, entry }] : [];
    if (isOwn || entry.seq <= room.seen || (room === this.current && this.isWatching)) {
      if (isOwn || room === this.current) {
        room.seen = Math.max(room.seen, entry.seq);
      }
      return heard;
    }
    if (replay && room.seen === 0 && entry.seq <= (this.#began.get(room.name) ?? entry.seq)) {
      return []; // the first sight of a room: it was there before
    }
    room.unread += 1;
    if (!isCall) {
      return heard;
    }
    room.calls += 1;
    return isLive ? [...heard, { wish: "notify", room, entry }] : [];
  }

  #noticed(room: Room | undefined, message: string): void {
    if (room !== undefined) {
      room.notices = [...room.notices, message].slice(-3);
    }
  }
}

/** A name as it is compared. The server alone decides; this is for what is shown. */
export function fold(name: string): string {
  return name.normalize("NFKC").toLowerCase();
}

/** What a conversation is called that the server has no name for yet. */
export function draftName(peer: string): string {
  return `@${fold(peer)}`;
}

function newest({ timeline }: Room): number {
  return timeline.pending.at(-1)?.at ?? timeline.entries.at(-1)?.timestamp ?? 0;
}

function isPending(room: Room, id: string): boolean {
  return room.timeline.pending.some((one) => one.id === id);
}
