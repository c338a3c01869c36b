import { expect, test } from "vitest";
import {
  FORGOTTEN_AFTER,
  OwnTyping,
  REPEATED_EVERY,
  STOPPED_AFTER,
  Typists,
} from "../../src/machine/typing.js";

test("the first key is told, and then one every three seconds", () => {
  const typing = new OwnTyping();
  const keys = Array.from({ length: 65 }, (_, index) => index * 100);
  expect(keys.filter((now) => typing.key("lobby", now))).toEqual([0, 3_000, 6_000]);
  expect(REPEATED_EVERY).toBe(3_000);
});

test("two seconds without a key are a stop", () => {
  const typing = new OwnTyping();
  expect(typing.deadline()).toBeUndefined();
  typing.key("lobby", 0);
  typing.key("lobby", 1_000);
  typing.key("garden", 1_500);
  expect(typing.deadline()).toBe(1_000 + STOPPED_AFTER);
  expect(typing.tick(2_999)).toEqual([]);
  expect(typing.tick(3_000)).toEqual(["lobby"]);
  expect(typing.tick(3_000)).toEqual([]);
  expect(typing.deadline()).toBe(3_500);
  expect(typing.key("lobby", 3_100), "a new beginning").toBe(true);
});

test("a stop is told only to those who believe that one types", () => {
  const typing = new OwnTyping();
  expect(typing.stop("lobby")).toBe(false);
  typing.key("lobby", 0);
  expect(typing.stop("lobby")).toBe(true);
  expect(typing.stop("lobby")).toBe(false);
});

test("after a cut nobody believes anything", () => {
  const typing = new OwnTyping();
  typing.key("lobby", 0);
  typing.cut();
  expect(typing.deadline()).toBeUndefined();
  expect(typing.key("lobby", 100)).toBe(true);
});

test("typists are named in the order in which they began", () => {
  const typists = new Typists();
  expect(typists.names("lobby")).toEqual([]);
  expect(typists.started("lobby", "Bob", 0)).toBe(true);
  expect(typists.started("lobby", "Alice", 1_000)).toBe(true);
  expect(typists.started("lobby", "Bob", 2_000), "a repeat is no news").toBe(false);
  expect(typists.names("lobby")).toEqual(["Bob", "Alice"]);
});

test("a typist is forgotten after six seconds of silence", () => {
  const typists = new Typists();
  expect(typists.deadline()).toBeUndefined();
  typists.started("lobby", "Bob", 0);
  typists.started("lobby", "Alice", 1_000);
  typists.started("garden", "Bob", 3_000);
  typists.started("lobby", "Bob", 3_000);
  expect(typists.deadline()).toBe(1_000 + FORGOTTEN_AFTER);
  expect(typists.tick(6_999)).toEqual([]);
  expect(typists.tick(7_000)).toEqual(["lobby"]);
  expect(typists.names("lobby")).toEqual(["Bob"]);
  expect(typists.tick(9_000)).toEqual(["lobby", "garden"]);
  expect(typists.deadline()).toBeUndefined();
});

test("who stops is news once", () => {
  const typists = new Typists();
  typists.started("lobby", "Bob", 0);
  typists.started("lobby", "Alice", 0);
  expect(typists.stopped("garden", "Bob")).toBe(false);
  expect(typists.stopped("lobby", "Bob")).toBe(true);
  expect(typists.stopped("lobby", "Bob")).toBe(false);
  expect(typists.stopped("lobby", "Alice")).toBe(true);
  expect(typists.cut()).toEqual([]);
});

test("a room or all can be forgotten", () => {
  const typists = new Typists();
  typists.started("lobby", "Bob", 0);
  typists.started("garden", "Bob", 0);
  expect(typists.forget("lobby")).toBe(true);
  expect(typists.forget("lobby")).toBe(false);
  expect(typists.cut()).toEqual(["garden"]);
  expect(typists.names("garden")).toEqual([]);
});
