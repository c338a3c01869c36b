/**
 * The client, without its socket and its clock.
 *
 * A shell drives it: tells it what has happened (`connected`, `receive`, `disconnected`, `tick`,
 * `woke`), gives it the application's commands (`send`), and after each of these calls does four
 * things: it dispatches `events()`, writes `framesToSend()`, opens or closes a connection so that
 * there is one if and only if `wantsConnection`, and calls `tick` no later than `deadline()`.
 *
 * `now` is always in milliseconds, monotonic, and never goes back; it need not be whole. Chance and
 * ids come in as functions.
 *
 * The machine hands each command of the application and each frame of the server to the part that
 * it concerns, and lets go out what may:
 *
 * - `Link`: the connection: its state, hello, signs of life, when to try again
 * - `Requests`: what is asked of the server, until it is answered
 * - `Subscriptions`: what is followed: rooms and private conversations, and who is there
 * - `Output`: what all three have to say, in one order
 *
 * @module
 */

import { Ended, InvalidCommand, refusal } from "../errors.js";
import { ErrorCode } from "../generated/codes.js";
import type { Command, ErrorFrame, Ping, ServerFrame, Welcome } from "../generated/frames.js";
import type { RoomMembers } from "./company.js";
import { isText } from "./decode.js";
import { earliest } from "./earliest.js";
import type { Event, Unknown } from "./events.js";
import { type Greeted, Link, REASONS, type Reasons } from "./link.js";
import { Output } from "./output.js";
import { readFrame, readHistory } from "./reading.js";
import { RENAMES, Requests } from "./requests.js";
import { Rooms } from "./rooms.js";
import type { State } from "./states.js";
import { type Position, Subscriptions } from "./subscriptions.js";

/** Milliseconds to wait where a server asks to try again, but not when. */
export const RETRY_AFTER = 1_000;

/** Entries; what the protocol allows a join to ask for. */
export const LARGEST_CATCH_UP = 10_000;

/** What an application may give to `send`. */
export type AppCommand = Exclude<Command, Ping>;

/** What a client can be told to do otherwise. */
export interface Settings {
  /** The language of the server's sentences, and, on Node, of the reasons for no connection. */
  readonly locale: string;
  /**
   * The name is the one had last, by an earlier client: where it has become another meanwhile, that
   * is told as `Renamed`. Otherwise it is a wish.
   */
  readonly returning: boolean;
  /** How many attempts in a row may fail before the client gives up; undefined: it never does. */
  readonly maxAttempts: number | undefined;
  /** Commands that may wait for the server. */
  readonly outbox: number;
  /**
   * Entries of a room that are asked for after a cut, 1 to 10,000. What is beyond is told as a gap.
   */
  readonly catchUp: number;
  /**
   * Entries of each private conversation that are asked for by a client that has seen none of it.
   */
  readonly privateReplay: number;
  /** What the machine itself says of a lost connection, in words. */
  readonly reasons: Reasons;
}

/** The settings of whoever gives none. */
export const DEFAULTS: Settings = {
  locale: "en",
  returning: false,
  maxAttempts: undefined,
  outbox: 1_000,
  catchUp: 1_000,
  privateReplay: 50,
  reasons: REASONS,
};

/** What a machine is made of. */
export interface MachineOptions {
  /** 128 random bits by which the server knows one again, kept by the shell. */
  readonly key?: string | undefined;
  /** Or a token, signed by whom the server trusts. */
  readonly token?: string | undefined;
  /** Answers a new random id (128 bits, at most 64 characters). */
  readonly newId: () => string;
  /** Answers numbers in [0, 1). */
  readonly chance: () => number;
  readonly settings?: Partial<Settings> | undefined;
}

/**
 * One client: what it is, where it stands in its rooms, what it still has to say.
 *
 * A key or a token is needed: without one, the server could not know what is sent again.
 */
export class Machine {
  readonly #newId: () => string;
  readonly #out = new Output();
  readonly #link: Link;
  readonly #requests: Requests;
  readonly #subscriptions: Subscriptions;

