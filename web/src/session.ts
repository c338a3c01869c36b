/**
 * One person's stay in the chat: the library's client, and the state that the page shows of it.
 *
 * The only file that drives the client.
 *
 * @module
 */

import {
  type Client,
  type ClientEvent,
  CommandRefused,
  connect,
  type Message,
  type Private,
  type WireEvent,
} from "@causerie/client";
import { storage } from "./device.js";
import { say, words } from "./i18n.js";
import { recall, remember, rememberSeen, type Seen } from "./memory.js";
import { withNextFrame } from "./next-frame.js";
import type { RoundTrip } from "./round-trips.js";
import { ChatState, type Room } from "./store/chat.js";
import { because, explain, type Given } from "./text/explain.js";
import { excerpt } from "./text/plain.js";

/** Entries that a room begins with. */
const FIRST = 50;
/** Earlier ones that are asked for at a time: as many as a server gives. */
const PAGE = 100;
/** Characters of a message by which it is known again. */
const EXCERPT = 60;
/** Round trips that the connection's panel shows. */
const MOST_ROUND_TRIPS = 240;

/** Who comes in, and where to. */
export interface Arrival {
  readonly username: string;
  /** Rooms that one was in before. */
  readonly rooms: readonly string[];
  /** The name is the one had last, whatever it has become meanwhile, and no wish. */
  readonly returning: boolean;
  /** What holds the name, where this browser can keep no key. */
  readonly key?: string | undefined;
}

/** Something that somebody said, and where. */
export interface Said {
  readonly room: Room;
  readonly entry: Message | Private;
}

/**
 * A stay in the chat. Tells `change` once a frame, however much has changed; `hear` with something
 * `Said` that a screen reader may tell, `call` with one that calls for the person; `trouble` with a
 * sentence.
 */
export class Session extends EventTarget {
  readonly chat: ChatState;
  readonly client: Client;
  readonly roundTrips: RoundTrip[] = [];
  /** How often a lost connection came back. */
  reconnects = 0;
  /** Whether the server tells of this connection's frames; undefined while it is not known. */
  isTraced: boolean | undefined;
  #wantsTrace = false;
  readonly #loading = new Set<Room>();
  #wasConnected = false;
  #isChanged = false;

