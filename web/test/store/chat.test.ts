import type { ClientEvent } from "@causerie/client";
import { describe, expect, test } from "vitest";
import { ChatState } from "../../src/store/chat.js";
import { message, whisper } from "./entries.js";

function alice(): ChatState {
  const chat = new ChatState("Alice");
  chat.show(chat.open("lobby"));
  return chat;
}

function tell(chat: ChatState, ...events: ClientEvent[]): string[] {
  return events.flatMap((event) => chat.told(event, 0)).map(({ wish }) => wish);
}

describe("what comes", () => {
  test("to the room that is looked at is seen", () => {
    const chat = alice();
    expect(tell(chat, message(1))).toEqual([]);
    expect([chat.unread.all, chat.current?.seen]).toEqual([0, 1]);
  });

  test("to another room is unread until that is looked at", () => {
    const chat = alice();
    const garden = chat.open("garden");
    garden.seen = 1;
    tell(chat, message(2, { room: "garden" }), message(3, { room: "garden" }));
    expect([garden.unread, garden.calls]).toEqual([2, 0]);
    chat.show(garden);
    expect([garden.unread, garden.seen, garden.seenBefore]).toEqual([0, 3, 1]);
  });

  test("while one does not look is unread", () => {
    const chat = alice();
    chat.isWatching = false;
    tell(chat, message(1));
    expect(chat.unread).toEqual({ all: 1, calls: 0 });
    chat.isWatching = true;
    chat.see();
    expect(chat.unread.all).toBe(0);
  });

  test("and names one, or is private, calls", () => {
    const chat = alice();
    chat.isWatching = false;
    expect(tell(chat, message(1, { content: "alice?" }))).toEqual(["notify"]);
    expect(tell(chat, whisper(1))).toEqual(["notify"]);
    expect(chat.unread).toEqual({ all: 2, calls: 2 });
  });

  test("of one's own, or was there at the first sight of a room, is not unread", () => {
    const chat = alice();
    chat.isWatching = false;
    tell(chat, message(1, { username: "ALICE" }));
    tell(chat, message(1, { room: "garden", replay: true }));
    expect(chat.unread.all).toBe(0);
  });

  test("twice is shown once", () => {
    const chat = alice();
    tell(chat, message(1), message(1));
    expect(chat.current?.timeline.entries).toHaveLength(1);
  });
});

describe("a private conversation", () => {
  test("that one begins gets the server's name with the first ack", () => {
    const chat = alice();
    const room = chat.conversation("Bob");
    chat.show(room);
    const command = { type: "private", to: "Bob", content: "psst" } as const;
    tell(chat, { event: "Sending", id: "x", command, at: 1, kept: true, adopted: false });
    expect(room.timeline.pending).toHaveLength(1);
    chat.told(
      { event: "Acked", receipt: { id: "x", room: "~conversation", seq: 1, timestamp: 1 } },
      12,
    );
    expect([room.name, chat.current, chat.ackMs.get("x")]).toEqual(["~conversation", room, 12]);
    tell(chat, whisper(1, { id: "x", username: "Alice", from: "Alice", to: "Bob" }));
    expect([room.timeline.pending.length, room.timeline.entries.length]).toEqual([0, 1]);
    expect(chat.rooms.filter(({ isPrivate }) => isPrivate)).toEqual([room]);
  });

  test("whose entry comes before the ack is the same one", () => {
    const chat = alice();
    const room = chat.conversation("bob");
    tell(chat, whisper(1, { username: "Alice", from: "Alice", to: "Bob" }));
    expect([chat.conversation("Bob"), room.name]).toEqual([room, "~conversation"]);
  });
});

describe("the connection", () => {
  test("that is lost has no latency, and nobody types on it", () => {
    const chat = alice();
    tell(
      chat,
      { event: "LatencyMeasured", rttMs: 3 },
      { event: "TypingChanged", room: "lobby", usernames: ["Bob"] },
    );
    expect([chat.rttMs, chat.current?.typists]).toEqual([3, ["Bob"]]);
    tell(chat, { event: "StateChanged", state: { state: "Reconnecting", attempt: 1 } });
    expect([chat.rttMs, chat.current?.typists]).toEqual([undefined, []]);
  });
});

describe("a room", () => {
  test("in which nothing was said has nothing earlier, and neither has a new conversation", () => {
    const chat = alice();
    const joined = { type: "joined", room: "lobby", epoch: "e", members: 1, names: [] } as const;
    tell(chat, { ...joined, head: { seq: 7, id: "m7" } });
    expect(chat.current?.timeline.hasEarlier).toBe(true);
    tell(chat, { ...joined, head: { seq: 0, id: "" } });
    expect(chat.current?.timeline.hasEarlier).toBe(false);
    expect(chat.conversation("Bob").timeline.hasEarlier).toBe(false);
    expect(chat.open("~conversation", "Chloé").timeline.hasEarlier).toBe(true);
  });

  test("that is left is shown no more", () => {
    const chat = alice();
    chat.open("garden");
    chat.close("lobby");
    expect(chat.current?.name).toBe("garden");
    chat.close("garden");
    expect(chat.current).toBeUndefined();
  });

  test("that the server closes is forgotten", () => {
    const chat = alice();
    const error = new Error("no") as never;
    tell(chat, { event: "RoomLost", room: "lobby", error });
    expect(chat.rooms).toEqual([]);
  });

  test("has its holes shown", () => {
    const chat = alice();
    tell(chat, message(1), { event: "Gap", room: "lobby", after: 1, missing: 37 }, message(39));
    expect(chat.current?.timeline.holeBefore(39)).toEqual({ after: 1, missing: 37 });
  });
});
