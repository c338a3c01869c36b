import { expect, test } from "vitest";
import { isControl, nameOf, readTrace } from "../../src/wire/trace.js";

const frame = { direction: "in", opcode: 10, fin: true, length: 0, mask: "0A0b0c0d", at: 1 };

test("what the server tells of frames is read", () => {
  expect(readTrace(JSON.stringify({ type: "trace", frames: [frame] }))).toEqual([frame]);
  const out = { ...frame, direction: "out", mask: null };
  expect(readTrace(JSON.stringify({ type: "trace", frames: [out] }))).toEqual([
    { ...out, mask: "" },
  ]);
});

test.each([
  "no json",
  'no json, but "trace"',
  "{}",
  '"trace"',
  'null "trace"',
  JSON.stringify({ type: "message", content: '"trace"', frames: [frame] }),
  JSON.stringify({ type: "trace", frames: {} }),
])("another message tells of none: %s", (text) => {
  expect(readTrace(text)).toBeUndefined();
});

test("a frame that is none is passed over", () => {
  const wrong = [null, 3, { ...frame, direction: "up" }, { ...frame, opcode: "9" }];
  wrong.push({ ...frame, length: null as never }, { ...frame, at: "now" as never });
  expect(readTrace(JSON.stringify({ type: "trace", frames: [...wrong, frame] }))).toEqual([frame]);
});

test("a mask that is none is none", () => {
  const frames = [{ ...frame, mask: "<b>" }];
  expect(readTrace(JSON.stringify({ type: "trace", frames }))?.[0]?.mask).toBe("");
});

test("opcodes have names, and those from 8 on control", () => {
  expect([0, 1, 2, 8, 9, 10, 11].map(nameOf)).toEqual([
    "continuation",
    "text",
    "binary",
    "close",
    "ping",
    "pong",
    "opcode 11",
  ]);
  const isControlling = (opcode: number) =>
    isControl({ direction: "in", opcode, fin: true, length: 0, mask: "", at: 0 });
  expect([1, 2, 8, 9].map(isControlling)).toEqual([false, false, true, true]);
});
