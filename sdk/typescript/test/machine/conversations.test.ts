/** Plays the golden conversations of client libraries with this one. */

import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import {
  type AppCommand,
  ClientError,
  type Event,
  Machine,
  type Settings,
} from "../../src/machine/index.js";
import { type Json, type JsonObject, Variables } from "../support/patterns.js";

const FOLDER = new URL("../../../../protocol/conversations/client/", import.meta.url);
const FILES = readdirSync(FOLDER)
  .filter((name) => name.endsWith(".json"))
  .sort();
const KEY = "k".repeat(22);
/** What a file passes over that measures a new connection. */
const FIRST_PING = "the first ping";

const WELCOME: JsonObject = {
  type: "welcome",
  username: "Alice",
  kept: true,
  server: "causerie/0",
  time: 1_000_000,
  heartbeat: 25_000,
  grace: 15_000,
};
const LIMITS: JsonObject = {
  frame: 65_536,
  reply: 262_144,
  content: 4_000,
  rooms: 100,
  rate: 0,
  burst: 0,
  dedupe: null,
  page: 100,
};

/** One conversation. */
interface Conversation {
  readonly title: string;
  readonly about?: string;
  readonly steps: readonly JsonObject[];
  readonly chance?: number;
  readonly settings?: Partial<Settings>;
  readonly "passing over"?: readonly string[];
}

const FIELDS = new Set(["title", "about", "steps", "chance", "settings", "passing over"]);
const SETTINGS = new Set([
  "locale",
  "returning",
  "maxAttempts",
  "outbox",
  "catchUp",
  "privateReplay",
]);

/** The steps that do something; before each of them all that was said must have been looked at. */
const DRIVES = new Map<string, (play: Play, argument: Json, options: JsonObject) => void>([
  ["the application gives", (play, command, options) => play.give(command, options)],
  ["the application withdraws", (play, id) => play.withdraw(id)],
  ["the application closes", (play) => play.machine.close()],
  ["it connects", (play, fields, options) => play.connect(fields, options)],
  ["a connection is opened", (play) => play.open()],
  ["the connection is lost", (play, code, options) => play.lose(code, options)],
  ["the server sends", (play, frames) => play.receive(listed(frames))],
  ["time passes", (play, milliseconds) => play.wait(Number(milliseconds))],
  ["it wakes", (play) => play.machine.woke(play.now)],
]);

/** The steps that look at what was said. */
const LOOKS = new Map<string, (play: Play, argument: Json) => void>([
  ["it sends", (play, patterns) => play.expect(play.frames, listed(patterns))],
  ["it tells", (play, patterns) => play.expect(play.events, listed(patterns))],
  [
    "it wants a connection",
    (play, wanted) => expect(play.machine.wantsConnection, "it wants a connection").toBe(wanted),
  ],
]);

/** A conversation that is being played. */
class Play {
  now = 0;
  frames: JsonObject[] = [];
  events: JsonObject[] = [];
  readonly machine: Machine;
  readonly #variables: Variables;
  readonly #passingOver: readonly string[];
  /** The first ping of this connection has been sent. */
  #measured = false;

