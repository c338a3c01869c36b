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

test("a part of a room is laid out as it is in the whole", () => {
  const room = new Room("lobby");
  const { timeline } = room;
  timeline.add(message(1));
  timeline.tear(1, null);
  for (const seq of [1, 2, 3]) {
    timeline.add(message(seq, { id: `other ${seq}` }));
  }
  timeline.tear(3, 6);
  timeline.add(message(10, { timestamp: 1_800_100_000_000 }));
  timeline.add(message(11, { timestamp: 1_800_100_001_000 }));
  timeline.sending({ id: "x", content: "hi", replyTo: "", at: 1_800_100_002_000 });
  const whole = layOut(room, "Alice", 2);
  const parts = [0, 1, 2, 3, 4, 5].map((start) =>
    layOut(room, "Alice", 2, { start, stop: start + 1 }),
  );
  expect(parts.flat()).toEqual(whole);
  expect(whole.map(({ row }) => row)).toEqual(
    "day entry break entry entry new entry hole day entry entry pending".split(" "),
  );
});

test("a part of a room of ten thousand costs no more than one of a hundred", () => {
  const room = new Room("lobby");
  for (let seq = 1; seq <= 10_000; seq += 1) {
    room.timeline.add(message(seq));
  }
  let read = 0;
  const at = room.timeline.at.bind(room.timeline);
  room.timeline.at = (index) => {
    read += 1;
    return at(index);
  };
  expect(layOut(room, "Alice", undefined, { start: 5_000, stop: 5_100 })).toHaveLength(100);
  expect(read).toBeLessThanOrEqual(201);
});
