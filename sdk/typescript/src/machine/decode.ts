/**
 * JSON to the frames of the wire, each field checked.
 *
 * What a server sends is not trusted to be what the types say. A reader takes a value of any kind
 * and answers it as its type, or throws; for an object it answers a new one that holds the fields
 * of its type and no others. The type checker sees to it that there is a reader for every frame and
 * every field of {@link ServerFrame}.
 *
 * @module
 */

import type {
  Ack,
  Cursor,
  ErrorFrame,
  HistoryPage,
  Joined,
  Left,
  Limits,
  MembersPage,
  Message,
  Notice,
  Pong,
  Presence,
  Private,
  RoomSummary,
  RoomsPage,
  ServerFrame,
  Traced,
  TracedFrame,
  Tracing,
  Typing,
  UnknownEntry,
  Welcome,
} from "../generated/frames.js";

type Reader<T> = (value: unknown) => T;
type Fields<T> = { readonly [Name in keyof T]-?: Reader<T[Name]> };

/** Thrown and caught in here: a value is not what it should be. */
class Malformed extends Error {}

/** Half of a UTF-16 pair, which JSON can spell and which is no character (RFC 8259, section 8.2). */
const LONE_SURROGATE = /\p{Surrogate}/u;

/** Whether all texts in a value are such that a frame can hold them. */
export function isText(value: unknown): boolean {
  if (typeof value === "string") return !LONE_SURROGATE.test(value);
  return typeof value !== "object" || value === null || Object.values(value).every(isText);
}

/** Reads what has to fulfil a condition. */
function that<T>(fits: (value: unknown) => boolean): Reader<T> {
  return (value) => {
    if (!fits(value)) throw new Malformed();
    return value as T;
  };
}

const text = that<string>((value) => typeof value === "string" && isText(value));
const flag = that<boolean>((value) => typeof value === "boolean");
const integer = that<number>(Number.isSafeInteger);
const count = that<number>((value) => Number.isSafeInteger(value) && (value as number) >= 0);
const rate = that<number>((value) => typeof value === "number" && value >= 0);

function oneOf<T extends string>(...values: readonly T[]): Reader<T> {
  return that((value) => values.includes(value as T));
}

/** Reads so many bytes in hexadecimal. */
function hexadecimal(least: number, most: number): Reader<string> {
  const pattern = new RegExp(`^(?:[0-9a-f]{2}){${least},${most}}$`);
  return that((value) => typeof value === "string" && pattern.test(value));
}

function list<T>(read: Reader<T>): Reader<T[]> {
  return (value) => {
    if (!Array.isArray(value)) throw new Malformed();
    return value.map(read);
  };
}

/** Reads a field that may be absent. */
function optional<T>(read: Reader<T>): Reader<T | undefined> {
  return (value) => (value === undefined ? undefined : read(value));
}

/** Reads a field that may be absent, or null, which is the same. */
function nullable<T>(read: Reader<T>): Reader<T | undefined> {
  return (value) => (value === null ? undefined : optional(read)(value));
}

/** Reads a field that may be absent, and stands for something then. */
function otherwise<T>(read: Reader<T>, standsFor: T): Reader<T> {
  return (value) => (value === undefined ? standsFor : read(value));
}

function object<T>(fields: Fields<T>): Reader<T> {
  return (value) => {
    if (typeof value !== "object" || value === null) throw new Malformed();
    const built: Partial<T> = {};
    for (const name in fields) {
      const field = fields[name]((value as Partial<T>)[name]);
      if (field !== undefined) built[name] = field;
    }
    return built as T;
  };
}

/** Reads the fields of a frame whose type is known already. */
function frame<T extends ServerFrame>(fields: Fields<Omit<T, "type">>): Reader<T> {
  const read = object(fields);
  return (value) => ({ type: (value as T).type, ...read(value) }) as T;
}

