import { expect, test } from "vitest";
import type { Cursor, Entry, Gap, Joined } from "../../src/machine/index.js";
import { RoomView } from "../../src/machine/room-view.js";
import { at, joined, message, summary } from "./frames.js";

function view({ wanted = true, replay = 0, most = 1_000 } = {}): RoomView {
  return new RoomView("lobby", { wanted, replay, most });
}

/** A view that has joined at a head. */
function live(head = 3, options = {}): RoomView {
  const room = view(options);
  room.join("j");
  expect(room.joined(joined("j", head))).toBeUndefined();
  return room;
}

/** The view is cut, and joins again. */
function rejoined(room: RoomView, head: number | Cursor, fields: Partial<Joined>): Gap | undefined {
  room.cut();
  room.join("j");
  return room.joined(joined("j", head, fields));
}

/** The seqs of the entries that the view shows; none of them may open a gap, or break the chain. */
function shown(room: RoomView, ...entries: readonly Entry[]): number[] {
  return entries.flatMap((entry) => {
    const { followed, gap } = room.follow(entry);
    expect(gap).toBeUndefined();
    expect(followed).not.toBe("broken");
    return followed === "shown" ? [entry.seq] : [];
  });
}

function messages(first: number, last: number): Entry[] {
  return Array.from({ length: last - first + 1 }, (_, index) => message(first + index));
}

function gap(after: number, missing: number | null): Gap {
  return { event: "Gap", room: "lobby", after, missing };
}

const COMPLETE = { recovered: "complete" } as const;
const NOTHING = { recovered: "none" } as const;
const MOVED = { epoch: "e2", recovered: "complete" } as const;

// A first join.

test("a first join begins at the head", () => {
  const room = view();
  expect(room.join("j")).toEqual({ type: "join", id: "j", room: "lobby" });
  expect(room.phase.kind).toBe("joining");
  expect(room.joined(joined("j", 3))).toBeUndefined();
  expect([room.epoch, room.cursor]).toEqual(["e1", at(3)]);
  expect(shown(room, ...messages(4, 5))).toEqual([4, 5]);
});

test("a first join with replay begins with the first entry that comes", () => {
  const room = view({ replay: 2 });
  expect(room.join("j")).toEqual({ type: "join", id: "j", room: "lobby", limit: 2 });
  room.joined(joined("j", 9));
  expect(room.cursor).toBeUndefined();
  expect(shown(room, ...messages(8, 10))).toEqual([8, 9, 10]);
});

test("a first join with replay of an empty room begins at its beginning", () => {
  const room = view({ replay: 2 });
  room.join("j");
  room.joined(joined("j", 0));
  expect(room.cursor).toEqual(at(0));
  expect(shown(room, message(1))).toEqual([1]);
});

test("a first join that was cut before anything came is a first join again", () => {
  const room = view({ replay: 2 });
  room.join("j");
  room.joined(joined("j", 9));
  room.cut();
  expect(room.join("k")).toEqual({ type: "join", id: "k", room: "lobby", limit: 2 });
});

test("an answer to a join that is not under way is a fault of one's own", () => {
  expect(() => view().joined(joined("j"))).toThrow("under way");
});

// The chain.

test("numbers may be skipped if the chain holds", () => {
  const entries = [message(7, { prev: 3 }), message(20, { prev: 7 })];
  expect(shown(live(), ...entries)).toEqual([7, 20]);
});

test("what came before is passed over", () => {
  const room = live();
  expect(shown(room, message(4), message(4), message(3), message(2), message(5))).toEqual([4, 5]);
  expect(room.follow(message(4, { prev: 5 }))).toEqual({ followed: "skipped" });
});

test.each([5, 2])("a break in the chain shows nothing until the next join (prev %d)", (prev) => {
  const room = live();
  expect(room.follow(message(6, { prev }))).toEqual({ followed: "broken" });
  room.leaveBehind(5_000);
  expect(room.phase).toEqual({ kind: "absent", notBefore: 5_000 });
  expect(shown(room, message(4), message(7))).toEqual([]);
  expect(room.join("j")).toEqual({
    type: "join",
    id: "j",
    room: "lobby",
    since: at(3),
    epoch: "e1",
    limit: 1_000,
  });
  expect(shown(room, message(8))).toEqual([]);
  room.joined(joined("j", 8, COMPLETE));
  expect(shown(room, ...messages(4, 9))).toEqual([4, 5, 6, 7, 8, 9]);
});

test("an entry of an unknown type has its place in the chain", () => {
  const place = { room: "lobby", seq: 4, prev: 3, id: "u", username: "Bob", timestamp: 1 };
  const unknown: Entry = { event: "Unknown", ...place, frame: "{}" };
  expect(shown(live(), unknown, message(5))).toEqual([4, 5]);
});