  constructor(file: Conversation) {
    const { chance = 0.5, settings = {} } = file;
    let ids = 0;
    const newId = () => {
      ids += 1;
      return `made-up-${ids}`;
    };
    this.#passingOver = file["passing over"] ?? ["LatencyMeasured", FIRST_PING];
    this.#variables = new Variables(
      () => chance,
      () => 0,
      { key: KEY },
    );
    this.machine = new Machine("Alice", { key: KEY, newId, chance: () => chance, settings });
  }

  /** Plays one step. */
  step(step: JsonObject): void {
    const [[name, argument] = ["", null], ...others] = Object.entries(step);
    const drive = DRIVES.get(name);
    if (drive !== undefined) {
      this.over();
      drive(this, argument, Object.fromEntries(others));
      this.collect();
      return;
    }
    const look = LOOKS.get(name);
    if (look === undefined || others.length > 0) {
      throw new Error(`there is no step like ${JSON.stringify(step)}`);
    }
    look(this, argument);
  }

  /** Everything that was sent and told was expected. */
  over(): void {
    expect(this.frames, "these were sent too").toEqual([]);
    expect(this.events, "these were told too").toEqual([]);
  }

  /** These, and no others, have been sent or told, in this order. */
  expect(found: JsonObject[], patterns: readonly Json[]): void {
    expect(found, JSON.stringify(patterns)).toHaveLength(patterns.length);
    for (const [index, pattern] of patterns.entries()) {
      const value = found[index] ?? null;
      const difference = this.#variables.mismatch(pattern, value);
      expect(difference, JSON.stringify(value)).toBeUndefined();
    }
    found.length = 0;
  }

  /** Fetches what the machine has to say. */
  collect(): void {
    for (const text of this.machine.framesToSend()) {
      const frame = JSON.parse(text);
      const first = frame.type === "ping" && !this.#measured;
      this.#measured ||= first;
      if (first && this.#passingOver.includes(FIRST_PING)) {
        this.receive([{ type: "pong", id: frame.id, time: 0 }]);
      } else {
        this.frames.push(frame);
      }
    }
    const events = this.machine.events().map(asJson);
    this.events.push(...events.filter(({ event }) => !this.#passingOver.includes(String(event))));
  }

  give(command: Json, options: JsonObject): void {
    const { named, ...others } = options;
    expect(others).toEqual({});
    const given = this.#variables.fill(command) as JsonObject & AppCommand;
    expect(given.type, "pings are the client's own business").not.toBe("ping");
    const id = this.machine.send(given, this.now);
    if (named !== undefined) this.#variables.set(String(named).replace("$", ""), id);
  }

  withdraw(id: Json): void {
    this.machine.withdraw(String(this.#variables.fill(id)));
  }

  lose(code: Json, { reason }: JsonObject): void {
    this.machine.disconnected(this.now, Number(code), reason as string | undefined);
  }

  receive(frames: readonly Json[]): void {
    for (const frame of frames) {
      const text = typeof frame === "string" ? frame : JSON.stringify(this.#variables.fill(frame));
      this.machine.receive(text, this.now);
    }
  }

  wait(milliseconds: number): void {
    const until = this.now + milliseconds;
    for (;;) {
      const deadline = this.machine.deadline();
      if (deadline === undefined || deadline > until) break;
      this.now = Math.max(this.now, Math.round(deadline));
      this.machine.tick(Math.max(deadline, this.now));
      this.collect();
    }
    this.now = until;
  }

  open(): void {
    this.#measured = false;
    this.machine.connected(this.now);
  }

  /**
   * Opens a connection, as soon as the machine wants one, up to the answer to its question for
   * conversations; the change of state is passed over.
   */
  connect(fields: Json, { conversations = [] }: JsonObject): void {
    while (!this.machine.wantsConnection) {
      const deadline = this.machine.deadline();
      expect(deadline).toBeDefined();
      this.wait(Math.round(Number(deadline)) - this.now);
    }
    this.collect();
    this.open();
    const told = fields as JsonObject;
    const limits = { ...LIMITS, ...(told["limits"] as JsonObject | undefined) };
    this.#answer("hello", { ...WELCOME, ...told, limits });
    this.#answer("rooms", { type: "rooms", rooms: conversations });
    this.collect();
    this.events = this.events.filter(({ event }) => event !== "StateChanged");
  }

  /** Takes the frame of a kind out of those that are sent, and answers it. */
  #answer(kind: string, reply: JsonObject): void {
    this.collect();
    const asked = this.frames.filter(({ type }) => type === kind);
    expect(asked).toHaveLength(1);
    this.frames = this.frames.filter(({ type }) => type !== kind);
    this.receive([{ ...reply, id: asked[0]?.["id"] ?? null }]);
  }
}

function listed(oneOrMore: Json): readonly Json[] {
  return Array.isArray(oneOrMore) ? oneOrMore : [oneOrMore];
}

/** An event as the files write it: times on the client's clock are in seconds there. */
function asJson(event: Event): JsonObject {
  return JSON.parse(
    JSON.stringify(event, (name, value: unknown) => {
      if (value instanceof ClientError) {
        const { name: error, message } = value;
        return { ...value, message, error };
      }
      return name === "retryAt" || name === "since" ? Number(value) / 1000 : value;
    }),
  );
}

function read(name: string): Conversation {
  const file = JSON.parse(readFileSync(new URL(name, FOLDER), "utf8"));
  expect(Object.keys(file).filter((field) => !FIELDS.has(field))).toEqual([]);
  expect(Object.keys(file.settings ?? {}).filter((field) => !SETTINGS.has(field))).toEqual([]);
  return file;
}

describe("this client says and tells what the conversation does", () => {
  test.each(FILES)("%s", (name) => {
    const file = read(name);
    const play = new Play(file);
    for (const [index, step] of file.steps.entries()) {
      try {
        play.step(step);
      } catch (error) {
        throw new Error(`step ${index + 1}, ${JSON.stringify(step)}: ${error}`, { cause: error });
      }
    }
    play.over();
  });
});

test("there are enough of them and each has a title of its own", () => {
  const titles = FILES.map((name) => read(name).title);
  expect(titles.length).toBeGreaterThanOrEqual(20);
  expect(new Set(titles).size).toBe(titles.length);
});

test.each(FILES)("a conversation that expects anything else fails: %s", (name) => {
  const { steps, ...file } = read(name);
  const last = steps.map((step) => "it sends" in step || "it tells" in step).lastIndexOf(true);
  const play = new Play({ ...file, steps });
  for (const step of steps.slice(0, last)) play.step(step);
  expect(() => play.step({ "it tells": { event: "Nothing" } })).toThrow();
  expect(() => play.step({ "it sends": { type: "nothing" } })).toThrow();
  expect(() => play.step({ "time passes": 0 })).toThrow("too");
});

test("a step that is none fails", () => {
  const play = new Play({ title: "", steps: [] });
  expect(() => play.step({ "it sings": true })).toThrow("no step");
});
