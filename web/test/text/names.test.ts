import { beforeAll, expect, test } from "vitest";
import english from "../../../catalogue/en.json" with { type: "json" };
import { speak, Words } from "../../src/i18n.js";
import { ruleBroken } from "../../src/text/names.js";

beforeAll(() => speak(new Words("en", english)));

test.each(["Alice", "Jean-Luc", "søren_2", "ß", "李雷", "أحمد", "ก็", "A.b-c_d", "x".repeat(32)])(
  "nothing is known against %s",
  (name) => {
    expect(ruleBroken(name, "username")).toBeUndefined();
  },
);

test.each([
  ["", "it is empty"],
  ["a b", "it has a space in it"],
  ["a!", "it has “!” in it"],
  ["a\u200bb", "it has U+200B in it"],
  ["😄", "it has “😄” in it"],
  ["-a", "names begin and end with a letter or a digit"],
  ["a.", "names begin and end with a letter or a digit"],
  ["a--b", "two of . _ - stand next to each other"],
  ["x".repeat(33), "at most 32 characters are allowed"],
  ["SYSTEM", "that is the server’s own"],
])("says what is wrong with %j", (name, words) => {
  expect(ruleBroken(name, "username")).toContain(words);
});

test("a room may have a longer name, and be called as nobody may", () => {
  expect(ruleBroken("x".repeat(64), "room")).toBeUndefined();
  expect(ruleBroken("system", "room")).toBeUndefined();
  expect(ruleBroken("x".repeat(65), "room")).toContain("at most 64");
});