const cursor = object<Cursor>({ seq: count, id: text });
const limits = object<Limits>({
  frame: count,
  reply: count,
  content: count,
  rooms: count,
  rate,
  burst: count,
  dedupe: (value) => (value === null ? null : count(value)),
  page: count,
});
const summary = object<RoomSummary>({
  room: text,
  epoch: text,
  head: cursor,
  joined: optional(flag),
  members: optional(count),
  peer: nullable(text),
});
const tracedFrame = object<TracedFrame>({
  sender: oneOf("client", "server"),
  time: count,
  fin: flag,
  rsv1: optional(flag),
  opcode: that((value) => Number.isInteger(value) && (value as number) >> 4 === 0),
  length: count,
  size: count,
  maskingKey: nullable(hexadecimal(4, 4)),
  payload: nullable(hexadecimal(1, 125)),
  message: nullable(count),
});
const unknownEntry = object<UnknownEntry>({
  room: text,
  seq: count,
  prev: count,
  id: optional(text),
  username: optional(text),
  timestamp: optional(integer),
  replay: optional(flag),
});
const id = nullable(text);
const names = list(text);
/** What a message and a private message have in common. */
const said = {
  room: text,
  seq: count,
  prev: count,
  id: text,
  username: text,
  content: text,
  timestamp: count,
  replyTo: nullable(text),
  replay: optional(flag),
};

const FRAMES: {
  readonly [Type in ServerFrame["type"]]: Reader<Extract<ServerFrame, { readonly type: Type }>>;
} = {
  welcome: frame<Welcome>({
    id,
    username: text,
    kept: flag,
    server: text,
    time: count,
    heartbeat: count,
    grace: count,
    limits,
  }),
  joined: frame<Joined>({
    id,
    room: text,
    epoch: text,
    head: cursor,
    members: count,
    names,
    recovered: nullable(oneOf("complete", "partial", "none")),
    missing: optional(count),
  }),
  left: frame<Left>({ id, room: text }),
  ack: frame<Ack>({ id, room: text, seq: count, timestamp: count }),
  members: frame<MembersPage>({ id, room: text, members: count, names, more: optional(flag) }),
  rooms: frame<RoomsPage>({ id, rooms: list(summary), more: optional(flag) }),
  history: frame<HistoryPage>({
    id,
    room: text,
    epoch: text,
    // Whoever reads the page looks at its entries one by one: one that is broken is no reason to
    // throw the others away.
    entries: that(Array.isArray),
    more: flag,
  }),
  pong: frame<Pong>({ id, time: count }),
  tracing: frame<Tracing>({ id, on: flag }),
  error: frame<ErrorFrame>({
    id,
    code: text,
    message: text,
    field: nullable(text),
    retryAfter: nullable(count),
  }),
  message: frame<Message>(said),
  private: frame<Private>({ ...said, from: text, to: text }),
  typing: frame<Typing>({ room: text, username: text, isTyping: flag }),
  presence: frame<Presence>({
    room: text,
    members: count,
    joined: otherwise(names, []),
    left: otherwise(names, []),
    snapshot: otherwise(flag, false),
  }),
  notice: frame<Notice>({ message: text, room: nullable(text) }),
  traced: frame<Traced>({ frames: list(tracedFrame), missed: optional(count) }),
};

/**
 * Reads one frame of a server from a JSON value; undefined where it breaks the schema or its type is
 * unknown. The entries of a page of history are not read: they may be anything.
 */
export function decodeServerFrame(value: unknown): ServerFrame | undefined {
  return attempt(value, (found) => {
    const type = (found as { readonly type?: unknown } | null)?.type;
    if (typeof type !== "string" || !Object.hasOwn(FRAMES, type)) throw new Malformed();
    return FRAMES[type as ServerFrame["type"]](found);
  });
}

/** Reads the place in the log of a frame whose type is unknown; undefined if it is no entry. */
export function decodeUnknownEntry(value: unknown): UnknownEntry | undefined {
  return attempt(value, unknownEntry);
}

function attempt<T>(value: unknown, read: Reader<T>): T | undefined {
  try {
    return read(value);
  } catch (error) {
    if (error instanceof Malformed) return undefined;
    throw error;
  }
}
