import { expect, it } from "vitest";
import { EventQueue } from "../src/event-queue.js";
import type { Message } from "../src/generated/frames.js";
import type { PresenceChanged } from "../src/machine/events.js";
import type { ClientEvent } from "../src/sending.js";

function message(seq: number, room = "lobby"): Message {
  const id = `id${seq}`;
  return {
    type: "message",
    room,
    seq,
    prev: seq - 1,
    id,
    username: "Bob",
    content: `${seq}`,
    timestamp: seq,
  };
}

const presence = (room: string, snapshot = false): PresenceChanged => ({
  event: "PresenceChanged",
  room,
  members: 1,
  joined: ["Alice"],
  left: [],
  snapshot,
});

function queue(limit = 100, left = () => {}): EventQueue {
  return new EventQueue(limit, (room) => presence(room, true), left);
}

it("gives what was put, in order, and waits for more", async () => {
  const events = queue();
  for (const seq of [1, 2, 3]) events.put(message(seq));
  const later = (async () => {
    const seen: ClientEvent[] = [];
    for await (const event of events) seen.push(event);
    return seen;
  })();
  await Promise.resolve();
  events.put(message(4));
  events.end(undefined);
  await expect(later).resolves.toEqual([1, 2, 3, 4].map((seq) => message(seq)));
});

it("throws what it was ended with after the last event, and is done from then on", async () => {
  const events = queue();
  events.put(message(1));
  events.end(new Error("gave up"));
  await expect(events.next()).resolves.toEqual({ done: false, value: message(1) });
  await expect(events.next()).rejects.toThrow("gave up");
  await expect(events.next()).resolves.toEqual({ done: true, value: undefined });
});

it("says when its reader wants no more, and keeps nothing", async () => {
  let left = 0;
  const events = queue(100, () => {
    left += 1;
  });
  events.put(message(1));
  for await (const _ of events) break;
  expect(left).toBe(1);
  expect(events.size).toBe(0);
  await expect(events.next()).resolves.toMatchObject({ done: true });
});

it("makes one gap of each room's entries when nobody reads, and one snapshot of who came", async () => {
  const events = queue(6);
  events.put(message(5));
  events.put(presence("lobby"));
  events.put(message(9, "salon"));
  events.put(message(6));
  events.put({ event: "LatencyMeasured", rttMs: 3 });
  events.put({ event: "Renamed", username: "Alicia" });
  events.put(message(7));
  const seen: ClientEvent[] = [];
  events.end(undefined);
  for await (const event of events) seen.push(event);
  expect(seen).toEqual([
    { event: "Gap", room: "lobby", after: 4, missing: 2 },
    { event: "Gap", room: "salon", after: 8, missing: 1 },
    { event: "Renamed", username: "Alicia" },
    presence("lobby", true),
    message(7),
  ]);
});

it("adds gaps up, and knows not how much is missing where one does not", async () => {
  const events = queue(3);
  events.put({ event: "Gap", room: "lobby", after: 2, missing: 10 });
  events.put({ event: "Gap", room: "salon", after: 0, missing: null });
  events.put(message(13));
  events.put(message(14, "salon"));
  events.put(message(15, "salon"));
  events.end(undefined);
  const seen: ClientEvent[] = [];
  for await (const event of events) seen.push(event);
  expect(seen[0]).toEqual({ event: "Gap", room: "lobby", after: 2, missing: 11 });
  expect(seen[1]).toMatchObject({ event: "Gap", room: "salon", after: 0, missing: null });
});

it("holds never more than its limit and one for each room", () => {
  const events = queue(50);
  for (let seq = 1; seq <= 5_000; seq += 1) events.put(message(seq, `room${seq % 5}`));
  expect(events.size).toBeLessThanOrEqual(50);
});

it("looks through what cannot be asked for less and less often", () => {
  let looks = 0;
  const events = new EventQueue(10, (room) => {
    looks += 1;
    return presence(room, true);
  });
  events.put(presence("lobby"));
  for (let seq = 0; seq < 1000; seq += 1) {
    events.put({ event: "Acked", receipt: { id: `${seq}`, room: "lobby", seq, timestamp: seq } });
  }
  expect(events.size).toBe(1001);
  expect(looks).toBeLessThan(10);
});

it("cannot hold nothing", () => {
  expect(() => queue(0)).toThrow(RangeError);
});
