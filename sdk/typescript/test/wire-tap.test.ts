import { expect, test } from "vitest";
import { readTraced, type Traced } from "../src/index.js";

const TRACED: Traced = {
  type: "traced",
  frames: [{ sender: "server", time: 5, fin: true, opcode: 9, length: 0, size: 2 }],
};

test("what a text tells of frames is read, whatever else stands in it", () => {
  expect(readTraced(JSON.stringify(TRACED))).toEqual(TRACED);
  expect(readTraced(JSON.stringify({ colour: "red", ...TRACED, missed: 3 }))).toEqual({
    ...TRACED,
    missed: 3,
  });
});

test.each([
  "no json",
  'no json, but "traced"',
  '"traced"',
  JSON.stringify({ type: "notice", message: '"traced"' }),
  JSON.stringify({ ...TRACED, type: "trace" }),
  JSON.stringify({ ...TRACED, frames: {} }),
  JSON.stringify({ ...TRACED, frames: [{ ...TRACED.frames[0], opcode: "9" }] }),
])("another text tells of none: %s", (text) => {
  expect(readTraced(text)).toBeUndefined();
});
