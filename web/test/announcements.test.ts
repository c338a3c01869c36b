import { expect, test } from "vitest";
import { Announcements } from "../src/announcements.js";

test("a few lines are told as they are, and many only as how many", () => {
  const waiting = new Announcements((count) => `${count} new messages`);
  expect([waiting.add("one"), waiting.add("two")]).toEqual([true, false]);
  expect(waiting.take()).toEqual(["one", "two"]);
  expect(waiting.take()).toEqual([]);
  for (let number = 0; number < 100; number += 1) {
    waiting.add(`line ${number}`);
  }
  expect(waiting.take()).toEqual(["100 new messages"]);
  expect(waiting.add("anew")).toBe(true);
});