// Coming back.

test("coming back asks for what follows the cursor", () => {
  const room = live(3, { most: 50 });
  shown(room, message(4));
  room.cut();
  expect(room.join("j")).toMatchObject({ since: at(4), epoch: "e1", limit: 50 });
});

test("all that came in the meantime is shown", () => {
  const room = live();
  rejoined(room, 5, COMPLETE);
  expect(room.phase.kind).toBe("settling");
  expect(shown(room, ...messages(4, 6))).toEqual([4, 5, 6]);
});

test("when nothing came in the meantime one is live at once", () => {
  const room = live();
  rejoined(room, 3, COMPLETE);
  expect(room.phase.kind).toBe("live");
  expect(room.follow(message(5))).toEqual({ followed: "broken" });
});

test("an empty room is resumed too", () => {
  const room = live(0);
  rejoined(room, 0, COMPLETE);
  expect(room.phase.kind).toBe("live");
  rejoined(room, 2, COMPLETE);
  expect(shown(room, ...messages(1, 2))).toEqual([1, 2]);
});

test("what is left out is told when the first entry after it comes", () => {
  const room = live();
  expect(rejoined(room, 99, { recovered: "partial", missing: 90 })).toBeUndefined();
  expect(room.follow(message(94))).toEqual({ followed: "shown", gap: gap(3, 90) });
  expect(shown(room, message(95))).toEqual([95]);
});

test("a gap is told once, even if a cut comes before the first entry", () => {
  const room = live();
  expect(rejoined(room, 99, { recovered: "partial", missing: 90 })).toBeUndefined();
  expect(rejoined(room, 109, { recovered: "partial", missing: 100 })).toBeUndefined();
  expect(room.follow(message(104))).toEqual({ followed: "shown", gap: gap(3, 100) });
});

test("a hole that the server denies is told, and not asked for for ever", () => {
  const room = live();
  rejoined(room, 9, COMPLETE);
  expect(room.follow(message(6))).toEqual({ followed: "shown", gap: gap(3, null) });
  expect(shown(room, message(7))).toEqual([7]);
});

test("what was shown is passed over when it comes again after the join", () => {
  const room = live();
  shown(room, ...messages(4, 5));
  rejoined(room, 7, COMPLETE);
  expect(shown(room, message(4), message(5), message(6), message(7))).toEqual([6, 7]);
});

test.each([NOTHING, {}])("another log is a gap and a new beginning: %j", (recovered) => {
  const room = live();
  expect(rejoined(room, 50, { epoch: "e2", ...recovered })).toEqual(gap(3, null));
  expect(room.epoch).toBe("e2");
  expect(shown(room, message(2, { id: "x" }), message(3, { id: "y" }))).toEqual([2, 3]);
});

test("another log that is empty is followed from its beginning", () => {
  const room = live();
  expect(rejoined(room, 0, { epoch: "e2", ...NOTHING })).toBeDefined();
  expect(room.cursor).toEqual(at(0));
  expect(shown(room, message(1))).toEqual([1]);
});

test("another log that was cut off before its first entry is no second gap", () => {
  const room = live(3, { most: 50 });
  rejoined(room, 50, { epoch: "e2", ...NOTHING });
  room.cut();
  expect(room.join("j")).toEqual({ type: "join", id: "j", room: "lobby", limit: 50 });
  expect(room.joined(joined("j", 50, { epoch: "e2" }))).toBeUndefined();
  expect(shown(room, message(50))).toEqual([50]);
});

test("what a restored log says again is not shown again", () => {
  const room = live(0);
  shown(room, ...messages(1, 5));
  expect(rejoined(room, 3, NOTHING)).toBeDefined();
  expect(shown(room, ...messages(1, 3))).toEqual([]);
  expect(shown(room, message(4, { id: "m5" })), "it was said to it once more").toEqual([]);
  expect(shown(room, message(5, { id: "new" }))).toEqual([5]);
});

test("entries without an id are all different", () => {
  expect(shown(live(), message(4, { id: "" }), message(5, { id: "" }))).toEqual([4, 5]);
});

test("the same id by somebody else hides nothing", () => {
  const room = live(0);
  shown(room, message(1, { id: "x" }));
  expect(shown(room, message(2, { id: "x", username: "Mallory" }))).toEqual([2]);
});

test("only as much is remembered as can come again", () => {
  const room = live(0, { most: 2 });
  shown(room, ...messages(1, 3));
  rejoined(room, 3, NOTHING);
  expect(shown(room, ...messages(2, 3))).toEqual([]);
  rejoined(room, 3, NOTHING);
  expect(shown(room, message(1))).toEqual([1]);
});

