/**
 * A small honest model of the server: rooms are lists, clients are indices in them.
 *
 * It answers at once and forgets nothing, unless it is told to: it can refuse a command, skip an
 * entry for one link, or be restored to an older copy of its logs.
 *
 * @module
 */

import type {
  Command,
  Cursor,
  Join,
  Joined,
  Message,
  Private,
  ServerFrame,
} from "../../src/machine/index.js";
import { replyTo, welcome } from "./frames.js";

/** An entry of a type that the client does not know. */
interface Reaction {
  readonly type: "reaction";
  readonly room: string;
  readonly seq: number;
  readonly prev: number;
  readonly id: string;
  readonly username: string;
  readonly timestamp: number;
}

export type StoredEntry = Message | Private | Reaction;
export type Kind = StoredEntry["type"];

/** An entry: its author and its id. */
export function keyOf({ username, id }: { readonly username: string; readonly id: string }) {
  return `${username} ${id}`;
}

/** One room's entries. */
class Log {
  entries: StoredEntry[] = [];

  constructor(readonly epoch: string) {}

  /** The newest entry. */
  get head(): Cursor {
    const { seq, id } = this.entries.at(-1) ?? { seq: 0, id: "" };
    return { seq, id };
  }

  /** Where to go on: an index, how well that went, and how many are left out. */
  locate(
    { seq, id }: Cursor,
    epoch: string | undefined,
    limit: number,
  ): Required<Pick<Joined, "recovered" | "missing">> & { readonly place: number } {
    const here = epoch === this.epoch;
    let found = this.entries.flatMap((entry, index) =>
      here && entry.id === id && entry.seq === seq ? [index + 1] : [],
    );
    if (here && seq === 0 && id === "") found = [0];
    if (found.length === 0) {
      found = this.entries.flatMap((entry, index) => (entry.id === id ? [index + 1] : []));
    }
    const newest = Math.max(0, this.entries.length - limit);
    const [place, ...others] = found;
    if (place === undefined || others.length > 0) {
      return { place: newest, recovered: "none", missing: 0 };
    }
    if (place >= newest) return { place, recovered: "complete", missing: 0 };
    return { place: newest, recovered: "partial", missing: newest - place };
  }
}

/** The rooms, and the links to them. There is one client with a key, Alice. */
export class ModelServer {
  readonly logs = new Map<string, Log>();
  readonly links = new Set<ModelLink>();
  /** Which entry came before an entry, when it was appended; undefined: none. */
  readonly before = new Map<string, string | undefined>();
  /** What Alice said, by id. */
  readonly stored = new Map<string, StoredEntry>();
  readonly refusals: string[] = [];
  /** How Alice is called, once anybody has said hello with her key. */
  name = "";
  /** The hellos that gave her a name, by id. */
  readonly wishes: (string | undefined)[] = [];
  #count = 0;

  /** A room's log; it begins when somebody first looks. */
  log(room: string): Log {
    const log = this.logs.get(room) ?? new Log(`e${this.logs.size + 1}`);
    this.logs.set(room, log);
    return log;
  }

