import type { TracedFrame } from "@causerie/client";
import { expect, test } from "vitest";
import { carried, isControl, nameOf, spaced, wireSize } from "../../src/wire/trace.js";

function frame(change: Partial<TracedFrame>): TracedFrame {
  return { sender: "server", time: 0, fin: true, opcode: 9, length: 0, size: 2, ...change };
}

test("opcodes have names, and those from 8 on control", () => {
  expect([0, 1, 2, 8, 9, 10, 11].map(nameOf)).toEqual([
    "0x0 continuation",
    "0x1 text",
    "0x2 binary",
    "0x8 close",
    "0x9 ping",
    "0xa pong",
    "0xb",
  ]);
  expect([1, 2, 8, 9].map((opcode) => isControl(frame({ opcode })))).toEqual([
    false,
    false,
    true,
    true,
  ]);
});

test("a close frame carries its code and reason, another bytes", () => {
  expect(carried(frame({ opcode: 8, payload: "03e8627965" }))).toBe("1000 bye");
  expect(carried(frame({ opcode: 8, payload: "0fa8c3a9" }))).toBe("4008 é");
  expect(carried(frame({ opcode: 8, payload: "03e9" }))).toBe("1001");
  expect(carried(frame({ opcode: 8 }))).toBe("");
  expect(carried(frame({ opcode: 8, payload: "03" }))).toBe("03");
  expect(carried(frame({ opcode: 9, payload: "03e862" }))).toBe("03 e8 62");
  expect(carried(frame({ opcode: 10 }))).toBe("");
});

test("bytes are told apart", () => {
  expect(["", "0a", "37fa213d"].map(spaced)).toEqual(["", "0a", "37 fa 21 3d"]);
});

test("a frame is as long as RFC 6455, section 5.2, has it", () => {
  expect([0, 125, 126, 65_535, 65_536].map((payload) => wireSize(payload, false))).toEqual([
    2, 127, 130, 65_539, 65_546,
  ]);
  expect([5, 126, 65_536].map((payload) => wireSize(payload, true))).toEqual([11, 134, 65_550]);
});
