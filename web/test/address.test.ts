import { afterEach, expect, test, vi } from "vitest";
import { fragmentOf, linkTo, roomIn, showRoom, takeKeyLink } from "../src/address.js";

const replaceState = vi.fn();

function at(address: string): void {
  vi.stubGlobal("location", new URL(address));
  vi.stubGlobal("history", { replaceState });
}

afterEach(() => {
  vi.unstubAllGlobals();
  replaceState.mockClear();
});

test.each([
  ["#/room=lobby", "lobby"],
  ["#room=lobby", "lobby"],
  ["#/room=%20caf%C3%A9%20", "café"],
  ["#/room=", undefined],
  ["#/other=lobby", undefined],
  ["", undefined],
])("reads the room that %j names", (hash, room) => {
  expect(roomIn(hash)).toBe(room);
});

test("a link to a room leads to it, and keeps the rest of the address", () => {
  at("https://chat.example.org/talk/?theme=x#/room=lobby");
  expect(linkTo("a&b #c")).toBe("https://chat.example.org/talk/?theme=x#/room=a%26b%20%23c");
  expect(roomIn(fragmentOf("a&b #c"))).toBe("a&b #c");
});

test("the address names the room that is shown, and is not touched in vain", () => {
  at("https://chat.example.org/?q=1#/room=lobby");
  showRoom("lobby");
  expect(replaceState).not.toHaveBeenCalled();
  showRoom("garden");
  showRoom(undefined);
  expect(replaceState.mock.calls.map(([, , address]) => address)).toEqual([
    "/?q=1#/room=garden",
    "/?q=1",
  ]);
});

test("a key is taken out of the address", () => {
  at(`https://chat.example.org/?q=1#username=Zoe&key=${"k".repeat(22)}`);
  expect(takeKeyLink("lobby")).toMatchObject({ username: "Zoe", key: "k".repeat(22) });
  expect(replaceState.mock.calls[0]?.[2]).toBe("/?q=1#/room=lobby");
  at("https://chat.example.org/#/room=lobby");
  expect(takeKeyLink(undefined)).toBeUndefined();
  expect(replaceState).toHaveBeenCalledTimes(1);
});
