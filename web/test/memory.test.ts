import { afterEach, beforeEach, expect, test, vi } from "vitest";

/** What Node has not: a place that lasts, which can be full, forbidden, or written by others. */
class Place {
  text: string | null = null;
  isForbidden = false;
  getItem(): string | null {
    if (this.isForbidden) throw new DOMException("no", "SecurityError");
    return this.text;
  }
  setItem(_: string, text: string): void {
    if (this.isForbidden) throw new DOMException("no", "SecurityError");
    this.text = text;
  }
}

let place: Place;
let memory: typeof import("../src/memory.js");

beforeEach(async () => {
  place = new Place();
  vi.stubGlobal("localStorage", place);
  vi.resetModules();
  memory = await import("../src/memory.js");
});
afterEach(() => {
  vi.unstubAllGlobals();
});

test("what is remembered is there at the next visit", async () => {
  memory.remember({ username: "Alice", rooms: ["lobby"] });
  vi.resetModules();
  const later = await import("../src/memory.js");
  expect(later.recall()).toMatchObject({ username: "Alice", rooms: ["lobby"], theme: "system" });
});

test("where nothing may be stored it lasts as long as the page", () => {
  place.isForbidden = true;
  memory.remember({ username: "Alice" });
  memory.remember({ theme: "dark" });
  expect(memory.recall()).toMatchObject({ username: "Alice", theme: "dark" });
});

test("once there is a place again, all of it is stored", () => {
  place.isForbidden = true;
  memory.remember({ username: "Alice" });
  place.isForbidden = false;
  memory.remember({ theme: "dark" });
  expect(JSON.parse(place.text ?? "")).toMatchObject({ username: "Alice", theme: "dark" });
});

test.each([
  "null",
  "7",
  "[]",
  "{broken",
  '{"rooms":"lobby","seen":[],"theme":"pink","username":7,"emoji":null,"notifications":"yes"}',
  '{"rooms":[1,null],"seen":{"lobby":{"seq":"1"},"x":null},"current":{}}',
])("what has not the right form was never written: %s", (text) => {
  place.text = text;
  expect(memory.recall()).toEqual({
    username: "",
    rooms: [],
    current: "",
    seen: {},
    theme: "system",
    language: "",
    notifications: false,
    emoji: [],
  });
});

test("what another tab has seen stays seen, unless the log is another", () => {
  const note = (seq: number, epoch: string) =>
    memory.rememberSeen(new Map([["lobby", { seq, epoch }]]));
  note(9, "a");
  note(3, "a");
  expect(memory.recall().seen["lobby"]).toEqual({ seq: 9, epoch: "a" });
  note(1, "b");
  expect(memory.recall().seen["lobby"]).toEqual({ seq: 1, epoch: "b" });
});

test("of any number of conversations only the newest are remembered", () => {
  for (let number = 0; number < 1_000; number += 100) {
    const many = Array.from({ length: 100 }, (_, index) => `~${number + index}`);
    memory.rememberSeen(new Map(many.map((room) => [room, { seq: 1, epoch: "a" }])));
  }
  const rooms = Object.keys(memory.recall().seen);
  expect([rooms.length, rooms.at(-1)]).toEqual([300, "~999"]);
});