  /**
   * @throws RangeError - There is neither a key nor a token, or a setting cannot be.
   */
  constructor(username: string, options: MachineOptions) {
    const { key, token, newId, chance, settings } = options;
    const given = { ...DEFAULTS, ...settings };
    const { locale, maxAttempts, outbox, catchUp, privateReplay, reasons } = given;
    if (key === undefined && token === undefined) {
      throw new RangeError("a client needs a key or a token");
    }
    if (!(catchUp >= 1 && catchUp <= LARGEST_CATCH_UP)) {
      throw new RangeError(`catchUp must be 1 to ${LARGEST_CATCH_UP}`);
    }
    this.#newId = newId;
    const sources = { newId, chance };
    this.#link = new Link(
      username,
      { key, token, locale },
      maxAttempts,
      sources,
      this.#out,
      reasons,
    );
    this.#link.returning = settings?.returning ?? DEFAULTS.returning;
    this.#requests = new Requests(outbox, this.#out);
    const rooms = new Rooms(catchUp, privateReplay);
    this.#subscriptions = new Subscriptions(rooms, this.#requests, newId, this.#out);
  }

  // What comes out.

  /** What the application is to be told, in this order; each is answered once. */
  events(): Event[] {
    return this.#out.takeEvents();
  }

  /** The text messages to be written, in this order, as JSON; each is answered once. */
  framesToSend(): string[] {
    return this.#out.takeFrames();
  }

  /** When `tick` is to be called, at the latest; undefined: not before something else happens. */
  deadline(): number | undefined {
    const times = [this.#link.deadline()];
    const link = this.#greeted();
    if (link !== undefined) times.push(this.#subscriptions.deadline(), this.#nextCommandAt(link));
    return earliest(times);
  }

  /** Where the client is in its life. */
  get state(): State {
    return this.#link.state;
  }

  /** Whether there is to be a connection, or an attempt to open one. */
  get wantsConnection(): boolean {
    return this.#link.wanted;
  }

  /** One's name, as the server writes it once it has said welcome. */
  get username(): string {
    return this.#link.username;
  }

  /** The server's last welcome: its limits among other things. */
  get welcome(): Welcome | undefined {
    return this.#link.welcome;
  }

  /** Whether there is a connection, but somebody else has the name: another may be taken. */
  get waitsForName(): boolean {
    return this.#link.waitsForName;
  }

  /** The last measured round trip; undefined while one is not connected. */
  get rttMs(): number | undefined {
    return this.state.state === "Connected" ? this.#link.rttMs : undefined;
  }

  /** How many commands wait for their answer. */
  get waiting(): number {
    return this.#requests.size;
  }

  /** How many are in a joined room, and the names of those who are known (all, up to 200). */
  members(room: string): RoomMembers {
    return this.#subscriptions.members(room);
  }

  /**
   * The epoch and the cursor of what was shown of a room: a `join` with them goes on there, in
   * another client, too.
   */
  position(room: string): Position {
    return this.#subscriptions.position(room);
  }

  /** Who else is typing in a room, the first to begin first. */
  typing(room: string): string[] {
    return this.#subscriptions.typing(room);
  }

  // What goes in: the connection.

  /** A connection has been opened. The server's v1 profile must have been agreed upon. */
  connected(now: number): void {
    this.#link.opened(now);
  }

  /**
   * The connection was closed, was lost, or could not be opened.
   *
   * `code` is the close frame's, 1005 where it named none, 1006 where there was none. A connection
   * that the shell has closed because the machine wanted none need not be told.
   */
  disconnected(now: number, code: number, reason = ""): void {
    if (!this.wantsConnection) return;
    this.#link.lost(now, code, reason);
    this.#cut();
  }

  /** A text message came. */
  receive(text: string, now: number): void {
    this.#link.heard(now);
    const frame = readFrame(text);
    if (frame !== undefined && this.#link.isOpen) this.#dispatch(frame, now);
    this.#pump(now);
  }

  /** The silence since the last message is not the server's: nobody has read. */
  heard(now: number): void {
    this.#link.heard(now);
  }

  /** Time has passed. */
  tick(now: number): void {
    const wasOpen = this.#link.isOpen;
    this.#link.tick(now);
    if (wasOpen && !this.#link.isOpen) this.#cut();
    this.#subscriptions.tick(this.#greeted(), now);
    this.#pump(now);
  }

  /**
   * The computer was asleep, or the network is another: whether there is still a connection is
   * found out at once, and an attempt that waits for its time is made now.
   */
  woke(now: number): void {
    this.#link.woke(now);
    this.tick(now);
  }

  // What goes in: the application.

  /**
   * Takes a command, and answers its id (its own, or a new one: one under which nothing waits for an
   * answer).
   *
   * A message or private message ends in one `Acked` or `SendFailed`; everything else but typing in
   * one `Answered` or `Failed`. They come with `events()`. A message to a room that is left in the
   * meantime may fail.
   *
   * @throws OutboxFull - Too much waits already; nothing was kept.
   * @throws InvalidCommand - It can never be sent, or not under this id.
   * @throws Ended - The client has.
   */
  send(command: AppCommand, now: number): string {
    if (this.state.state === "Closed") throw this.state.error;
    this.#check(command);
    const id = command.id || this.#newId();
    switch (command.type) {
      case "join":
        this.#subscriptions.join(command, id);
        break;
      case "leave":
        this.#subscriptions.leave(command.room, id, this.#greeted());
        break;
      case "typing":
        this.#subscriptions.type(command.room, command.isTyping, this.#greeted(), now);
        break;
      case "message":
        this.#requests.add(id, `room:${this.#subscriptions.resolve(command.room)}`, command);
        this.#subscriptions.stopTyping(command.room);
        break;
      case "private":
        this.#requests.add(id, `to:${command.to}`, command);
        break;
      case "history":
      case "members":
      case "rooms":
      case "trace":
        this.#requests.add(id, "ask:", command);
        break;
      case "hello":
        this.#requests.add(id, RENAMES, this.#link.rename(id, command.username));
        break;
      default:
        command satisfies never;
    }
    this.#pump(now);
    return id;
  }

  #check(command: AppCommand): void {
    if (!isText(command)) {
      throw new InvalidCommand(ErrorCode.INVALID, "a lone surrogate is no text");
    }
    const { id } = command;
    if (id && (this.#requests.isWaiting(id) || this.#subscriptions.isWaiting(id))) {
      throw new InvalidCommand(ErrorCode.ID_REUSED, "what was given under this id still waits");
    }
  }

  /**
   * Takes a command back: the application is no longer interested in its answer.
   *
   * Answers whether it surely has no effect. A message that the server may have taken is not taken
   * back, and its `Acked` or `SendFailed` still comes.
   */
  withdraw(id: string): boolean {
    return this.#requests.withdraw(id);
  }

  /**
   * Ends the client. What waits for an answer fails.
   *
   * The shell closes the connection with 1000, which the server takes for a goodbye.
   */
  close(): void {
    if (this.state.state === "Closed") return;
    this.#link.end(new Ended("the application has ended the client"));
    this.#cut();
  }

  // What goes out.

  /** The connection, if one may speak on it. */
  #greeted(): Greeted | undefined {
    const { connection } = this.#link;
    return connection.kind === "greeted" ? connection : undefined;
  }

  /** Sends what may be sent now: joins first, then what waits. */
  #pump(now: number): void {
    const link = this.#greeted();
    if (link !== undefined) {
      this.#subscriptions.sendJoins(link, now);
      this.#requests.send(link, this.#subscriptions.maySend, now);
    } else if (this.#link.waitsForName && this.welcome !== undefined) {
      const hello = this.#requests.takeRename(this.welcome.limits.frame, now);
      if (hello !== undefined) this.#link.takeOther(hello, now);
    }
  }

  /** When something may go out that cannot now, for its own sake or the pacer's. */
  #nextCommandAt(link: Greeted): number | undefined {
    const { maySend } = this.#subscriptions;
    const readyAt = earliest([this.#subscriptions.nextJoinAt(), this.#requests.deadline(maySend)]);
    return readyAt === undefined ? undefined : Math.max(readyAt, link.pacer.readyAt());
  }

  /** Forgets what belonged to a connection; at the end, everything. */
  #cut(): void {
    this.#requests.cut();
    this.#subscriptions.cut();
    if (this.state.state === "Closed") {
      this.#requests.end(this.state.error);
      this.#subscriptions.end(this.state.error);
    }
  }

  // What comes in.

  #dispatch(frame: ServerFrame | Unknown, now: number): void {
    if ("event" in frame) {
      this.#subscriptions.entry(frame);
      return;
    }
    switch (frame.type) {
      case "message":
      case "private":
        this.#subscriptions.entry(frame);
        break;
      case "typing":
        if (frame.username !== this.username) this.#subscriptions.typed(frame, now);
        break;
      case "presence":
        this.#subscriptions.presence(frame);
        break;
      case "notice":
        this.#out.tell(frame);
        break;
      case "ack":
        this.#requests.acked(frame);
        break;
      case "error":
        this.#refused(frame, now);
        break;
      case "welcome":
        this.#welcomed(frame, now);
        break;
      case "joined":
        this.#subscriptions.joined(frame);
        break;
      case "left":
        this.#requests.answered(frame.id, frame);
        this.#subscriptions.left(frame.room);
        break;
      case "members":
      case "tracing":
        this.#requests.answered(frame.id, frame);
        break;
      case "history":
        this.#requests.answered(frame.id, readHistory(frame));
        break;
      case "rooms":
        if (this.#requests.answered(frame.id, frame)?.own) this.#subscriptions.listed(frame);
        break;
      case "pong":
        this.#link.pong(frame, now);
        break;
      case "traced":
        break; // for whoever taps the wire
      default:
        frame satisfies never;
    }
  }

  #welcomed(welcome: Welcome, now: number): void {
    if (this.#link.welcomed(welcome, now)) {
      this.#requests.answered(welcome.id, welcome); // who took another name asked for it
      this.#subscriptions.listConversations();
    } else if (this.#greeted() !== undefined) {
      // It answers a rename, or tells of one by another connection of the same identity. That of a
      // rename which was withdrawn counts, too: the server has carried it out.
      this.#link.knownAs(welcome);
      this.#requests.answered(welcome.id, welcome);
    }
  }

  #refused(frame: ErrorFrame, now: number): void {
    const { id, code, message, field, retryAfter } = frame;
    const error = refusal(code, message, { field, retryAfter });
    const againAt = againAtOf(frame, now);
    if (id === undefined) {
      this.#out.tell({ event: "ServerError", error });
    } else if (this.#link.helloRefused(id, error, againAt)) {
      if (!this.wantsConnection) this.#cut();
    } else if (!this.#requests.refused(id, error, againAt)) {
      this.#subscriptions.refused(id, error, againAt);
    }
  }
}

/** When a refused command may do better unchanged; undefined: never. */
function againAtOf({ code, retryAfter }: ErrorFrame, now: number): number | undefined {
  if (retryAfter !== undefined) return now + retryAfter;
  const later = code === ErrorCode.RATE_LIMITED || code === ErrorCode.UNAVAILABLE;
  return later ? now + RETRY_AFTER : undefined;
}
