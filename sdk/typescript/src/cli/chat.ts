/**
 * One person's chat: typed lines become commands, events become lines that are shown.
 *
 * Where the lines come from and where they are shown is somebody else's.
 *
 * @module
 */

import type { Client } from "../client.js";
import { ClientError, Ended, RecipientUnknown } from "../errors.js";
import type { Words } from "../language.js";
import type { History, Receipt } from "../machine/events.js";
import { helpLines, memberLines, roomLines, sharingAName } from "./answers.js";
import { type Command, parse } from "./commands.js";
import { type Line, line } from "./lines.js";
import { sanitiseName } from "./sanitise.js";
import type { View } from "./view.js";
import { excerpt, explainError, explainMistake, type Given } from "./wording.js";

/** Lines that may wait for the server at once; more are not read meanwhile. */
const UNDER_WAY = 256;

/** Entries of history that the protocol lets one ask for at once. */
const PAGE = 100;

/** Milliseconds in which what one has said should also be shown, before the chat ends. */
const SHOWN_WITHIN = 1_000;

/** Milliseconds after a cut in which others, who were cut off too, are expected back. */
const BACK_WITHIN = 10_000;

/** Milliseconds until something is said again to somebody who is not back yet. */
const SAID_AGAIN_AFTER = 500;

/** A line that was typed, or came through a pipe. */
export interface Typed {
  readonly text: string;
  /** Which line it is, from 1. */
  readonly number: number;
  /** Why it cannot even be read; empty, if it can. */
  readonly fault: string;
}

/** Where lines come from. */
export interface Source {
  /** Waits for the next line; undefined: there will be no more. */
  next(): Promise<Typed | undefined>;
  /** The lines that are there and have not been asked for. */
  readonly unread: number;
  /** Fulfilled when no more will be there than are now. */
  readonly ended: Promise<void>;
  /** No more lines are wanted than are there by now. */
  end(): void;
}

/** Where a chat is shown. */
export interface Surface {
  /** Shows lines below the ones before. */
  show(lines: readonly Line[]): void;
  /**
   * A line was not taken, and never will be. `content` is what of it was to be said, if it was a
   * message.
   */
  failed(typed: Typed, reason: string, content: string): void;
}

/** What one says and sees. `run` it with a client. */
export class Chat {
  readonly view: View;
  /** Messages that wait for the server, by the number of their line. */
  readonly waiting = new Map<number, string>();
  /** Lines that were not taken. */
  refused = 0;
  /** One has said so, and what comes after it is not to be said. */
  hasQuit = false;
  readonly #surface: Surface;
  readonly #room: string;
  readonly #earlier: number;
  readonly #tasks = new Set<Promise<void>>();
  #backBy = Number.NEGATIVE_INFINITY;
  /** Of each room, the seq of what one said last, and of what was shown last. */
  readonly #said = new Map<string, number>();
  readonly #shown = new Map<string, number>();
  #moved: () => void = () => {};
  #timer: ReturnType<typeof setTimeout> | undefined;

  /**
   * @param room - Where one begins.
   * @param earlier - How many of a room's messages are shown to whoever comes.
   */
  constructor(view: View, surface: Surface, room: string, earlier: number) {
    this.view = view;
    this.#surface = surface;
    this.#room = room;
    this.#earlier = earlier;
  }

  /**
   * Says what comes, and shows what happens, until the lines end and all is delivered, or the client
   * is closed. What `waiting` holds then was not delivered. It can be run again with another client
   * if one was never connected.
   *
   * @throws `Ended` when the client ended by itself.
   * @throws `CommandRefused` when one may not be in the room one was to begin in.
   */
  async run(client: Client, lines: Source): Promise<void> {
    this.#surface.show(this.view.show({ event: "StateChanged", state: client.state }, now()));
    const follow = this.#follow(client);
    const work = this.#work(client, lines);
    work.catch(() => undefined); // it is awaited, unless the client ends before
    try {
      await Promise.race([follow, work]);
    } finally {
      clearTimeout(this.#timer);
    }
  }

  // Events.

  async #follow(client: Client): Promise<void> {
    for await (const event of client) {
      if ("event" in event && event.event === "StateChanged") {
        if (event.state.state === "Connected" && client.welcome !== undefined) {
          if (this.view.beganAt !== undefined) this.#backBy = now() + BACK_WITHIN;
          this.#surface.show(this.view.welcomed(client.welcome));
        }
      }
      this.#surface.show(this.view.show(event, now()));
      if ("seq" in event) {
        this.#shown.set(event.room, event.seq);
        this.#moved();
      }
      this.#arm();
    }
  }

