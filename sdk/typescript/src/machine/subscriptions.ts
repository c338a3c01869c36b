/**
 * What a client follows: its rooms and private conversations, as the application is told of them.
 *
 * `Rooms` knows where one stands in each of them, and which are still to be joined; `Company` who
 * else is there; `OwnTyping` what was told of oneself. Here the application's wishes (join, leave,
 * type) and what the server says of rooms (joined, left, entries, presence, typing) go to those
 * that they concern, and what comes of it becomes events and commands.
 *
 * @module
 */

import { type CommandRefused, type Ended, refusal } from "../errors.js";
import { ErrorCode } from "../generated/codes.js";
import type { Cursor, Join, Joined, Presence, RoomsPage, Typing } from "../generated/frames.js";
import { assert } from "./assert.js";
import { Company, type RoomMembers } from "./company.js";
import { earliest } from "./earliest.js";
import type { Entry, Event } from "./events.js";
import type { Greeted } from "./link.js";
import type { Lane } from "./outbox.js";
import type { Output } from "./output.js";
import type { Requests } from "./requests.js";
import type { Rooms } from "./rooms.js";
import { OwnTyping } from "./typing.js";

/** Where one stands in a room: a `join` with both goes on there, in another client, too. */
export interface Position {
  readonly epoch: string | undefined;
  readonly cursor: Cursor | undefined;
}

/**
 * The rooms and conversations of one client. `now` is in milliseconds, monotonic.
 *
 * Where a connection is asked for, undefined says that there is none on which one may speak yet.
 */
export class Subscriptions {
  readonly #rooms: Rooms;
  readonly #requests: Requests;
  readonly #newId: () => string;
  readonly #out: Output;
  readonly #company = new Company();
  readonly #ownTyping = new OwnTyping();

  constructor(rooms: Rooms, requests: Requests, newId: () => string, out: Output) {
    this.#rooms = rooms;
    this.#requests = requests;
    this.#newId = newId;
    this.#out = out;
  }

  // What one can see.

  /** The canonical name of a room, where it is known. */
  resolve(room: string): string {
    return this.#rooms.resolve(room);
  }

  /** Who is in a joined room. */
  members(room: string): RoomMembers {
    return this.#company.members(this.#rooms.resolve(room));
  }

  /** Who else is typing in a room, the first to begin first. */
  typing(room: string): string[] {
    return this.#company.typing(this.#rooms.resolve(room));
  }

  /** The epoch and the cursor of what was shown of a room. */
  position(room: string): Position {
    const view = this.#rooms.find(room);
    return { epoch: view?.epoch, cursor: view?.cursor };
  }

  /** Tells whether what a lane holds may go out: what is said in a room waits for its join. */
  readonly maySend = (lane: Lane): boolean =>
    !lane.startsWith("room:") || this.#rooms.isOpen(lane.slice("room:".length));

  // What the application wishes.

  /** Joins a room; `id` is answered when that is done, at once where it was before. */
  join(command: Join, id: string): void {
    const room = this.#rooms.resolve(command.room);
    this.#requests.withdrawLeave(room);
    if (this.#rooms.want(command, id)) {
      const joined = this.#company.joined(room);
      assert(joined !== undefined, "a room that is open was joined on this connection");
      this.#tell({ event: "Answered", id, reply: joined });
    }
  }

  /** Whether a join with this id is not answered yet. */
  isWaiting(id: string): boolean {
    return this.#rooms.isWaiting(id);
  }

  /** Leaves a room; `id` is answered when that is done, and who waited to be in it fails. */
  leave(name: string, id: string, link: Greeted | undefined): void {
    const room = this.#rooms.resolve(name);
    if (this.#rooms.find(room) === undefined || link === undefined) {
      this.#tell({ event: "Answered", id, reply: { type: "left", room } });
    } else {
      this.#requests.add(id, `room:${room}`, { type: "leave", room });
    }
    this.#ownTyping.stop(room);
    this.#tell(...this.#company.leave(room));
    const error = refusal(ErrorCode.NOT_JOINED, "the room was left before it was joined");
    this.#fail(this.#rooms.leave(room), error);
  }

