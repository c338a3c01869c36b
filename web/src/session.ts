/**
 * One person's stay in the chat: the library's client, and the state that the page shows of it.
 *
 * The only file that drives the client.
 *
 * @module
 */

import {
  type Client,
  type ClientError,
  type ClientEvent,
  CommandRefused,
  connect,
  IndexedDbStorage,
  type KeyLink,
  type KeyStore,
  type Message,
  type Private,
  type WireEvent,
} from "@causerie/client";
import { say, words } from "./i18n.js";
import { recall, remember } from "./memory.js";
import { withNextFrame } from "./next-frame.js";
import type { RoundTrip } from "./round-trips.js";
import { ChatState, type Room } from "./store/chat.js";

/** Entries that a room begins with. */
const FIRST = 50;
/** Earlier ones that are asked for at a time: as many as a server gives. */
const PAGE = 100;
/** Round trips that the connection's panel shows. */
const MOST_ROUND_TRIPS = 240;

/** What a session says: something has changed, or calls for the person. */
export interface SessionEvents {
  readonly change: undefined;
  readonly call: { readonly room: Room; readonly entry: Message | Private };
}

/** A stay in the chat. Tells `change` once a frame, however much has changed. */
export class Session extends EventTarget {
  readonly chat: ChatState;
  readonly client: Client;
  readonly roundTrips: RoundTrip[] = [];
  reconnects = 0;
  /** Whether the server tells of this connection's frames; undefined while it is not known. */
  isTraced: boolean | undefined;
  #wantsTrace = false;
  readonly #keys: KeyStore;
  readonly #loading = new Set<Room>();
  #isChanged = false;

  private constructor(client: Client, username: string, keys: KeyStore) {
    super();
    this.client = client;
    this.#keys = keys;
    this.chat = new ChatState(username);
    client.on("*", (event) => this.#told(event));
  }

  /** Begins; the connection comes when it comes. */
  static async open(
    url: string,
    username: string,
    rooms: readonly string[],
    tap: (event: WireEvent) => void,
  ): Promise<Session> {
    const storage = new IndexedDbStorage();
    const client = await connect(url, username, {
      storage,
      wait: false,
      locale: words().language,
      tap,
    });
    const session = new Session(client, username, storage.keys);
    for (const name of rooms) {
      session.enter(name);
    }
    return session;
  }

  /** Goes to a room that one was in before; it is there at once, and fills when it can. */
  enter(name: string): Room {
    const room = this.chat.open(name);
    room.seen = recall().seen[name]?.seq ?? 0;
    room.seenBefore = room.seen > 0 ? room.seen : undefined;
    void this.join(name);
    return room;
  }

  /** Goes to a room, and looks at it. */
  async join(name: string, look = false): Promise<Room | undefined> {
    try {
      const joined = await this.client.join(name, { limit: FIRST });
      const asked = this.chat.room(name);
      const room = this.chat.open(joined.room);
      const isLookedAt = look || asked === this.chat.current;
      const seen = recall().seen[joined.room];
      if (seen !== undefined && seen.epoch !== joined.epoch) {
        room.seen = 0; // the numbers are another log's
      }
      if (asked !== undefined && asked !== room && asked.timeline.entries.length === 0) {
        this.chat.close(name); // it is written otherwise
      }
      if (isLookedAt) {
        this.chat.show(room);
      }
      this.#keep();
      this.#changed();
      return room;
    } catch (error) {
      this.chat.close(name);
      this.#complain(error);
      return undefined;
    }
  }

  /** Leaves a room; a private conversation is put out of sight. */
  async leave(room: Room): Promise<void> {
    this.chat.close(room.name);
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
      room.timeline.prepend(page.entries, page.more);
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
        room.timeline.fill(seq, page.entries);
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
    return this.#keys.find(this.client.url, this.chat.username);
  }

  /** Ends the stay. */
  async close(): Promise<void> {
    await this.client.close();
  }

  #told(event: ClientEvent): void {
    const now = performance.now();
    if ("event" in event) {
      if (event.event === "SendFailed") {
        this.chat.failed(event.id, explain(event.error));
      } else if (event.event === "ServerError") {
        this.#complain(event.error);
      } else if (event.event === "LatencyMeasured") {
        this.roundTrips.push({ at: Date.now(), ms: event.rttMs });
        this.roundTrips.splice(0, this.roundTrips.length - MOST_ROUND_TRIPS);
      } else if (event.event === "StateChanged" && event.state.state === "Reconnecting") {
        this.reconnects += 1;
      } else if (event.event === "StateChanged" && event.state.state === "Connected") {
        if (this.#wantsTrace) {
          void this.#trace(); // it was asked for on the last connection only
        }
      }
    }
    for (const wish of this.chat.told(event, now)) {
      if (wish.wish === "company") {
        const { count, names } = this.client.present(wish.room);
        this.chat.company(wish.room, {
          count,
          names: [...names].sort((a, b) => a.localeCompare(b)),
        });
      } else {
        this.dispatchEvent(new CustomEvent("call", { detail: wish }));
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

  #complain(error: unknown): void {
    if (error instanceof Error && this.chat.state.state !== "Closed") {
      this.dispatchEvent(new CustomEvent("trouble", { detail: explain(error as ClientError) }));
    }
  }

  #keep(): void {
    const seen = { ...recall().seen };
    const rooms: string[] = [];
    for (const room of this.chat.rooms) {
      const { epoch } = this.client.position(room.name);
      if (epoch) {
        seen[room.name] = { seq: room.seen, epoch };
      }
      if (!room.isPrivate) {
        rooms.push(room.name);
      }
    }
    remember({ rooms, seen, current: this.chat.current?.name ?? "" });
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

/** What an error says to people, in their language where it has words for it. */
export function explain(error: Error): string {
  if (error instanceof CommandRefused) {
    const known = words().find(`error-${error.code.replaceAll("_", "-")}`);
    return known ?? error.message;
  }
  return error.message || say("web-something-went-wrong");
}

/** Keeps a key that came from another device; answers whether this browser has it now. */
export async function take({ server, username, key }: KeyLink): Promise<boolean> {
  return (await new IndexedDbStorage().keys.keep(server, username, key)) === key;
}
