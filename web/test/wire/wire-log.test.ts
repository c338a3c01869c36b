import type { TracedFrame, WireEvent } from "@causerie/client";
import { expect, test, vi } from "vitest";
import { WireLog } from "../../src/wire/wire-log.js";

const sent = (text: string, at = 0): WireEvent => ({ wire: "sent", at, text });
const received = (text: string, at = 0): WireEvent => ({ wire: "received", at, text });

const opening: WireEvent = { wire: "opening", at: 0, url: "ws://localhost" };
const trace = sent('{"type":"trace","on":true}');

function ping(change: Partial<TracedFrame> = {}): TracedFrame {
  return { sender: "server", time: 5, fin: true, opcode: 9, length: 0, size: 2, ...change };
}

function pong(change: Partial<TracedFrame> = {}): TracedFrame {
  return ping({ sender: "client", opcode: 10, size: 6, maskingKey: "0a0b0c0d", ...change });
}

function data(message: number, change: Partial<TracedFrame> = {}): TracedFrame {
  return pong({ opcode: 1, message, maskingKey: `0000000${message}`, ...change });
}

function traced(frames: readonly TracedFrame[], missed?: number): WireEvent {
  return received(JSON.stringify({ type: "traced", frames, missed }), 9);
}

/** What stands in a log, from old to new. */
function lines(log: WireLog): string[] {
  return log.records.map(({ event, summary, direction, mask }) =>
    "text" in event
      ? `${event.text} ${mask}`.trim()
      : `${direction ?? event.wire} ${summary.type}`.trim(),
  );
}

function texts(log: WireLog): (string | undefined)[] {
  return log.records.map(({ event }) => ("text" in event ? event.text : undefined));
}

test("while nobody watches only the last few frames are kept; while somebody does, a thousand", () => {
  const log = new WireLog();
  for (let number = 0; number < 200; number += 1) {
    log.add(received(`${number}`));
  }
  expect(texts(log)).toEqual(Array.from({ length: 60 }, (_, index) => `${140 + index}`));
  const stop = log.watch();
  for (let number = 0; number < 2_000; number += 1) {
    log.add(received(`${number}`));
  }
  expect(log.records).toHaveLength(1_000);
  expect(texts(log).at(-1)).toBe("1999");
  stop();
  expect(log.records).toHaveLength(60);
  stop();
  log.watch();
  log.add(received("more"));
  expect(log.records).toHaveLength(61);
});

test("long frames push out more, but the newest is kept however long it is", () => {
  const log = new WireLog();
  const long = "x".repeat(100_000);
  for (let number = 0; number < 5; number += 1) {
    log.add(received(long));
  }
  expect(log.records).toHaveLength(2);
  log.add(received("x".repeat(300_000)));
  expect(log.records).toHaveLength(1);
  log.add(received("short"));
  expect(texts(log)).toEqual(["short"]);
  log.add(received(long));
  log.add(received(long));
  expect(log.records).toHaveLength(3);
});

test("numbers go on when the log is cleared, and watchers are told", () => {
  const log = new WireLog();
  const told = vi.fn();
  log.addEventListener("change", told);
  log.add(sent("a"));
  log.clear();
  expect(log.records).toEqual([]);
  log.add(sent("b"));
  expect(log.records.map(({ number }) => number)).toEqual([2]);
  expect(told).toHaveBeenCalledTimes(3);
});

test("what was cleared takes no place any more", () => {
  const log = new WireLog();
  log.add(received("x".repeat(200_000)));
  log.clear();
  log.add(received("x".repeat(200_000)));
  log.add(received("short"));
  expect(log.records).toHaveLength(2);
});

test("it knows the state of the socket and of the client, and how they came there", () => {
  const log = new WireLog();
  expect(log.socket).toBeUndefined();
  log.moved({ state: "Connecting" }, 1);
  log.add({ wire: "opening", at: 2, url: "ws://localhost" });
  log.add({ wire: "opened", at: 3, protocol: "causerie.v1", extensions: "" });
  log.add(sent("hello", 4));
  log.moved({ state: "Connected", since: 0 }, 5);
  log.moved({ state: "Connected", since: 0 }, 6);
  log.add({ wire: "closed", at: 7, code: 1006, reason: "" });
  expect(log.socket).toBe("CLOSED");
  log.add({ wire: "opening", at: 8, url: "ws://localhost" });
  log.add({ wire: "dropped", at: 9 });
  expect(log.socket).toBe("CLOSING");
  expect(log.transitions.map(({ at, to, why }) => `${at} ${to} ${why}`.trim())).toEqual([
    "1 Connecting",
    "2 CONNECTING",
    "3 OPEN",
    "5 Connected",
    "7 CLOSED 1006",
    "8 CONNECTING",
    "9 CLOSING",
  ]);
  log.clear();
  expect(log.socket).toBe("CLOSING");
});

test("only the last changes of state are kept", () => {
  const log = new WireLog();
  for (let number = 0; number < 50; number += 1) {
    log.add({ wire: "opening", at: number, url: "" });
    log.add({ wire: "closed", at: number, code: 1006, reason: "" });
  }
  expect(log.transitions).toHaveLength(30);
  expect(log.transitions.at(-1)?.at).toBe(49);
});

