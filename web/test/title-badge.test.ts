import { expect, test } from "vitest";
import { ChatState } from "../src/store/chat.js";
import { iconOf, titleOf } from "../src/title-badge.js";

const { current } = (() => {
  const chat = new ChatState("Alice");
  chat.show(chat.open("lobby"));
  return chat;
})();

const unread = (all: number, calls: number) => ({ current, unread: { all, calls } });

test("the title says how much calls, or that something is unread", () => {
  expect(titleOf(unread(5, 3))).toBe("(3) lobby – Causerie");
  expect(titleOf(unread(5, 0))).toBe("• lobby – Causerie");
  expect(titleOf(unread(0, 0))).toBe("lobby – Causerie");
  expect(titleOf({ current: undefined, unread: { all: 0, calls: 0 } })).toBe("Causerie");
});

test("the icon has a dot while something calls, and loses it again", () => {
  expect(iconOf("/favicon.svg", unread(1, 1))).toBe("/favicon-unread.svg");
  expect(iconOf("/favicon-unread.svg", unread(1, 1))).toBe("/favicon-unread.svg");
  expect(iconOf("/favicon-unread.svg", unread(1, 0))).toBe("/favicon.svg");
  expect(iconOf("favicon.svg", unread(1, 1))).toBe("favicon-unread.svg");
});

test("the icon of somebody else's page stays", () => {
  for (const address of ["/their.ico", "/my-favicon.svg", ""]) {
    expect(iconOf(address, unread(1, 1))).toBe(address);
  }
});
