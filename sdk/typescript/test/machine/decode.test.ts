import { expect, test } from "vitest";
import { decodeServerFrame, decodeUnknownEntry } from "../../src/machine/decode.js";
import type { ServerFrame } from "../../src/machine/index.js";
import { directed, joined, LIMITS, message, summary, welcome } from "./frames.js";

/** One of each type, with every field that it can have. */
const FRAMES: { readonly [Type in ServerFrame["type"]]: Extract<ServerFrame, { type: Type }> } = {
  welcome: welcome("i"),
  joined: joined("i", 3, { recovered: "partial", missing: 4 }),
  left: { type: "left", id: "i", room: "lobby" },
  ack: { type: "ack", id: "i", room: "lobby", seq: 1, timestamp: 2 },
  members: { type: "members", id: "i", room: "lobby", members: 1, names: ["Alice"], more: true },
  rooms: {
    type: "rooms",
    id: "i",
    rooms: [summary("~bob", 3, { joined: true, members: 2, peer: "Bob" })],
    more: true,
  },
  history: { type: "history", id: "i", room: "lobby", epoch: "e", entries: [], more: false },
  pong: { type: "pong", id: "i", time: 5 },
  error: { type: "error", id: "i", code: "odd", message: "Odd.", field: "x", retryAfter: 5 },
  message: message(4, { replyTo: "m3", replay: true }),
  private: directed(4, { replyTo: "m3", replay: true }),
  typing: { type: "typing", room: "lobby", username: "Bob", isTyping: false },
  presence: {
    type: "presence",
    room: "lobby",
    members: 2,
    joined: ["Bob"],
    left: [],
    snapshot: false,
  },
  notice: { type: "notice", message: "Hear!", room: "lobby" },
  tracing: { type: "tracing", id: "i", on: true },
  traced: {
    type: "traced",
    frames: [
      {
        sender: "client",
        time: 5,
        fin: true,
        opcode: 8,
        length: 2,
        size: 8,
        maskingKey: "37fa213d",
        payload: "03e8",
        message: 7,
      },
    ],
    missed: 3,
  },
};
const ALL = Object.values(FRAMES);

/** The fields that may be absent, and those of them that may be null as well. */
const OPTIONAL: Readonly<Record<string, readonly string[]>> = {
  joined: ["recovered", "missing"],
  members: ["more"],
  rooms: ["more"],
  error: ["field", "retryAfter"],
  message: ["replyTo", "replay"],
  private: ["replyTo", "replay"],
  presence: ["joined", "left", "snapshot"],
  notice: ["room"],
  traced: ["missed"],
};
const NULLABLE = new Set(["recovered", "field", "retryAfter", "replyTo"]);
const isEntry = (type: string) => type === "message" || type === "private";

const FIELDS = ALL.flatMap((frame) =>
  Object.keys(frame)
    .filter((name) => name !== "type")
    .map((name) => {
      const optional =
        OPTIONAL[frame.type]?.includes(name) || (name === "id" && !isEntry(frame.type));
      const nullable = optional && (NULLABLE.has(name) || name === "id" || frame.type === "notice");
      return { type: frame.type, name, frame, optional, nullable };
    }),
);

test.each(ALL)("$type is read as it is, and without what is unknown", (frame) => {
  expect(decodeServerFrame(frame)).toEqual(frame);
  expect(decodeServerFrame({ ...frame, colour: "red", __proto__: null })).toEqual(frame);
});

test.each(FIELDS)("$type: $name may be absent: $optional", ({ name, frame, optional }) => {
  const { [name as "type"]: _, ...without } = frame;
  expect(decodeServerFrame(without) !== undefined).toBe(optional);
});

test.each(FIELDS)("$type: $name may be null: $nullable", ({ name, frame, nullable }) => {
  const read = decodeServerFrame({ ...frame, [name]: null });
  expect(read !== undefined).toBe(nullable);
  if (read !== undefined) expect(read, "and is absent then").not.toHaveProperty(name);
});

test.each(FIELDS)("$type: $name is of its own kind", ({ name, frame }) => {
  for (const wrong of [{}, [[]], -1, "\ud800", true, 1, "x", 1.5]) {
    const right: unknown = frame[name as keyof typeof frame];
    if (typeof wrong === typeof right && (wrong === 1 || wrong === "x" || wrong === true)) continue;
    if (Array.isArray(wrong) && name === "entries") continue; // they are looked at one by one
    expect(decodeServerFrame({ ...frame, [name]: wrong }), String(wrong)).toBeUndefined();
  }
});

test("limits may be fractions where they are rates, and for ever where they are null", () => {
  const limits = { ...LIMITS, rate: 0.5, dedupe: 3 };
  expect(decodeServerFrame(welcome("i", { limits }))).toMatchObject({ limits });
  for (const wrong of [
    { rate: -1 },
    { rate: "1" },
    { burst: 1.5 },
    { dedupe: "x" },
    { page: null },
  ]) {
    expect(decodeServerFrame({ ...welcome("i"), limits: { ...LIMITS, ...wrong } })).toBeUndefined();
  }
});

test("what is inside is checked as well", () => {
  const wrong = [
    { ...joined("i"), head: { seq: 1 } },
    { ...joined("i"), names: ["Alice", 5] },
    { ...joined("i"), recovered: "some" },
    { ...FRAMES.rooms, rooms: [{ room: "~bob" }] },
    { ...FRAMES.rooms, rooms: [null] },
    { ...message(4), seq: 2 ** 53 },
    ...[
      { sender: "Bob" },
      { opcode: 16 },
      { opcode: -1 },
      { maskingKey: "37fa213" },
      { maskingKey: "37fa213g" },
      { payload: "0" },
      { payload: "00".repeat(126) },
      { message: -1 },
    ].map((change) => ({ ...FRAMES.traced, frames: [{ ...FRAMES.traced.frames[0], ...change }] })),
  ];
  for (const frame of wrong) expect(decodeServerFrame(frame)).toBeUndefined();
});

test("a presence that leaves out what nobody did tells that nobody did it", () => {
  const { joined: _, left: __, snapshot: ___, ...without } = FRAMES.presence;
  const nobody = { joined: [], left: [], snapshot: false };
  expect(decodeServerFrame(without)).toEqual({ ...without, ...nobody });
});

test("an entry that lies in a page of history is not looked at yet", () => {
  expect(decodeServerFrame({ ...FRAMES.history, entries: [5] })).toMatchObject({ entries: [5] });
});

test.each([null, 5, "x", [], {}, { type: 5 }, { type: "wave" }, { type: "toString" }])(
  "%j is no frame",
  (value) => {
    expect(decodeServerFrame(value)).toBeUndefined();
  },
);

test("an unknown entry needs nothing but its place", () => {
  const place = { room: "lobby", seq: 3, prev: 2 };
  const whole = { ...place, id: "x", username: "Bob", timestamp: -5, replay: true };
  expect(decodeUnknownEntry({ type: "poll", ...place })).toEqual(place);
  expect(decodeUnknownEntry({ type: "poll", ...whole })).toEqual(whole);
  const wrong = [null, { ...place, seq: -1 }, { ...place, prev: "2" }, { ...place, id: null }];
  for (const value of [...wrong, { ...place, timestamp: 0.5 }, { ...place, replay: 1 }]) {
    expect(decodeUnknownEntry(value)).toBeUndefined();
  }
});

test("a fault of one's own is not taken for the server's", () => {
  const trap = {
    type: "pong",
    get time(): number {
      throw new RangeError("mine");
    },
  };
  expect(() => decodeServerFrame(trap)).toThrow("mine");
});
