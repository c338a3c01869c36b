/**
 * The client: what a program can see and do of its place in a chat.
 *
 * The machine decides all that there is to decide, the shell runs it; here each wish of a program
 * becomes a command, and its answer a value or an error.
 *
 * @module
 */

import { platform } from "#platform";
import { DEFAULT_URL, websocketUrl } from "./address.js";
import { Audience, call, type Listener } from "./audience.js";
import { Ended } from "./errors.js";
import type {
  Cursor,
  GetHistory,
  Join,
  Joined,
  Members,
  MembersPage,
  RoomSummary,
  Rooms,
  RoomsPage,
  Tracing,
  Welcome,
} from "./generated/frames.js";
import { newId } from "./ids.js";
import { findOrMakeKey, newKey } from "./keys.js";
import type { RoomMembers } from "./machine/company.js";
import { DEFAULTS, Machine, type Settings } from "./machine/core.js";
import type { Event, History, PresenceChanged } from "./machine/events.js";
import type { State } from "./machine/states.js";
import type { Position } from "./machine/subscriptions.js";
import { Said } from "./said.js";
import type { ClientEvent, Delivery, EventName, EventNamed } from "./sending.js";
import { Shell } from "./shell.js";
import type { Saying, Storage, StoredOutbox } from "./storage/storage.js";
import type { OpenTransport } from "./transport/transport.js";
import { type WebSocketClass, webSocketOpener } from "./transport/websocket.js";
import type { WireEvent } from "./wire-tap.js";

/** Events that may wait for a reader. */
const QUEUE = 8_000;

/** What `connect` can be told. */
export interface ConnectOptions extends Partial<Settings> {
  /**
   * What holds the name; without one (and without a token) it comes from `storage`, and is made
   * there the first time.
   */
  readonly key?: string;
  /** Says who one is, where a server asks for tokens. */
  readonly token?: string;
  /**
   * Where keys are kept, and what was said and is not acked yet. In a browser its IndexedDB; on
   * Node keys are in the files of the Python client, and the rest is in memory.
   */
  readonly storage?: Storage;
  /** The class of WebSockets to use, if it is not to be the runtime's. */
  readonly webSocket?: WebSocketClass;
  /** Events that may wait for each reader; 8,000 unless told otherwise. More become gaps. */
  readonly queue?: number;
  /** Is told of all that goes over the wire, from the first attempt on; as `Client.tap`. */
  readonly tap?: Listener<WireEvent>;
  /**
   * Whether `connect` waits until one is connected; it does unless told otherwise. The first
   * attempts are repeated, too: see `maxAttempts`.
   */
  readonly wait?: boolean;
}

/** What `Client.join` can be told. */
export interface JoinOptions {
  /** How many of the room's newest entries to begin with, marked as replay. */
  readonly limit?: number;
  /** Where to go on instead, with `epoch`: what `position` said. */
  readonly since?: Cursor;
  /** See `since`. */
  readonly epoch?: string;
}

/** What `Client.history` can be told: the newest entries, those before a seq, or after one. */
export interface HistoryOptions {
  readonly before?: number;
  readonly after?: number;
  /** 1 to 100. */
  readonly limit?: number;
}

/** What can be told of a message. */
export interface SayOptions {
  /** The id of the entry that it answers. */
  readonly replyTo?: string;
}

/** What only `connect` tells a client. */
interface Parts extends ConnectOptions {
  /** Keeps one's key under a name that one has now. */
  readonly keepName: (username: string) => Promise<void>;
}

/**
 * Connects to a server, and stays connected, through any number of cuts, until the client is closed.
 *
 * @param url - Where the server is: `ws://host:port`, `https://host`, `host:port` …
 * @param username - The name one wants.
 * @throws `InvalidAddress` when the url is none, `NoWebSocket` when this runtime has none.
 * @throws `HelloRefused`, `EndedByServer`, `GaveUp` when one is not connected and never will be.
 */
