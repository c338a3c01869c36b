import { expect, test } from "vitest";
import { Room } from "../../src/store/chat.js";
import { layOut } from "../../src/store/rows.js";
import { message } from "./entries.js";

function shown(room: Room, newAfter?: number): string[] {
  return layOut(room, "Alice", newAfter).map((row) =>
    row.row === "entry" ? `${row.entry.seq}${row.follows ? "" : "!"}` : row.row,
  );
}

test("messages of one author within minutes stand under one name", () => {
  const room = new Room("lobby");
  room.timeline.add(message(1));
  room.timeline.add(message(2));
  room.timeline.add(message(3, { username: "Carol" }));
  room.timeline.add(message(4, { username: "Carol", timestamp: 1_800_000_600_000 }));
  expect(shown(room)).toEqual(["day", "1!", "2", "3!", "4!"]);
});

test("each day has its line", () => {
  const room = new Room("lobby");
  room.timeline.add(message(1));
  room.timeline.add(message(2, { timestamp: 1_800_100_000_000 }));
  expect(shown(room)).toEqual(["day", "1!", "day", "2!"]);
});

test("what is new stands under a line, once, unless it is one's own", () => {
  const room = new Room("lobby");
  for (const seq of [1, 2, 3]) {
    room.timeline.add(message(seq));
  }
  expect(shown(room, 1)).toEqual(["day", "1!", "new", "2!", "3"]);
  expect(shown(room, 3)).toEqual(["day", "1!", "2", "3"]);
  const own = new Room("lobby");
  own.timeline.add(message(1));
  own.timeline.add(message(2, { username: "Alice" }));
  expect(shown(own, 1)).toEqual(["day", "1!", "2!"]);
});

test("holes and breaks are shown where they are", () => {
  const room = new Room("lobby");
  room.timeline.add(message(1));
  room.timeline.tear(1, 37);
  room.timeline.add(message(39));
  expect(shown(room)).toEqual(["day", "1!", "hole", "39!"]);
  room.timeline.tear(39, null);
  room.timeline.add(message(1, { id: "other" }));
  expect(shown(room)).toEqual(["day", "1!", "39", "break", "1!"]);
});

test("every row has a key of its own", () => {
  const room = new Room("lobby");
  room.timeline.add(message(1));
  room.timeline.tear(1, null);
  room.timeline.add(message(1, { id: "other" }));
  room.timeline.sending({ id: "x", content: "hi", replyTo: "", at: 1_800_000_002_000 });
  const keys = layOut(room, "Alice", 0).map(({ key }) => key);
  expect(new Set(keys).size).toBe(keys.length);
});