  /** A key was pressed, or one has stopped. */
  type(name: string, isTyping: boolean, link: Greeted | undefined, now: number): void {
    const room = this.#rooms.resolve(name);
    if (link === undefined || !this.#rooms.isJoined(room)) return;
    const told = isTyping ? this.#ownTyping.key(room, now) : this.#ownTyping.stop(room);
    if (told) this.#tellOwnTyping(link, room, isTyping, now);
  }

  /** One has sent what one typed: the message says it by itself. */
  stopTyping(room: string): void {
    this.#ownTyping.stop(this.#rooms.resolve(room));
  }

  // The connection, and time.

  /** Asks for one's private conversations, to learn what was said there meanwhile. */
  listConversations(after?: string): void {
    const question = { type: "rooms", ...(after !== undefined && { after }) } as const;
    this.#requests.add(this.#newId(), "ask:rooms", question, true);
  }

  /** Joins the rooms that are to be joined now. */
  sendJoins(link: Greeted, now: number): void {
    for (;;) {
      const view = this.#rooms.nextJoin(now);
      if (view === undefined || !link.pacer.take(now)) return;
      this.#out.write(this.#rooms.join(view, this.#newId()));
    }
  }

  /** When `sendJoins` has something to do, but for the rate. */
  nextJoinAt(): number | undefined {
    return this.#rooms.deadline();
  }

  /** Time has passed. */
  tick(link: Greeted | undefined, now: number): void {
    if (link !== undefined) {
      for (const room of this.#ownTyping.tick(now)) this.#tellOwnTyping(link, room, false, now);
    }
    this.#tell(...this.#company.tick(now));
  }

  /** When `tick` has something to do. */
  deadline(): number | undefined {
    return earliest([this.#ownTyping.deadline(), this.#company.deadline()]);
  }

  /** The connection is lost. */
  cut(): void {
    this.#rooms.cut();
    this.#ownTyping.cut();
    this.#tell(...this.#company.cut());
  }

  /** Nothing will be joined any more: who waited to be in a room fails. */
  end(error: Ended): void {
    this.#fail(this.#rooms.end(), error);
  }

  // What the server says.

  /** An entry came: it is shown if it is next. */
  entry(entry: Entry): void {
    if ("type" in entry && entry.type === "private") this.#rooms.meet(entry);
    const { followed, gap } = this.#rooms.follow(entry);
    if (gap !== undefined) this.#tell(gap);
    if (followed === "shown") {
      this.#tell(entry, ...this.#company.said(entry.room, entry.username));
    }
  }

  /** Somebody else types, or has stopped. */
  typed(typing: Typing, now: number): void {
    if (this.#rooms.find(typing.room) !== undefined) {
      this.#tell(...this.#company.typed(typing, now));
    }
  }

  /** Others have come to a room or gone. */
  presence(presence: Presence): void {
    this.#tell(...this.#company.presence(presence));
  }

  /** A join was answered. */
  joined(reply: Joined): void {
    const joined = this.#rooms.joined(reply);
    if (joined === undefined) return;
    const { view, gap, askers } = joined;
    this.#requests.withdrawLeave(view.name);
    this.#company.enter(reply);
    if (view.wanted) this.#tell(reply);
    if (gap !== undefined) this.#tell(gap);
    for (const id of askers) this.#tell({ event: "Answered", id, reply });
  }

  /** A leave was carried out. */
  left(room: string): void {
    this.#rooms.left(room);
  }

  /** A page came of the answer to `listConversations`. */
  listed({ rooms, more = false }: RoomsPage): void {
    for (const summary of rooms) {
      if (summary.peer !== undefined) this.#rooms.listed(summary);
    }
    const last = rooms.at(-1);
    if (more && last !== undefined) this.listConversations(last.room);
    else this.#tell(...this.#rooms.allListed());
  }

  /** A join was refused, perhaps: it is made again at a time, or the room is given up. */
  refused(id: string, error: CommandRefused, againAt: number | undefined): void {
    const givenUp = this.#rooms.refused(id, againAt);
    if (givenUp === undefined) return;
    const { view, gap, askers } = givenUp;
    if (gap !== undefined) this.#tell(gap);
    if (view.wanted) {
      this.#tell({ event: "RoomLost", room: view.name, error });
      this.#tell(...this.#company.leave(view.name));
    }
    this.#fail(askers, error);
  }

  #tellOwnTyping(link: Greeted, room: string, isTyping: boolean, now: number): void {
    // Or it is not worth telling any more.
    if (link.pacer.take(now)) this.#out.write({ type: "typing", room, isTyping });
  }

  #fail(ids: readonly string[], error: CommandRefused | Ended): void {
    for (const id of ids) this.#tell({ event: "Failed", id, error });
  }

  #tell(...events: readonly Event[]): void {
    for (const event of events) this.#out.tell(event);
  }
}
