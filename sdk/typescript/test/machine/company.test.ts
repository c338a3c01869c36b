import { expect, test } from "vitest";
import { Company } from "../../src/machine/company.js";
import type { Presence, Typing } from "../../src/machine/index.js";
import { FORGOTTEN_AFTER } from "../../src/machine/typing.js";
import { joined } from "./frames.js";

function company(...names: string[]): Company {
  const others = new Company();
  others.enter(joined("j", 0, { members: names.length, names }));
  return others;
}

function typing(username: string, isTyping = true): Typing {
  return { type: "typing", room: "lobby", username, isTyping };
}

function presence(members: number, fields: Partial<Presence> = {}): Presence {
  const none = { joined: [], left: [], snapshot: false };
  return { type: "presence", room: "lobby", members, ...none, ...fields };
}

function typists(...usernames: string[]) {
  return { event: "TypingChanged", room: "lobby", usernames };
}

test("who is in a room is known from the join on", () => {
  const others = company("Alice", "Bob");
  expect(others.members("lobby")).toEqual({ count: 2, names: ["Alice", "Bob"] });
  expect(others.members("garden")).toEqual({ count: 0, names: [] });
  expect(others.joined("lobby")?.names).toEqual(["Alice", "Bob"]);
  expect(others.joined("garden")).toBeUndefined();
});

test("who comes and goes is told", () => {
  const others = company("Alice", "Bob");
  expect(others.presence(presence(2, { joined: ["Carol"], left: ["Bob"] }))).toEqual([
    {
      event: "PresenceChanged",
      room: "lobby",
      members: 2,
      joined: ["Carol"],
      left: ["Bob"],
      snapshot: false,
    },
  ]);
  expect(others.members("lobby")).toEqual({ count: 2, names: ["Alice", "Carol"] });
});

test("two who swap their names are both still there", () => {
  const others = company("Alice", "Bob", "Carol");
  const swap = { joined: ["Alice", "Bob"], left: ["Bob", "Alice"] };
  expect(others.presence(presence(3, swap))).toEqual([
    { event: "PresenceChanged", room: "lobby", members: 3, ...swap, snapshot: false },
  ]);
  expect(others.members("lobby")).toEqual({ count: 3, names: ["Carol", "Alice", "Bob"] });
});

test("what was known already is not told again", () => {
  const others = company("Alice", "Bob");
  expect(others.presence(presence(2, { joined: ["Alice"] }))).toEqual([]);
  expect(others.presence(presence(2, { left: ["Carol"] }))).toEqual([]);
  expect(others.presence(presence(1, { room: "garden", joined: ["Alice"] }))).toEqual([]);
});

test("in a large room only the number is told", () => {
  const others = company("Alice");
  expect(others.presence(presence(5_000))).toEqual([
    {
      event: "PresenceChanged",
      room: "lobby",
      members: 5_000,
      joined: [],
      left: [],
      snapshot: false,
    },
  ]);
  expect(others.members("lobby")).toEqual({ count: 5_000, names: ["Alice"] });
});

test("a snapshot replaces all that was known", () => {
  const others = company("Alice", "Bob");
  const there = { joined: ["Bob", "Carol"], snapshot: true };
  expect(others.presence(presence(2, there))).toEqual([
    { event: "PresenceChanged", room: "lobby", members: 2, left: [], ...there },
  ]);
  expect(others.members("lobby")).toEqual({ count: 2, names: ["Bob", "Carol"] });
  expect(others.presence(presence(2, there)), "even by the same").toHaveLength(1);
});

test("who types is told when it changes", () => {
  const others = company("Alice", "Bob");
  expect(others.typed(typing("Bob"), 0)).toEqual([typists("Bob")]);
  expect(others.typed(typing("Bob"), 3_000)).toEqual([]);
  expect(others.typing("lobby")).toEqual(["Bob"]);
  expect(others.typed(typing("Bob", false), 4_000)).toEqual([typists()]);
  expect(others.typed(typing("Bob", false), 4_000)).toEqual([]);
});

test("who says it types no more", () => {
  const others = company("Alice", "Bob");
  others.typed(typing("Bob"), 0);
  others.typed(typing("Carol"), 0);
  expect(others.said("lobby", "Bob")).toEqual([typists("Carol")]);
  expect(others.said("lobby", "Bob")).toEqual([]);
});

test("all who go type no more", () => {
  const others = company("Alice", "Bob", "Carol");
  others.typed(typing("Bob"), 0);
  others.typed(typing("Carol"), 0);
  const changed = others.presence(presence(1, { left: ["Bob", "Carol"] }));
  expect(changed.slice(1)).toEqual([typists()]);
});

test("who falls silent is forgotten", () => {
  const others = company("Alice", "Bob");
  expect(others.deadline()).toBeUndefined();
  others.typed(typing("Bob"), 1_000);
  expect(others.deadline()).toBe(1_000 + FORGOTTEN_AFTER);
  expect(others.tick(6_999)).toEqual([]);
  expect(others.tick(7_000)).toEqual([typists()]);
});

test("a room that is left is forgotten", () => {
  const others = company("Alice", "Bob");
  others.typed(typing("Bob"), 0);
  expect(others.leave("lobby")).toEqual([typists()]);
  expect(others.leave("lobby")).toEqual([]);
  expect(others.members("lobby")).toEqual({ count: 0, names: [] });
});

test("after a cut nobody is known to be anywhere", () => {
  const others = company("Alice", "Bob");
  others.typed(typing("Bob"), 0);
  expect(others.cut()).toEqual([typists()]);
  expect(others.members("lobby")).toEqual({ count: 0, names: [] });
  expect(others.joined("lobby")).toBeUndefined();
});