  #arm(): void {
    clearTimeout(this.#timer);
    const deadline = this.view.deadline();
    if (deadline === undefined) return;
    const tick = () => {
      this.#surface.show(this.view.tick(now()));
      this.#arm();
    };
    this.#timer = setTimeout(tick, Math.max(0, Math.ceil(deadline - now())));
  }

  // Lines.

  async #work(client: Client, lines: Source): Promise<void> {
    await this.#join(client, this.#room);
    while (!this.hasQuit) {
      const typed = await lines.next();
      if (typed === undefined) break;
      await this.#do(client, typed);
    }
    await this.#settled();
    await this.#allShown();
  }

  /** Does what a line says. */
  async #do(client: Client, typed: Typed): Promise<void> {
    const { words, current } = this.view;
    if (typed.fault !== "") {
      this.#fail(typed, typed.fault);
      return;
    }
    const command = parse(typed.text);
    switch (command.does) {
      case "nothing":
        break;
      case "say":
        if (current === undefined) {
          this.#fail(typed, words.say("no-room-to-speak"), command.text);
        } else {
          const given = { room: current, content: command.text };
          await this.#say(client, typed, () => client.send(command.text, current), given);
        }
        break;
      case "tell": {
        const given = { to: command.to, content: command.text };
        await this.#say(client, typed, () => client.private(command.to, command.text), given);
        break;
      }
      case "join": {
        const { room } = command;
        await this.#attempt(client, typed, () => this.#join(client, room), { room });
        break;
      }
      case "leave":
      case "who":
      case "history":
        await this.#doInRoom(client, typed, command);
        break;
      case "rooms":
        this.#start(this.#attempt(client, typed, () => this.#listRooms(client)));
        break;
      case "name": {
        const { name } = command;
        await this.#attempt(client, typed, () => client.rename(name), { username: name });
        break;
      }
      case "help":
        this.#surface.show(helpLines(words));
        break;
      case "quit":
        this.hasQuit = true;
        break;
      case "unknown":
      case "misused":
        this.#fail(typed, explainMistake(words, command));
        break;
    }
  }

  /** Does what concerns a room that one is in: the one named, or the current one. */
  async #doInRoom(
    client: Client,
    typed: Typed,
    command: Extract<Command, { readonly does: "leave" | "who" | "history" }>,
  ): Promise<void> {
    const { words } = this.view;
    let room = this.view.current;
    let complaint = words.say("no-room");
    if (command.does === "leave" && command.room !== undefined) {
      const folded = command.room.toLowerCase();
      room = this.view.rooms.find((one) => one.toLowerCase() === folded);
      complaint = words.say("not-there", { room: sanitiseName(command.room) });
    }
    if (room === undefined) {
      this.#fail(typed, complaint);
      return;
    }
    const here = room;
    if (command.does === "leave") {
      await this.#attempt(client, typed, () => this.#leave(client, here));
    } else if (command.does === "who") {
      this.#start(this.#attempt(client, typed, () => this.#who(client, here)));
    } else {
      const { count } = command;
      this.#start(this.#attempt(client, typed, () => this.#history(client, here, count)));
    }
  }

  /** Begins to say something, as soon as less than so much is under way. */
  async #say(
    client: Client,
    typed: Typed,
    say: () => Promise<Receipt>,
    given: Given,
  ): Promise<void> {
    const content = given.content ?? "";
    const most = client.welcome?.limits.content;
    const length = Array.from(content).length;
    if (most !== undefined && length > most) {
      this.#fail(typed, this.view.words.say("too-long", { length, most }), content);
      return;
    }
    this.waiting.set(typed.number, typed.text);
    while (this.#tasks.size >= UNDER_WAY) await Promise.race(this.#tasks);
    this.#start(this.#deliver(typed, say, given));
  }

  async #deliver(typed: Typed, say: () => Promise<Receipt>, given: Given): Promise<void> {
    try {
      const receipt = await this.#sayPatiently(say);
      this.waiting.delete(typed.number);
      const said = this.#said.get(receipt.room) ?? 0;
      this.#said.set(receipt.room, Math.max(receipt.seq, said));
    } catch (error) {
      if (error instanceof Ended) return; // it stays among those that wait; `run` tells
      this.waiting.delete(typed.number);
      this.#fail(typed, explainError(this.view.words, error, given), given.content ?? "");
    }
  }

  /**
   * Says something; to somebody who was perhaps cut off like oneself, and comes back a moment later,
   * once more.
   */
  async #sayPatiently(say: () => Promise<Receipt>): Promise<Receipt> {
    for (;;) {
      try {
        return await say();
      } catch (error) {
        // It was refused, and so is in no log: said again, it is said once.
        if (!(error instanceof RecipientUnknown) || now() > this.#backBy) throw error;
        await new Promise((resolve) => setTimeout(resolve, SAID_AGAIN_AFTER));
      }
    }
  }

  #start(doing: Promise<void>): void {
    const task = doing.finally(() => this.#tasks.delete(task));
    this.#tasks.add(task);
  }

  /** Waits until all that was started has ended. */
  async #settled(): Promise<void> {
    while (this.#tasks.size > 0) await Promise.all(this.#tasks);
  }

  /** Carries out a command, and says so if it has to wait or is refused. */
  async #attempt(
    client: Client,
    typed: Typed,
    doing: () => Promise<unknown>,
    given: Given = {},
  ): Promise<void> {
    const { words } = this.view;
    if (this.view.beganAt !== undefined && client.state.state !== "Connected") {
      const later = words.say("goes-out-later", { command: excerpt(typed.text) });
      this.#surface.show([line(later, "waiting")]);
    }
    try {
      await doing();
    } catch (error) {
      if (error instanceof Ended) return; // `run` tells
      if (!(error instanceof ClientError)) throw error;
      this.#fail(typed, words.say("refused", { reason: explainError(words, error, given) }));
    }
  }

  #fail(typed: Typed, reason: string, content = ""): void {
    this.refused += 1;
    this.#surface.failed(typed, reason, content);
  }

  /** Waits a moment until what one said is also shown; it is durable all the same. */
  async #allShown(): Promise<void> {
    const late = new Promise<"late">((resolve) => setTimeout(() => resolve("late"), SHOWN_WITHIN));
    const isShown = () =>
      [...this.#said].every(([room, seq]) => (this.#shown.get(room) ?? 0) >= seq);
    while (!isShown()) {
      const moved = new Promise<void>((resolve) => {
        this.#moved = resolve;
      });
      if ((await Promise.race([moved, late])) === "late") return;
    }
  }

  // Commands.

  async #join(client: Client, room: string): Promise<void> {
    const rooms = this.view.rooms;
    const joined = await client.join(room, { limit: this.#earlier });
    this.view.current = joined.room;
    if (rooms.includes(joined.room)) this.#surface.show([this.view.whereto()]);
  }

  async #leave(client: Client, room: string): Promise<void> {
    await this.#settled(); // what was said there before is to arrive there
    await client.leave(room);
    this.#surface.show(this.view.left(room));
  }

  async #who(client: Client, room: string): Promise<void> {
    const names = await client.members(room);
    this.#surface.show(memberLines(this.view.words, room, names));
  }

  async #listRooms(client: Client): Promise<void> {
    const rooms = await client.rooms();
    const talkedAt = new Map<string, number>();
    for (const { room } of sharingAName(rooms)) {
      const page = await client.history(room, { limit: 1 });
      talkedAt.set(room, page.entries.at(-1)?.timestamp ?? 0);
    }
    this.#surface.show(roomLines(this.view.words, rooms, this.view.current, talkedAt));
  }

  async #history(client: Client, room: string, count: number): Promise<void> {
    const pages: History[] = [];
    let before: number | undefined;
    for (let left = count; left > 0; ) {
      const limit = Math.min(left, PAGE);
      const page = await client.history(room, before === undefined ? { limit } : { before, limit });
      pages.unshift(page);
      const [first] = page.entries;
      if (!page.more || first === undefined) break;
      before = first.seq;
      left -= page.entries.length;
    }
    this.#surface.show(this.view.history(pages));
  }
}

/** The line that tells whoever typed something why it was not taken. */
export function refusalLine(words: Words, reason: string, content: string): Line {
  const text = content === "" ? reason : words.say("not-sent", { text: excerpt(content), reason });
  return line(text, "bad");
}

function now(): number {
  return performance.now();
}
