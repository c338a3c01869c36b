/**
 * The terminal client: one run of the program, from the first attempt to connect to the last
 * sentence.
 *
 * @module
 */

import { type Client, connect } from "../client.js";
import { ClientError, HelloRefused } from "../errors.js";
import { ErrorCode } from "../generated/codes.js";
import { findOrMakeKey, newKey } from "../keys.js";
import { type Language, Words } from "../language.js";
import { FileStorage } from "../storage/files.js";
import { Chat, type Source } from "./chat.js";
import { parse } from "./commands.js";
import { line } from "./lines.js";
import { Prompt } from "./prompt.js";
import { LineReader, LONGEST_LINE } from "./reader.js";
import { sanitiseName } from "./sanitise.js";
import { Transcript } from "./transcript.js";
import { View } from "./view.js";
import { explainError } from "./wording.js";

/**
 * Messages of a room that are shown to a person who comes. A program has something to say: what was
 * said before does not concern it.
 */
const EARLIER = 20;

/** Random names, where others have had the same. */
const NAMES_TRIED = 8;

/** Milliseconds after which whoever has ended the chat is told what is still awaited. */
const PATIENCE = 500;

/** Milliseconds to deliver what is under way when nobody reads the output any more. */
const RUSH = 10_000;

/** Milliseconds to count what comes through a pipe and can be delivered no more. */
const COUNTED_WITHIN = 1_000;

/** What the command line says. */
export interface Options {
  /** Undefined: a random one. */
  readonly username: string | undefined;
  /** As `websocketUrl` makes it. */
  readonly url: string;
  readonly room: string;
  readonly maxAttempts: number | undefined;
  readonly plain: boolean;
  readonly language: Language;
  readonly colour: boolean;
}

/**
 * Chats until the lines end or the chat does; returns the exit code.
 *
 * 0: all that was to be said was delivered. 1: something was not, or one was not let in; a sentence
 * on the standard error says what.
 */
export async function chat(options: Options): Promise<number> {
  const session = new Session(options);
  const error = await session.run();
  return session.conclude(error);
}

class Session {
  readonly #options: Options;
  readonly #words: Words;
  readonly #transcript: Transcript;
  readonly #source: Source;
  readonly #chat: Chat;
  readonly #earlier: number;
  readonly #isPerson = process.stdin.isTTY === true;
  readonly #interrupted: Promise<void>;
  #wasInterrupted = false;
  #isOver = false;
  #client: Client | undefined;