  /** Appends an entry. */
  say(room: string, username: string, id: string, content: string, kind: Kind): StoredEntry {
    const log = this.log(room);
    this.#count += 1;
    const last = log.entries.at(-1);
    const seq = last === undefined ? 1 : last.seq + 1 + (this.#count % 3);
    const place = { room, seq, prev: last?.seq ?? 0, id, username, timestamp: this.#count };
    const entry: StoredEntry =
      kind === "reaction"
        ? { type: kind, ...place }
        : kind === "message"
          ? { type: kind, ...place, content }
          : {
              type: kind,
              ...place,
              content,
              from: username,
              to: username === "Alice" ? "Bob" : "Alice",
            };
    if (room.startsWith("~")) for (const link of this.links) link.follow(room);
    log.entries.push(entry);
    this.before.set(keyOf(entry), last && keyOf(last));
    return entry;
  }

  /** Bob says something. */
  othersSay(room: string, kind: Kind): void {
    this.say(room, "Bob", `b${this.#count}`, "hello", kind);
  }

  /** Alice is called otherwise; her other connections are told. */
  rename(name: string, by?: ModelLink): void {
    this.name = name;
    for (const link of this.links) if (link !== by) link.tellName();
  }

  /** Puts back an older copy of all logs, with so many entries each; all links are cut. */
  restore(keep: number): void {
    for (const log of this.logs.values()) {
      for (const entry of log.entries.slice(keep)) this.stored.delete(entry.id);
      log.entries.length = Math.min(keep, log.entries.length);
    }
    this.restart();
  }

  /** All links are cut. */
  restart(): void {
    for (const link of [...this.links]) link.hangUp();
  }

  /** A new link. */
  connect(): ModelLink {
    const link = new ModelLink(this);
    this.links.add(link);
    return link;
  }
}

/** The client's end of a link; the server keeps an index in each room that it follows. */
export class ModelLink {
  isOpen = true;
  /** The server's close frame, once it has come; undefined where it cut. */
  closeCode: number | undefined;
  closeReason = "";
  readonly #server: ModelServer;
  readonly #places = new Map<string, number>();
  #knowsAlice = false;
  #out: string[] = [];

  constructor(server: ModelServer) {
    this.#server = server;
  }

  /** The server carries out a command. */
  send(text: string): void {
    if (!this.isOpen) return;
    this.#flush();
    const command: Command = JSON.parse(text);
    const { type, id } = command;
    const always = type === "hello" || type === "ping" || type === "typing";
    const code = always ? undefined : this.#server.refusals.shift();
    if (code !== undefined) {
      this.#reply(id, { type: "error", code, message: "", retryAfter: 300 });
      return;
    }
    if (type !== "hello" && type !== "ping" && !this.#knowsAlice) {
      throw new Error("hello comes first");
    }
    this.#carryOut(command);
  }

  /** What was sent, up to the heads of all rooms. */
  take(): string[] {
    this.#flush();
    const out = this.#out;
    this.#out = [];
    return out;
  }

  /** The link is no more. */
  hangUp(): void {
    this.isOpen = false;
    this.#server.links.delete(this);
  }

  /** The server closes. */
  close(code: number, reason: string): void {
    this.closeCode = code;
    this.closeReason = reason;
    this.hangUp();
  }

  /** A conversation is sent to whoever has said hello. */
  follow(room: string): void {
    if (this.#knowsAlice && !this.#places.has(room)) {
      this.#places.set(room, this.#server.log(room).entries.length);
    }
  }

  /** Who has said hello is told how it is called now. */
  tellName(): void {
    if (!this.#knowsAlice) return;
    this.#flush();
    this.#reply(undefined, welcome(undefined, { username: this.#server.name }));
  }

  /** The next entry of the room does not reach this link. */
  loseNext(room: string): void {
    this.#flush();
    if (this.#places.has(room)) this.#places.set(room, this.#server.log(room).entries.length + 1);
  }

  #flush(): void {
    if (!this.isOpen) return;
    for (const [room, place] of this.#places) {
      const { entries } = this.#server.log(room);
      this.#out.push(...entries.slice(place).map((entry) => JSON.stringify(entry)));
      this.#places.set(room, Math.max(place, entries.length));
    }
  }

  #reply(id: string | undefined, frame: ServerFrame): void {
    this.#out.push(JSON.stringify(replyTo(id, frame)));
  }

  #carryOut(command: Command): void {
    const { id } = command;
    const notJoined = { type: "error", code: "not_joined", message: "" } as const;
    switch (command.type) {
      case "hello":
        this.#knowsAlice = true;
        if (!command.returning || this.#server.name === "") {
          this.#server.wishes.push(id);
          this.#server.rename(command.username, this);
        }
        this.#reply(id, welcome(id, { username: this.#server.name }));
        for (const room of this.#server.logs.keys()) if (room.startsWith("~")) this.follow(room);
        break;
      case "join":
        this.#join(command);
        break;
      case "leave": {
        const room = command.room.toLowerCase();
        this.#reply(id, this.#places.delete(room) ? { type: "left", room } : notJoined);
        break;
      }
      case "message": {
        const room = command.room.toLowerCase();
        if (this.#places.has(room)) this.#say(id ?? "", room, command.content, "message");
        else this.#reply(id, notJoined);
        break;
      }
      case "private":
        this.#say(id ?? "", "~bob", command.content, "private");
        break;
      case "rooms": {
        const rooms = [...this.#server.logs]
          .filter(([room, log]) => room.startsWith("~") && log.entries.length > 0)
          .map(([room, { epoch, head }]) => ({ room, epoch, head, peer: "Bob" }));
        this.#reply(id, { type: "rooms", rooms });
        break;
      }
      case "members":
        this.#reply(id, { type: "members", room: command.room, members: 1, names: ["Alice"] });
        break;
      case "history": {
        const { epoch, entries } = this.#server.log(command.room);
        this.#reply(id, { type: "history", room: command.room, epoch, entries, more: false });
        break;
      }
      case "ping":
        this.#reply(id, { type: "pong", time: 0 });
        break;
      case "typing":
      case "trace":
        break;
    }
  }

  #join({ id, room: name, since, epoch, limit }: Join): void {
    const room = name.toLowerCase();
    const log = this.#server.log(room);
    const found = since && log.locate(since, epoch, limit ?? 10_000);
    this.#places.set(room, found?.place ?? Math.max(0, log.entries.length - (limit ?? 0)));
    this.#reply(id, {
      type: "joined",
      room,
      epoch: log.epoch,
      head: log.head,
      members: 1,
      names: ["Alice"],
      ...(found && { recovered: found.recovered, missing: found.missing }),
    });
  }

  #say(id: string, room: string, content: string, kind: Kind): void {
    const entry = this.#server.stored.get(id) ?? this.#server.say(room, "Alice", id, content, kind);
    this.#server.stored.set(id, entry);
    // Its own entry goes out before the ack or after it.
    if (entry.seq % 2 === 1) this.#flush();
    this.#reply(id, { type: "ack", room, seq: entry.seq, timestamp: entry.timestamp });
  }
}
