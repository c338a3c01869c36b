import type { WireEvent } from "@causerie/client";
import { expect, test, vi } from "vitest";
import type { TracedFrame } from "../../src/wire/trace.js";
import { WireLog } from "../../src/wire/wire-log.js";

const sent = (text: string, at = 0): WireEvent => ({ wire: "sent", at, text });
const received = (text: string, at = 0): WireEvent => ({ wire: "received", at, text });

function frame(change: Partial<TracedFrame>): TracedFrame {
  return { direction: "in", opcode: 1, fin: true, length: 0, mask: "", at: 0, ...change };
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
  log.add({ wire: "opened", at: 3, protocol: "causerie.v1" });
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

test("pings and pongs that the server tells of stand among the frames, seen from the page", () => {
  const log = new WireLog();
  const frames = [
    frame({ direction: "out", opcode: 9, length: 4, at: 5 }),
    frame({ direction: "in", opcode: 10, length: 4, mask: "0a0b0c0d", at: 6 }),
    frame({ direction: "out", opcode: 1, length: 80, at: 7 }),
  ];
  log.add(received(JSON.stringify({ type: "trace", frames })));
  const seen = log.records.map(({ direction, summary }) => [direction, summary.type, summary.line]);
  expect(seen.slice(1)).toEqual([
    ["received", "ping", ""],
    ["sent", "pong", "mask 0a0b0c0d"],
  ]);
});

test("a mask goes to the frame that was sent with it", () => {
  const log = new WireLog();
  log.add(sent("before")); // the server was not yet asked
  log.add(sent('{"type":"trace","on":true}'));
  for (const text of ["first", "longer", "second", "längs"]) {
    log.add(sent(text));
  }
  log.traced([
    frame({ length: 6, mask: "00000001" }),
    frame({ length: 6, mask: "00000002" }),
    frame({ length: 6, mask: "00000003" }),
    frame({ length: 6, mask: "00000004" }),
  ]);
  expect(log.records.map(({ mask }) => mask)).toEqual([
    "",
    "",
    "",
    "00000001",
    "00000002",
    "00000003", // six bytes in UTF-8
  ]);
});