  constructor(options: Options) {
    this.#options = options;
    this.#words = new Words(options.language);
    let interrupt = () => {};
    this.#interrupted = new Promise((resolve) => {
      interrupt = () => {
        this.#wasInterrupted = true;
        resolve();
      };
    });
    onSignals(() => interrupt());
    this.#transcript = new Transcript(this.#words, process.stdout, process.stderr, {
      colour: options.colour,
      fromProgram: !this.#isPerson,
    });
    this.#earlier = this.#isPerson ? EARLIER : 0;
    const view = new View(
      this.#words,
      options.username ?? "",
      Date.now(),
      this.#earlier,
      options.maxAttempts,
    );
    this.#chat = new Chat(view, this.#transcript, options.room, this.#earlier);
    if (this.#isPerson && process.stdout.isTTY && !options.plain && !isDumb()) {
      const prompt = new Prompt({
        names: () => (view.current && this.#client?.present(view.current).names) || [],
        rooms: () => view.rooms,
        typing: (text) => this.#typing(text),
        interrupted: () => interrupt(),
      });
      this.#transcript.footer = prompt;
      this.#source = prompt;
    } else {
      const endless = this.#words.say("line-endless", { most: LONGEST_LINE });
      this.#source = new LineReader(process.stdin, endless);
    }
  }

  /** Chats, until there is no more to say or to hear; returns what ended it, if it was an error. */
  async run(): Promise<unknown> {
    const talk = this.#talk().then(
      () => undefined,
      (error: unknown) => error ?? new Error("the chat has ended"),
    );
    const { closed } = this.#transcript;
    // A program has ended its lines long before they are delivered.
    const stops = [
      talk,
      this.#interrupted,
      closed,
      ...(this.#isPerson ? [this.#source.ended] : []),
    ];
    await Promise.race(stops);
    let isClosed = false;
    void closed.then(() => {
      isClosed = true;
    });
    await Promise.resolve();
    if (isClosed) this.#source.end();
    if (!this.#wasInterrupted) await this.#linger(talk, isClosed ? RUSH : undefined);
    const error = await Promise.race([talk, Promise.resolve()]);
    this.#isOver = true;
    await this.#client?.close();
    return error;
  }

  /** Says what there is to say in the end; returns the exit code. */
  async conclude(error: unknown): Promise<number> {
    if (error !== undefined && !(error instanceof ClientError)) throw error;
    const words = this.#words;
    const { view } = this.#chat;
    const [rest, isAll] = error === undefined ? [0, true] : await this.#countRest();
    let unsaid = this.#chat.hasQuit ? rest : rest + this.#source.unread;
    let unconfirmed = this.#chat.waiting.size;
    if (view.beganAt === undefined) {
      unsaid += unconfirmed; // it was never sent
      unconfirmed = 0;
    }
    // A person has been told, and could do something about it.
    if (!this.#isPerson) unsaid += this.#chat.refused;
    const given = { username: view.username, room: this.#options.room };
    const sentences = error === undefined ? [] : [explainError(words, error, given)];
    if (unsaid > 0) {
      sentences.push(words.say(isAll ? "undelivered" : "undelivered-at-least", { count: unsaid }));
    }
    if (unconfirmed > 0) sentences.push(words.say("unconfirmed", { count: unconfirmed }));
    this.#source.end();
    this.#transcript.footer = undefined;
    if (error === undefined && (this.#isPerson || this.#wasInterrupted)) {
      const name = sanitiseName(view.username);
      this.#transcript.show([line(words.say("goodbye", { name }), "news")]);
    }
    for (const sentence of sentences) this.#transcript.complain(sentence);
    await this.#transcript.flushed();
    return sentences.length > 0 ? 1 : 0;
  }

  /** Chats under one's name, or under a random one that nobody else has. */
  async #talk(): Promise<void> {
    const own = this.#options.username;
    const names = own === undefined ? randomNames() : [own];
    for (const [place, name] of names.entries()) {
      this.#chat.view.username = name;
      const { url, maxAttempts } = this.#options;
      const client = await connect(url, name, {
        // A random name is for once, and so is what holds it.
        key: own === undefined ? newKey() : await this.#key(name),
        locale: this.#words.language,
        privateReplay: this.#earlier,
        wait: false,
        ...(maxAttempts === undefined ? {} : { maxAttempts }),
      });
      this.#client = client;
      if (this.#isOver) {
        await client.close();
        return;
      }
      try {
        await this.#chat.run(client, this.#source);
        await client.close();
        return;
      } catch (error) {
        await client.close();
        const isTaken =
          error instanceof HelloRefused && error.refusal.code === ErrorCode.NAME_TAKEN;
        if (!isTaken || place === names.length - 1) throw error;
      }
    }
  }

  async #key(name: string): Promise<string> {
    try {
      return await findOrMakeKey(new FileStorage().keys, this.#options.url, name);
    } catch (error) {
      if (error instanceof ClientError) throw error;
      const reason = explainError(this.#words, error);
      this.#transcript.show([line(this.#words.say("key-not-kept", { reason }), "bad")]);
      return newKey();
    }
  }

  #typing(text: string): void {
    const room = this.#chat.view.current;
    const { client } = { client: this.#client };
    if (room !== undefined && client !== undefined && client.state.state !== "Closed") {
      client.typing(room, parse(text).does === "say");
    }
  }

  /** Nobody says or hears more: waits for what is under way to be delivered. */
  async #linger(talk: Promise<unknown>, most: number | undefined): Promise<void> {
    const ends = [talk, this.#interrupted];
    if (await within(PATIENCE, ends)) return;
    const count = this.#chat.waiting.size + this.#source.unread;
    if (count === 0) return;
    this.#transcript.show([line(this.#words.say("delivering", { count }), "waiting")]);
    if (most === undefined) {
      await Promise.race(ends);
    } else {
      await within(most, ends);
    }
  }

  /** Counts the lines that are still to come; answers whether these are all. */
  async #countRest(): Promise<[number, boolean]> {
    if (this.#isPerson) return [0, true];
    let count = 0;
    const counting = (async () => {
      for (;;) {
        const typed = await this.#source.next();
        if (typed === undefined) return;
        if (parse(typed.text).does !== "nothing") count += 1;
      }
    })();
    const isAll = await within(COUNTED_WITHIN, [counting]);
    return [count, isAll];
  }
}

/** Waits so many milliseconds for the first of some promises; answers whether it came. */
async function within(most: number, promises: readonly Promise<unknown>[]): Promise<boolean> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), most);
  });
  const came = Promise.race(promises).then(() => true);
  const isThere = await Promise.race([came, late]);
  clearTimeout(timer);
  return isThere;
}

/** Names nobody is likely to have, the first ones short. */
function randomNames(): string[] {
  return Array.from({ length: NAMES_TRIED }, (_, attempt) => {
    const least = attempt < NAMES_TRIED / 2 ? 100 : 100_000;
    return `User${least + Math.floor(Math.random() * least * 9)}`;
  });
}

/** Whether the terminal says of itself that it can do no more than a printer. */
function isDumb(): boolean {
  const { TERM = "" } = process.env;
  return ["dumb", "unknown"].includes(TERM.toLowerCase());
}

/** Has `call` called when the program is asked to end; once more, and it ends. */
function onSignals(call: () => void): void {
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(name, call);
}
