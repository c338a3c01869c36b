import { beforeEach, expect, it } from "vitest";
import { plain } from "../../src/cli/lines.js";
import { View } from "../../src/cli/view.js";
import { NotAllowed } from "../../src/errors.js";
import type { Joined, Message, Private, Welcome } from "../../src/generated/frames.js";
import { Words } from "../../src/language.js";
import type { ClientEvent } from "../../src/sending.js";

const NOON = new Date(2026, 0, 2, 12, 0, 0).getTime();
let view: View;
let now: number;

beforeEach(() => {
  view = new View(new Words("en"), "Alice", NOON, 20, undefined);
  view.welcomed({ username: "Alice", time: NOON } as Welcome);
  now = 0;
});

const show = (event: ClientEvent) => view.show(event, now).map(plain);

function joined(room: string, head: number, names = ["Alice"], more: Partial<Joined> = {}): Joined {
  const id = head === 0 ? "" : `id${head}`;
  return {
    type: "joined",
    room,
    epoch: "e",
    head: { seq: head, id },
    members: names.length,
    names,
    ...more,
  };
}

function message(seq: number, content: string, more: Partial<Message> = {}): Message {
  return {
    type: "message",
    room: "lobby",
    seq,
    prev: seq - 1,
    id: `id${seq}`,
    username: "Bob",
    content,
    timestamp: NOON,
    ...more,
  };
}

it("shows what was said earlier, and then that one has arrived", () => {
  expect(show(joined("lobby", 2, ["Alice", "Bob"]))).toEqual([]);
  expect(show(message(1, "one", { replay: true }))).toEqual([
    "Earlier in lobby:",
    "[12:00:00] Bob: one",
  ]);
  expect(show(message(2, "two", { replay: true }))).toEqual([
    "[12:00:00] Bob: two",
    "You are in lobby, with Bob.",
  ]);
  expect(show(message(3, "three\nlines"))).toEqual(["[12:00:00] Bob: three", "    lines"]);
});

it("says in time that one has arrived, where nothing earlier comes", () => {
  show(joined("lobby", 2));
  expect(view.deadline()).toBe(1_000);
  expect(view.tick(1_000).map(plain)).toEqual(["You are alone in lobby."]);
});

it("marks another day, another room, and what is private", () => {
  show(joined("lobby", 0));
  const tomorrow = NOON + 86_400_000;
  expect(show(message(1, "hi", { timestamp: tomorrow }))).toEqual([
    "— 2026-01-03 —",
    "[12:00:00] Bob: hi",
  ]);
  show(joined("tea", 0));
  expect(show(message(2, "hi", { timestamp: tomorrow }))).toEqual(["[12:00:00] #lobby Bob: hi"]);
  const psst: Private = {
    ...message(1, "psst", { room: "~x", timestamp: tomorrow }),
    type: "private",
    from: "Bob",
    to: "Alice",
  };
  expect(show(psst)).toEqual(["[12:00:00] (private) Bob → Alice: psst"]);
  const before = { ...psst, replay: true, timestamp: NOON - 1 };
  expect(show(before)).toEqual([
    "Earlier, between Bob and Alice:",
    "— 2026-01-02 —",
    "[11:59:59] (private) Bob → Alice: psst",
  ]);
});

it("gathers who came and went, and does not mention who did both", () => {
  show(joined("lobby", 0));
  const change = { event: "PresenceChanged", room: "lobby", members: 2, snapshot: false } as const;
  show({ ...change, joined: ["Bob"], left: [] });
  show({ ...change, joined: ["Carol"], left: [] });
  show({ ...change, joined: ["Dora"], left: ["Carol"] });
  expect(view.tick(499)).toEqual([]);
  expect(view.tick(500).map(plain)).toEqual(["Bob and Dora have joined"]);
});

it("gives those who were cut off, too, time to come back", () => {
  show(joined("lobby", 0, ["Alice", "Bob", "Carol"]));
  now = 1_000;
  show(joined("lobby", 0, ["Alice", "Bob"], { recovered: "complete" }));
  for (const moment of [1_000, 2_000, 15_999]) expect(view.tick(moment)).toEqual([]);
  expect(view.tick(16_000).map(plain)).toEqual([]);
  expect(view.tick(16_500).map(plain)).toEqual(["Carol has left"]);
});

it("says what is missing, and what one may no longer do", () => {
  show(joined("lobby", 0));
  expect(show({ event: "Gap", room: "lobby", after: 1, missing: 37 })).toEqual([
    "37 messages are not shown here",
  ]);
  expect(show({ event: "Gap", room: "lobby", after: 1, missing: null })).toEqual([
    "Some messages may be missing here",
  ]);
  const error = new NotAllowed("forbidden", "No.");
  expect(show({ event: "RoomLost", room: "lobby", error })).toEqual([
    "You are no longer in lobby: you may not do this",
    "You are in no room; /join ROOM takes you into one",
  ]);
});

it("tells of the connection once, in words", () => {
  expect(show({ event: "LatencyMeasured", rttMs: 3 })).toEqual(["Connected (3 ms)"]);
  expect(show({ event: "LatencyMeasured", rttMs: 4 })).toEqual([]);
  const state = { state: "Disconnected", code: 1012, reason: "", attempt: 1, retryAt: 1_500 };
  show({ event: "StateChanged", state: { state: "Connected", since: 0 } });
  expect(show({ event: "StateChanged", state } as ClientEvent)).toEqual([
    "Disconnected: the server is restarting",
    "Reconnecting in 1.5 s (attempt 1)",
  ]);
});

it("lets nobody's name or words do anything", () => {
  show(joined("lobby", 0));
  expect(show(message(1, "\u001b[2J\u202e", { username: "B\u0007ob\n" }))).toEqual([
    "[12:00:00] B␇ob: ␛[2J",
  ]);
});

it("shows a time that no clock shows as the nearest", () => {
  show(joined("lobby", 0));
  const first = show(message(1, "one", { timestamp: Number.MAX_SAFE_INTEGER })).join();
  const unknown = { event: "Unknown", ...message(2, "", { timestamp: Number.MIN_SAFE_INTEGER }) };
  const second = show(unknown as unknown as ClientEvent).join();
  expect([first, second].join()).not.toContain("NaN");
  expect(second).toMatch(/— 19(?:69|70)-/);
});