export async function connect(
  url: string = DEFAULT_URL,
  username = "",
  options: ConnectOptions = {},
): Promise<Client> {
  const { token, wait = true } = options;
  const address = websocketUrl(url);
  const storage = options.storage ?? platform.storage();
  const WebSocket = options.webSocket ?? (await platform.webSocket());
  const explainer = platform.explainer(options.locale ?? DEFAULTS.locale);
  const open = webSocketOpener(WebSocket, explainer?.explain);
  const found = options.key === undefined && token === undefined;
  const key = found ? await keyFor(storage, address, username) : options.key;
  const machine = new Machine(username, {
    key,
    token,
    newId,
    chance: Math.random,
    settings: settingsOf({ ...explainer, ...options }),
  });
  const identity = key === undefined ? `token ${username}` : `key ${key}`;
  const outbox = await openOutbox(storage, `${address} ${identity}`);
  const client = new Client(address, machine, open, outbox, {
    ...options,
    // A key that the application brought is the application's to keep.
    keepName: async (name) => (found && key ? keepName(storage, address, name, key) : undefined),
  });
  if (wait) {
    try {
      await client.connected();
    } catch (error) {
      await client.close();
      throw error;
    }
  }
  return client;
}

/**
 * One person's connection to a server, kept up for as long as it is wanted. Made by `connect`.
 *
 * What is asked of it while there is no connection waits for the next one; all is refused with
 * `Ended` when there will be none.
 *
 * As an asynchronous iterable it yields the events; several may read them, each gets all from when
 * it begins, and the first also what was told before anybody read or listened. The iteration ends
 * when the application closes the client, and throws `Ended` when it ends otherwise.
 */
export class Client implements AsyncIterable<ClientEvent> {
  readonly #machine: Machine;
  readonly #shell: Shell;
  readonly #said: Said;
  readonly #audience: Audience;
  readonly #keepName: (username: string) => Promise<void>;
  readonly #taps = new Set<Listener<WireEvent>>();
  /** How far the server's clock is ahead of ours. */
  #serverAhead = 0;