  private constructor(client: Client, username: string) {
    super();
    this.client = client;
    this.chat = new ChatState(username);
    client.on("*", (event) => this.#told(event));
  }

  /** Begins; the connection comes when it comes. */
  static async open(
    url: string,
    { username, rooms, returning, key }: Arrival,
    tap: (event: WireEvent) => void,
  ): Promise<Session> {
    const client = await connect(url, username, {
      storage,
      wait: false,
      returning,
      locale: words().language,
      reasons: { noWelcome: say("lost-no-welcome"), silent: say("lost-silent") },
      tap,
      ...(key === undefined ? {} : { key }),
    });
    const session = new Session(client, username);
    for (const name of rooms) {
      session.enter(name);
    }
    return session;
  }

  /** Goes to a room; it is there at once, and fills when it can. */
  enter(name: string): Room {
    const known = this.chat.room(name);
    if (known !== undefined) {
      return known;
    }
    const room = this.chat.open(name);
    room.seen = recall().seen[name]?.seq ?? 0;
    room.seenBefore = room.seen > 0 ? room.seen : undefined;
    void this.#join(name);
    return room;
  }

  /** Leaves a room; a private conversation is put out of sight. */
  async leave(room: Room): Promise<void> {
    this.chat.close(room.name);
    remember({ rooms: recall().rooms.filter((name) => name !== room.name) });
    this.#keep();
    this.#changed();
    if (!room.isPrivate) {
      await this.client.leave(room.name).catch((error: unknown) => this.#complain(error));
    }
  }

  /** Looks at a room. */
  show(room: Room): void {
    this.chat.show(room);
    this.#keep();
    this.#changed();
  }

  /** Whether the person sees what comes to the current room. */
  watch(isWatching: boolean): void {
    if (isWatching !== this.chat.isWatching || isWatching) {
      const before = this.chat.unread.all;
      this.chat.isWatching = isWatching;
      this.chat.see();
      if (isWatching && before !== this.chat.unread.all) {
        this.#changed();
      }
      this.#keep();
    }
  }

  /** Says something in a room. */
  send(room: Room, content: string, replyTo?: string): void {
    const options = replyTo === undefined ? {} : { replyTo };
    if (room.peer === undefined) {
      this.client.send(content, room.name, options);
    } else {
      this.client.private(room.peer, content, options);
    }
    this.typing(room, false);
  }

  /** Says once more what was not taken. */
  retry(room: Room, id: string): void {
    const failed = room.timeline.pending.find((one) => one.id === id);
    if (failed !== undefined) {
      room.timeline.settle(id);
      this.send(room, failed.content, failed.replyTo || undefined);
    }
  }

  /** Gives up what was not taken. */
  discard(room: Room, id: string): void {
    this.client.withdraw(id);
    room.timeline.settle(id);
    this.#changed();
  }

  /** A key was pressed, or one types no more. */
  typing(room: Room, isTyping: boolean): void {
    if (!room.name.startsWith("@")) {
      this.client.typing(room.name, isTyping);
    }
  }

  /** Loads what was said before the first message that is loaded. */
  async loadEarlier(room: Room): Promise<void> {
    if (this.#loading.has(room) || !room.timeline.hasEarlier || room.name.startsWith("@")) {
      return;
    }
    this.#loading.add(room);
    try {
      const { first } = room.timeline;
      const page = await this.client.history(room.name, {
        limit: PAGE,
        ...(first > 0 ? { before: first } : {}),
      });
      room.timeline.prepend(page.entries, first, page.more);
    } catch (error) {
      this.#complain(error);
    } finally {
      this.#loading.delete(room);
      this.#changed();
    }
  }

  /** Loads what is missing before an entry. */
  async fill(room: Room, seq: number): Promise<void> {
    try {
      for (let hole = room.timeline.holeBefore(seq); hole; hole = room.timeline.holeBefore(seq)) {
        const page = await this.client.history(room.name, { after: hole.after, limit: PAGE });
        room.timeline.fill(seq, page.entries, hole.after);
        this.#changed();
      }
    } catch (error) {
      this.#complain(error);
    }
  }

  /** Has the server tell of the frames of this connection and of those to come, or tell no more. */
  trace(isWanted: boolean): void {
    this.#wantsTrace = isWanted;
    if (this.chat.state.state === "Connected") {
      void this.#trace();
    }
  }

  /** The key to one's name, if this browser keeps it. */
  async key(): Promise<string | undefined> {
    try {
      return await storage.keys.find(this.client.url, this.chat.username);
    } catch {
      return undefined;
    }
  }

  /** Ends the stay. */
  async close(): Promise<void> {
    await this.client.close();
  }

  async #join(name: string): Promise<void> {
    try {
      const joined = await this.client.join(name, { limit: FIRST });
      const asked = this.chat.room(name);
      if (asked === undefined) {
        return; // it was left meanwhile
      }
      const room = this.chat.open(joined.room);
      const seen = recall().seen[joined.room];
      if (seen !== undefined && seen.epoch !== joined.epoch) {
        room.seen = 0; // the numbers are another log's
      }
      if (asked !== room) {
        this.chat.merge(asked, room); // it is written otherwise
      }
      remember({ rooms: [...new Set([...recall().rooms, room.name])] });
      this.#keep();
    } catch (error) {
      if (error instanceof CommandRefused && error.code === "not_joined") {
        return; // it was left before it was joined
      }
      this.chat.close(name);
      this.#complain(error, { room: name });
    }
    this.#changed();
  }

  #told(event: ClientEvent): void {
    const now = performance.now();
    if ("event" in event) {
      switch (event.event) {
        case "Sending": {
          const { adopted, command } = event;
          if (adopted && command.type === "message") {
            this.enter(command.room); // another tab was in it
          }
          break;
        }
        case "SendFailed": {
          const { command } = event;
          const given = command.type === "private" ? { to: command.to } : { room: command.room };
          const reason = because(event.error, given);
          if (!this.chat.failed(event.id, reason) && this.chat.state.state !== "Closed") {
            this.#tellTrouble(say("not-sent", { text: excerpt(command.content, EXCERPT), reason }));
          }
          break;
        }
        case "Renamed":
          remember({ username: event.username });
          break;
        case "ServerError":
          this.#complain(event.error, { username: this.client.username });
          break;
        case "LatencyMeasured":
          this.roundTrips.push({ at: Date.now(), ms: event.rttMs });
          this.roundTrips.splice(0, this.roundTrips.length - MOST_ROUND_TRIPS);
          break;
        case "StateChanged":
          if (event.state.state === "Connected") {
            this.reconnects += this.#wasConnected ? 1 : 0;
            this.#wasConnected = true;
            void this.#learnNames();
            if (this.#wantsTrace) {
              void this.#trace(); // it was asked for on the last connection only
            }
          }
          break;
      }
    }
    for (const wish of this.chat.told(event, now)) {
      switch (wish.wish) {
        case "company": {
          const { count, names } = this.client.present(wish.room);
          this.chat.company(wish.room, { count, names: [...names].sort(BY_NAME.compare) });
          break;
        }
        case "hear":
        case "notify": {
          const type = wish.wish === "hear" ? "hear" : "call";
          this.dispatchEvent(new CustomEvent<Said>(type, { detail: wish }));
          break;
        }
        case "complain": {
          const { title } = wish.room;
          const reason = because(wish.error, { room: title });
          this.#tellTrouble(say("room-lost", { room: title, reason }));
        }
      }
    }
    this.#changed();
  }

  async #trace(): Promise<void> {
    const isWanted = this.#wantsTrace;
    try {
      await this.client.trace(isWanted);
      this.isTraced = isWanted || undefined;
    } catch (error) {
      if (error instanceof CommandRefused) {
        this.isTraced = false; // a server that does not know how to
      }
    }
    this.#changed();
  }

  /** With whom one's conversations are: the names of others may have changed meanwhile. */
  async #learnNames(): Promise<void> {
    try {
      this.chat.summarised(await this.client.rooms());
      this.#changed();
    } catch (error) {
      this.#complain(error);
    }
  }

  #complain(error: unknown, given?: Given): void {
    if (this.chat.state.state !== "Closed") {
      this.#tellTrouble(explain(error, given));
    }
  }

  #tellTrouble(sentence: string): void {
    this.dispatchEvent(new CustomEvent("trouble", { detail: sentence }));
  }

  #keep(): void {
    const seen = new Map<string, Seen>();
    for (const room of this.chat.rooms) {
      const { epoch } = this.client.position(room.name);
      if (epoch && room.seen > 0) {
        seen.set(room.name, { seq: room.seen, epoch });
      }
    }
    rememberSeen(seen);
    const current = this.chat.current?.name ?? "";
    if (current !== recall().current && !current.startsWith("@")) {
      remember({ current });
    }
  }

  #changed(): void {
    if (!this.#isChanged) {
      this.#isChanged = true;
      withNextFrame(() => {
        this.#isChanged = false;
        this.dispatchEvent(new Event("change"));
      });
    }
  }
}

const BY_NAME = new Intl.Collator();
