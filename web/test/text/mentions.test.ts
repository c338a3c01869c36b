import { expect, test } from "vitest";
import { mentions } from "../../src/text/mentions.js";

test.each([
  ["hello Alice!", true],
  ["@alice look", true],
  ["ALICE", true],
  ["Alicette and Malice", false],
  ["Alice_2", false],
  ["", false],
  ["Malice, then Alice", true],
])("%j names Alice: %s", (text, expected) => {
  expect(mentions(text, "Alice")).toBe(expected);
});

test("nobody is named by nothing", () => {
  expect(mentions("hello", "")).toBe(false);
});