  /** @internal Use `connect`. */
  constructor(
    url: string,
    machine: Machine,
    open: OpenTransport,
    outbox: StoredOutbox | undefined,
    { queue = QUEUE, tap, keepName }: Parts,
  ) {
    this.#machine = machine;
    this.#keepName = keepName;
    this.#audience = new Audience(queue, (room) => this.#snapshotOf(room));
    this.#shell = new Shell(url, machine, open, {
      told: (event) => this.#told(event),
      tapped: (event) => this.#tapped(event),
    });
    this.#said = new Said(machine, this.#shell, outbox, (event) => this.#audience.tell(event));
    if (tap !== undefined) {
      this.tap(tap);
    }
    this.#shell.start();
    this.#said.begin();
  }

  // What one can see.

  /** Where the client is in its life: `Connecting`, `Connected`, and so on. */
  get state(): State {
    return this.#machine.state;
  }

  /** Milliseconds of the last measured round trip; undefined while one is not connected. */
  get rttMs(): number | undefined {
    return this.#machine.rttMs;
  }

  /** Milliseconds until the next attempt; undefined where none waits for its time. */
  get retryIn(): number | undefined {
    const { state } = this.#machine;
    return state.state === "Disconnected"
      ? Math.max(0, state.retryAt - this.#shell.now())
      : undefined;
  }

  /** One's name, as the server writes it. */
  get username(): string {
    return this.#machine.username;
  }

  /**
   * Whether there is a connection, but somebody else has the name: who comes back waits for it, or
   * takes another (`rename`).
   */
  get waitsForName(): boolean {
    return this.#machine.waitsForName;
  }

  /** Where the server is. */
  get url(): string {
    return this.#shell.url;
  }

  /** What the server said last when it let one in: its limits among other things. */
  get welcome(): Welcome | undefined {
    return this.#machine.welcome;
  }

  /** How many commands wait for their answer. */
  get waiting(): number {
    return this.#machine.waiting;
  }

  /** How many are in a joined room, and the names of those who are known (all, up to 200). */
  present(room: string): RoomMembers {
    return this.#machine.members(room);
  }

  /** Who else is typing in a room, the first to begin first. */
  typists(room: string): readonly string[] {
    return this.#machine.typing(room);
  }

  /** The epoch and the cursor of what was shown of a room; `join` can go on there later. */
  position(room: string): Position {
    return this.#machine.position(room);
  }

  // What one can do.

  /**
   * Joins a room, and stays in it across reconnects.
   *
   * @throws `CommandRefused` when the server does not let one in.
   */
  async join(room = "lobby", { limit, since, epoch }: JoinOptions = {}): Promise<Joined> {
    const command: Join = {
      type: "join",
      room,
      ...(limit ? { limit } : {}),
      ...(since ? { since } : {}),
      ...(epoch === undefined ? {} : { epoch }),
    };
    return this.#shell.call<Joined>(command);
  }

  /** Leaves a room. */
  async leave(room: string): Promise<void> {
    this.#said.left(room);
    await this.#shell.call({ type: "leave", room });
  }

  /**
   * Says something in a room; it goes out once one has joined it.
   *
   * The receipt comes when it is durable, however often the connection is lost on the way. `Sending`
   * tells when it is stored here: only from then on it is safe to show it as being sent.
   *
   * @throws `CommandRefused` when the server does not take it.
   * @throws `OutboxFull` when too much waits already.
   * @throws `Ended` when the client has. What had been told as `Sending` stays in the storage, and
   * goes out when the same identity connects next.
   * @throws `InDoubt` when the server may have taken it, but does not say so.
   */
  send(content: string, room = "lobby", { replyTo }: SayOptions = {}): Delivery {
    return this.#say({ type: "message", room, content, ...(replyTo ? { replyTo } : {}) });
  }

  /**
   * Says something to one person; otherwise as `send`. The receipt's `room` is the name of the
   * conversation.
   */
  private(to: string, content: string, { replyTo }: SayOptions = {}): Delivery {
    return this.#say({ type: "private", to, content, ...(replyTo ? { replyTo } : {}) });
  }

  /**
   * Takes back something said; answers whether it surely has no effect. What the server may have
   * taken is not taken back, and its `Acked` or `SendFailed` still comes.
   */
  withdraw(id: string): boolean {
    return this.#said.withdraw(id);
  }

  /**
   * Says that a key was pressed, or that one types no more; the others are told as often as they
   * need it. To be called at every key.
   */
  typing(room = "lobby", isTyping = true): void {
    this.#shell.step((now) => this.#machine.send({ type: "typing", room, isTyping }, now));
  }

  /**
   * Reads a page of a room's log: the newest entries, those before a seq, or those after one.
   *
   * @throws `CommandRefused` when one may not.
   */
  async history(room = "lobby", options: HistoryOptions = {}): Promise<History> {
    const { before, after, limit = 50 } = options;
    const command: GetHistory = {
      type: "history",
      room,
      limit,
      ...(before === undefined ? {} : { before }),
      ...(after === undefined ? {} : { after }),
    };
    return this.#shell.call<History>(command);
  }

  /**
   * The names of all who are in a room, asked of the server page by page.
   *
   * @throws `CommandRefused` when one may not know.
   */
  async members(room = "lobby"): Promise<string[]> {
    const names: string[] = [];
    for (;;) {
      const after = names.at(-1);
      const command: Members = { type: "members", room, ...(after ? { after } : {}) };
      const page = await this.#shell.call<MembersPage>(command);
      names.push(...page.names);
      if (!page.more || page.names.length === 0) {
        return names;
      }
    }
  }

  /** The rooms one is in and one's private conversations. */
  async rooms(): Promise<RoomSummary[]> {
    const rooms: RoomSummary[] = [];
    for (;;) {
      const after = rooms.at(-1)?.room;
      const command: Rooms = { type: "rooms", ...(after ? { after } : {}) };
      const page = await this.#shell.call<RoomsPage>(command);
      rooms.push(...page.rooms);
      if (!page.more || page.rooms.length === 0) {
        return rooms;
      }
    }
  }

  /**
   * Takes another name; answers it as the server writes it, when the key that came from `storage`
   * is kept there under that name too. While the client `waitsForName`, it goes on under the other.
   *
   * @throws `CommandRefused` when the name is not to be had.
   */
  async rename(username: string): Promise<string> {
    const welcome = await this.#shell.call<Welcome>({ type: "hello", username });
    await this.#keepName(welcome.username);
    return welcome.username;
  }

  /**
   * Has the server tell of the WebSocket frames of this connection, or tell no more: what it tells
   * comes to those who tap the wire, where `readTraced` reads it. On the next connection it has to
   * be asked for again.
   *
   * @throws `CommandRefused` when the server does not know how to (`unknown_type`).
   */
  async trace(on: boolean): Promise<void> {
    await this.#shell.call<Tracing>({ type: "trace", on });
  }

  /**
   * Says that the network may be another, or has come back: a connection is probed at once, and an
   * attempt that waits for its time is made now. What a page or the clock tells of this the client
   * hears by itself.
   */
  wake(): void {
    this.#shell.step((now) => this.#machine.woke(now));
  }

  /**
   * Waits until one is connected.
   *
   * @throws `Ended` when one never will be.
   */
  async connected(): Promise<void> {
    for (let { state } = this; state.state !== "Connected"; state = this.state) {
      if (state.state === "Closed") {
        throw state.error;
      }
      await this.#shell.stepped();
    }
  }

  /**
   * Waits until nothing waits for an answer any more.
   *
   * @throws `Ended` when it will not be answered.
   */
  async drain(): Promise<void> {
    await this.#said.handedOver();
    while (this.#machine.waiting > 0) {
      await this.#shell.stepped();
    }
    const { state } = this;
    if (state.state === "Closed") {
      throw state.error;
    }
  }

  /** Says goodbye, and ends the client. What still waits for an answer fails with `Ended`. */
  async close(): Promise<void> {
    await this.#said.handedOver();
    await this.#shell.close();
    await this.#said.close();
  }

  // Events.

  /** The events, as an asynchronous iterable: the client itself. */
  get events(): AsyncIterable<ClientEvent> {
    return this;
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<ClientEvent> {
    return this.#audience.read();
  }

  /**
   * Calls a listener at every event of a name, or at every event (`"*"`).
   *
   * @returns A function that ends this.
   */
  on<Name extends EventName>(name: Name, listener: Listener<EventNamed<Name>>): () => void;
  on(name: "*", listener: Listener<ClientEvent>): () => void;
  on(name: EventName | "*", listener: Listener<never>): () => void {
    return this.#audience.listen(name, listener);
  }

  /**
   * Calls a listener at all that goes over the wire.
   *
   * @returns A function that ends this.
   */
  tap(listener: Listener<WireEvent>): () => void {
    this.#taps.add(listener);
    return () => void this.#taps.delete(listener);
  }

  #say(saying: Saying): Delivery {
    return this.#said.say(saying, Math.round(Date.now() + this.#serverAhead));
  }

  // What is told.

  #told(event: Event): void {
    if ("type" in event && event.type === "joined") {
      this.#said.entered(event.room);
    } else if ("event" in event) {
      switch (event.event) {
        case "Acked":
          this.#said.forget(event.receipt.id);
          break;
        case "SendFailed":
          if (!(event.error instanceof Ended)) {
            this.#said.forget(event.id);
          }
          break;
        case "Renamed": // by another device of one's own, perhaps
          void this.#keepName(event.username);
          break;
        case "StateChanged":
          if (event.state.state === "Connected" && this.welcome !== undefined) {
            this.#serverAhead = this.welcome.time - Date.now();
          }
          break;
      }
    }
    this.#audience.tell(event);
    if ("event" in event && event.event === "StateChanged" && event.state.state === "Closed") {
      this.#finish(event.state.error);
    }
  }

  #finish(error: Ended): void {
    // The application's own end is none that it has to be told of.
    this.#audience.end(error.constructor === Ended ? undefined : error);
    void this.#said.close();
  }

  #tapped(event: WireEvent): void {
    for (const tap of this.#taps) {
      call(tap, event);
    }
  }

  #snapshotOf(room: string): PresenceChanged {
    const { count, names } = this.#machine.members(room);
    return {
      event: "PresenceChanged",
      room,
      members: count,
      joined: names,
      left: [],
      snapshot: true,
    };
  }
}

async function keyFor(storage: Storage, address: string, username: string): Promise<string> {
  try {
    return await findOrMakeKey(storage.keys, address, username);
  } catch (error) {
    // A page that may not store anything can chat all the same; the name is its own for now only.
    if (error instanceof DOMException) return newKey();
    throw error;
  }
}

/** The server has given a name to who has this key: no other key can be good for it. */
async function keepName(
  { keys }: Storage,
  address: string,
  username: string,
  key: string,
): Promise<void> {
  try {
    if ((await keys.keep(address, username, key)) !== key) {
      await keys.replace(address, username, key);
    }
  } catch {
    // There is no place, or what is in it is damaged: the name is one's own for now only.
  }
}

async function openOutbox(storage: Storage, scope: string): Promise<StoredOutbox | undefined> {
  try {
    return await storage.openOutbox(scope);
  } catch {
    return undefined; // a private window, say: one can chat all the same
  }
}

function settingsOf(options: ConnectOptions): Partial<Settings> {
  const { locale, returning, maxAttempts, outbox, catchUp, privateReplay, reasons } = options;
  const given = { locale, returning, maxAttempts, outbox, catchUp, privateReplay, reasons };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}