test("pings, pongs and close frames that the server tells of stand among the frames", () => {
  const log = new WireLog();
  log.add(opening);
  log.add(received("before"));
  log.add(traced([ping(), pong({ time: 6 }), ping({ opcode: 8, payload: "03e9627965", size: 7 })]));
  log.add(received("after"));
  expect(lines(log)).toEqual([
    "opening",
    "before",
    "received 0x9 ping",
    "sent 0xa pong",
    "received 0x8 close",
    "after",
  ]);
  const seen = log.records.slice(2, 5);
  expect(seen.map(({ summary, event }) => [summary.line, summary.bytes, event.at])).toEqual([
    ["", 2, 5],
    ["", 6, 6],
    ["1001 bye", 7, 5],
  ]);
  expect(seen.map(({ mask }) => mask)).toEqual(["", "0a0b0c0d", ""]);
});

test("a message learns the frame that it went out in, by its number on the connection", () => {
  const log = new WireLog();
  for (const event of [
    opening,
    sent("hello"),
    trace,
    sent("first"),
    received("x"),
    sent("second"),
  ]) {
    log.add(event);
  }
  log.add(traced([data(3), data(4)]));
  expect(lines(log).slice(1)).toEqual([
    "hello",
    '{"type":"trace","on":true}',
    "first 00000003",
    "x",
    "second 00000004",
  ]);
  expect(log.lastMasked?.event).toMatchObject({ text: "second" });
});

test("messages are counted anew on every connection", () => {
  const log = new WireLog();
  for (const event of [opening, sent("old"), opening, sent("hello"), trace, sent("new")]) {
    log.add(event);
  }
  log.add(traced([data(1), data(3)]));
  expect(lines(log).slice(1)).toEqual([
    "old",
    "opening",
    "hello 00000001",
    '{"type":"trace","on":true}',
    "new 00000003",
  ]);
});

test("what is kept no longer learns nothing, and gives its frame to no other", () => {
  const log = new WireLog();
  for (const event of [opening, trace, sent("gone")]) {
    log.add(event);
  }
  log.clear();
  log.add(sent("kept"));
  log.add(traced([data(2)]));
  expect(lines(log)).toEqual(["kept"]);
  expect(log.lastMasked).toBeUndefined();
  log.add(traced([data(3)]));
  expect(lines(log)).toEqual(["kept 00000003"]);
});

test("a message in fragments has all of their bytes, and the key of the first", () => {
  const log = new WireLog();
  for (const event of [opening, trace, sent("x".repeat(200))]) {
    log.add(event);
  }
  const record = log.records[2];
  expect(record?.summary.bytes).toBe(208);
  const first = data(2, { fin: false, length: 150, size: 158 });
  const last = data(2, { opcode: 0, length: 50, size: 56, maskingKey: "ffffffff" });
  log.add(traced([first]));
  log.add(traced([last]));
  expect(record?.frames).toEqual([first, last]);
  expect([record?.mask, record?.summary.bytes]).toEqual(["00000002", 214]);
});

test("the page's own pong stands after the ping, and before what it has sent later", () => {
  const log = new WireLog();
  for (const event of [opening, sent("hello"), trace, received("tracing"), sent("earlier")]) {
    log.add(event);
  }
  log.add(traced([ping(), pong()])); // that "earlier" was earlier is not known yet
  log.add(sent("later"));
  log.add(traced([data(3), pong()]));
  expect(lines(log).slice(4)).toEqual([
    "earlier 00000003",
    "received 0x9 ping",
    "sent 0xa pong",
    "sent 0xa pong",
    "later",
  ]);
  log.add(traced([data(4), pong()]));
  expect(lines(log).slice(8)).toEqual(["later 00000004", "sent 0xa pong"]);
});

test("how many frames the server could not tell of is noted", () => {
  const log = new WireLog();
  log.add(traced([ping()], 12));
  expect(log.records.map(({ event }) => event)).toMatchObject([
    { wire: "control" },
    { wire: "missed", at: 9, count: 12 },
  ]);
  expect(log.records[1]?.summary).toMatchObject({ type: "", line: "", bytes: 0 });
});

test("of every frame the bytes on the wire are told: a header, and of what was sent a key", () => {
  const log = new WireLog();
  log.add(sent("é"));
  log.add(received("é"));
  expect(log.records.map(({ summary }) => summary.bytes)).toEqual([8, 4]);
});

test("of a compressed message the server tells the size; until it does, the text's is the most", () => {
  const log = new WireLog();
  const opened = { wire: "opened", at: 1, protocol: "causerie.v1" } as const;
  log.add(opening);
  log.add({ ...opened, extensions: "permessage-deflate; server_no_context_takeover" });
  log.add(sent("x".repeat(200)));
  log.add(received("short"));
  const sizes = () => log.records.slice(2).map(({ summary }) => [summary.bytes, summary.isAtMost]);
  expect(sizes()).toEqual([
    [208, true],
    [7, true],
  ]);
  const frame = { sender: "client", time: 2, fin: true, rsv1: true, opcode: 1 } as const;
  log.add(traced([{ ...frame, length: 20, size: 26, maskingKey: "01020304", message: 1 }]));
  expect(sizes()).toEqual([
    [26, false],
    [7, true],
  ]);
  // What was masked is not the text.
  expect(log.lastMasked).toBeUndefined();
  log.add(opening);
  log.add({ ...opened, extensions: "" });
  log.add(received("short"));
  expect(log.records.at(-1)?.summary.isAtMost).toBe(false);
});