// A log that was moved: the server found the cursor's entry in another place.

test("in a moved log one goes on from the entry, not from its number", () => {
  const room = live(100);
  rejoined(room, 12, MOVED);
  expect(shown(room, ...messages(11, 13))).toEqual([11, 12, 13]);
  expect(room.epoch).toBe("e2");
});

test("in a moved log with greater numbers nothing is missing either", () => {
  const room = live();
  rejoined(room, 900, MOVED);
  expect(shown(room, ...messages(900, 901))).toEqual([900, 901]);
});

test("a moved log without anything new is followed from its own head", () => {
  const room = live(100);
  rejoined(room, { seq: 10, id: "m100" }, MOVED);
  expect([room.phase.kind, room.epoch]).toEqual(["live", "e2"]);
  expect(shown(room, message(11))).toEqual([11]);
});

test("a moved log whose epoch stayed is recognised by its lower numbers", () => {
  const room = live(0);
  shown(room, ...messages(1, 5));
  rejoined(room, 9, COMPLETE);
  expect(shown(room, message(4, { id: "new" }), message(5, { id: "newer" }))).toEqual([4, 5]);
});

test.each([MOVED, COMPLETE])(
  "a moved log shows nothing again, whatever its epoch: %j",
  (fields) => {
    const room = live(0);
    shown(room, ...messages(1, 5));
    rejoined(room, { seq: 5, id: "x" }, fields);
    expect(shown(room, message(3))).toEqual([]);
    expect(room.cursor, "but it is where one stands").toEqual(at(3));
  },
);

test("a cut before the first entry of a moved log leaves the old cursor and epoch", () => {
  const room = live(100);
  rejoined(room, 12, MOVED);
  room.cut();
  expect(room.join("j")).toMatchObject({ since: at(100), epoch: "e1" });
});

test("a gap in a moved log is told", () => {
  const room = live(100);
  rejoined(room, 50, { epoch: "e2", recovered: "partial", missing: 7 });
  expect(room.follow(message(20))).toEqual({ followed: "shown", gap: gap(100, 7) });
});

test("a cursor without an epoch is good for any", () => {
  const room = view();
  room.cursor = at(3);
  expect(room.join("j")).not.toHaveProperty("epoch");
  room.joined(joined("j", 9, COMPLETE));
  expect(room.follow(message(6)).gap).toEqual(gap(3, null));
});

// Conversations.

test("after a cut a wanted room is absent, and a conversation goes on", () => {
  const room = live();
  const conversation = live(3, { wanted: false });
  room.cut();
  conversation.cut();
  expect(room.phase.kind).toBe("absent");
  expect(shown(conversation, message(4))).toEqual([4]);
});

test("a conversation is behind if its log has another head or epoch", () => {
  const conversation = live(3, { wanted: false });
  expect(conversation.isBehind(summary("lobby", 3))).toBe(false);
  expect(conversation.isBehind(summary("lobby", 4))).toBe(true);
  expect(conversation.isBehind(summary("lobby", { seq: 3, id: "x" }))).toBe(true);
  expect(conversation.isBehind(summary("lobby", { seq: 4, id: "m3" }))).toBe(true);
  expect(conversation.isBehind(summary("lobby", 3, { epoch: "e2" }))).toBe(true);
  conversation.leaveBehind(0);
  expect(conversation.isBehind(summary("lobby", 4)), "it catches up already").toBe(false);
});

test("a conversation whose epoch is not known yet is not behind for that", () => {
  const conversation = view({ wanted: false });
  shown(conversation, message(1));
  expect(conversation.isBehind(summary("lobby", 1))).toBe(false);
});

test("a conversation whose entries are on their way is not behind", () => {
  expect(live(9, { wanted: false, replay: 5 }).isBehind(summary("lobby", 9))).toBe(false);
});

test("a conversation can begin at its head", () => {
  const conversation = view({ wanted: false });
  conversation.beginAt(summary("lobby", 7));
  expect([conversation.epoch, conversation.cursor]).toEqual(["e1", at(7)]);
  expect(shown(conversation, message(8))).toEqual([8]);
});

test("a conversation that cannot be joined is followed as it comes", () => {
  const conversation = live(3, { wanted: false });
  conversation.leaveBehind(0);
  expect(conversation.giveUp()).toEqual(gap(3, null));
  expect(conversation.cursor, "it is void").toBeUndefined();
  expect(shown(conversation, ...messages(9, 10))).toEqual([9, 10]);
  expect(view({ wanted: false }).giveUp()).toEqual(gap(0, null));
});
