import type { ClientEvent, Joined } from "@causerie/client";
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

function joined(room: string, head: number, fields: Partial<Joined> = {}): Joined {
  const at = { seq: head, id: head > 0 ? `m${head}` : "" };
  return { type: "joined", room, epoch: "e", head: at, members: 1, names: [], ...fields };
}

const CONNECTED: ClientEvent = { event: "StateChanged", state: { state: "Connected", since: 1 } };

describe("what comes", () => {
  test("to the room that is looked at is seen", () => {
    const chat = alice();
    expect(tell(chat, message(1))).toEqual(["hear"]);
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
    expect(tell(chat, message(1, { content: "alice?" }))).toEqual(["hear", "notify"]);
    expect(tell(chat, whisper(1))).toEqual(["hear", "notify"]);
    expect(chat.unread).toEqual({ all: 2, calls: 2 });
  });

  test("of one's own, or was there at the first sight of a room, is not unread", () => {
    const chat = alice();
    chat.isWatching = false;
    tell(chat, message(1, { username: "ALICE" }));
    tell(chat, message(1, { room: "garden", replay: true }));
    expect(chat.unread.all).toBe(0);
  });

  test("can be heard where it is looked at, and elsewhere only if it calls", () => {
    const chat = alice();
    chat.open("garden");
    expect(tell(chat, message(1))).toEqual(["hear"]);
    expect(tell(chat, message(1, { room: "garden" }))).toEqual([]);
    expect(tell(chat, message(2, { room: "garden", content: "Alice!" }))).toContain("hear");
    expect(tell(chat, message(2, { username: "Alice" }), message(3, { replay: true }))).toEqual([]);
  });

  test("to a room that one has just left is not shown, nor is the room", () => {
    const chat = alice();
    chat.close("lobby");
    expect(tell(chat, message(1, { content: "Alice?" }))).toEqual([]);
    expect(chat.rooms).toEqual([]);
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

describe("two conversations with one name", () => {
  test("are told apart: the one talked to before is with somebody who had the name", () => {
    const chat = alice();
    tell(chat, whisper(1, { room: "~old" }), whisper(9, { room: "~new", prev: 0, id: "n" }));
    const [now, before] = chat.rooms.filter(({ isPrivate }) => isPrivate);
    expect([now?.name, now?.isFormer]).toEqual(["~new", false]);
    expect([before?.name, before?.isFormer]).toEqual(["~old", true]);
    expect(chat.conversation("bob")).toBe(now);
  });

  test("do not mix: what goes to who has the name now is not left in the other", () => {
    const chat = alice();
    tell(chat, whisper(1, { room: "~old" }));
    const old = chat.conversation("Bob");
    chat.show(old);
    const command = { type: "private", to: "Bob", content: "you?" } as const;
    tell(chat, { event: "Sending", id: "x", command, at: 1, kept: true, adopted: false });
    chat.told({ event: "Acked", receipt: { id: "x", room: "~new", seq: 1, timestamp: 1 } }, 1);
    expect(old.timeline.pending).toEqual([]);
    expect([chat.current?.name, chat.current?.title]).toEqual(["~new", "Bob"]);
  });

  test("are with whom the server says, whatever name something was said under", () => {
    const chat = alice();
    // Alice was called Alix then, and Bob Rob.
    tell(chat, whisper(1, { username: "Alix", from: "Alix", to: "Rob", replay: true }));
    const head = { seq: 1, id: "p1" };
    chat.summarised([{ room: "~conversation", epoch: "e", head, peer: "Bob" }]);
    expect(chat.room("~conversation")?.title).toBe("Bob");
    chat.close("~conversation"); // it is out of sight until something is said in it
    chat.summarised([{ room: "~conversation", epoch: "e", head, peer: "Bobby" }]);
    expect(chat.room("~conversation")).toBeUndefined();
    tell(chat, whisper(2, { username: "Rob", from: "Rob", to: "Alix", replay: true }));
    expect(chat.room("~conversation")?.title).toBe("Bobby");
  });

  test("is with whoever speaks in it, by the name they have now", () => {
    const chat = alice();
    const renamed = { username: "Rob", from: "Rob" };
    tell(chat, whisper(1), whisper(2, renamed), whisper(3, { replay: true }));
    expect(chat.room("~conversation")?.title).toBe("Rob");
    expect(chat.conversation("rob")).toBe(chat.room("~conversation"));
  });
});

describe("the connection", () => {
  test.each([0, 1])("that was cut leaves unread what came to rooms of %i messages", (head) => {
    const chat = alice();
    const before = message(1, { room: "garden", replay: true });
    tell(chat, CONNECTED, joined("garden", head), ...(head > 0 ? [before] : []));
    expect(chat.unread.all).toBe(0);
    const late = message(head + 1, { room: "garden", replay: true });
    tell(chat, CONNECTED, joined("garden", head + 1), late);
    expect(chat.unread).toEqual({ all: 1, calls: 0 });
  });

  test.each([0, 1])("that was cut leaves unread what came to conversations of %i", (head) => {
    const chat = alice();
    const before = [joined("~conversation", head), whisper(1, { replay: true })];
    tell(chat, CONNECTED, ...(head > 0 ? before : []));
    expect(chat.unread.all).toBe(0);
    const late = whisper(head + 1, { replay: true });
    tell(chat, CONNECTED, joined("~conversation", head + 1), late);
    expect(chat.unread).toEqual({ all: 1, calls: 1 });
  });

  test("that comes back to another log finds what was there before, and then what is new", () => {
    const chat = alice();
    tell(chat, CONNECTED, joined("garden", 5), message(5, { room: "garden" }));
    chat.show(chat.open("garden"));
    chat.show(chat.open("lobby"));
    const gap = { event: "Gap", room: "garden", after: 0, missing: null } as const;
    tell(chat, CONNECTED, joined("garden", 3, { recovered: "none" }), gap);
    tell(chat, message(3, { room: "garden", replay: true }));
    expect(chat.unread.all).toBe(0);
    tell(chat, message(4, { room: "garden" }));
    expect(chat.unread.all).toBe(1);
  });

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
    tell(chat, joined("lobby", 7));
    expect(chat.current?.timeline.hasEarlier).toBe(true);
    tell(chat, joined("lobby", 0));
    expect(chat.current?.timeline.hasEarlier).toBe(false);
    expect(chat.conversation("Bob").timeline.hasEarlier).toBe(false);
    expect(chat.open("~conversation", "Chloé").timeline.hasEarlier).toBe(true);
  });

  test("that is left right after one spoke there does not come back", () => {
    const chat = alice();
    const garden = chat.open("garden");
    const command = { type: "message", room: "garden", content: "bye" } as const;
    const sending = { event: "Sending", command, at: 1, kept: true, adopted: false } as const;
    tell(chat, { ...sending, id: "x" });
    expect(chat.failed("x", "no")).toBe(true);
    chat.close(garden.name);
    tell(chat, { ...sending, id: "y" });
    expect(chat.room("garden")).toBeUndefined();
    expect(chat.failed("y", "no")).toBe(false);
  });

  test("that is written otherwise keeps what one was about to say", () => {
    const chat = alice();
    const asked = chat.open("Garden");
    chat.show(asked);
    asked.draft = "half";
    asked.replyTo = "m1";
    const command = { type: "message", room: "Garden", content: "early" } as const;
    tell(chat, { event: "Sending", id: "x", command, at: 1, kept: true, adopted: false });
    chat.failed("x", "no");
    const garden = chat.open("garden");
    chat.merge(asked, garden);
    expect([chat.current, chat.room("Garden")]).toEqual([garden, undefined]);
    expect([garden.draft, garden.replyTo]).toEqual(["half", "m1"]);
    expect(garden.timeline.pending.map(({ id, state }) => [id, state])).toEqual([["x", "failed"]]);
    garden.draft = "its own";
    chat.merge(chat.open("GARDEN"), garden);
    expect(garden.draft).toBe("its own");
  });

  test("that is left is shown no more", () => {
    const chat = alice();
    chat.open("garden");
    chat.close("lobby");
    expect(chat.current?.name).toBe("garden");
    chat.close("garden");
    expect(chat.current).toBeUndefined();
  });

  test("that the server closes is forgotten, and one is told", () => {
    const chat = alice();
    const error = new Error("no") as never;
    expect(tell(chat, { event: "RoomLost", room: "lobby", error })).toEqual(["complain"]);
    expect(chat.rooms).toEqual([]);
  });

  test("that is closed gives way to the one that was looked at before it", () => {
    const chat = alice();
    chat.open("attic");
    chat.show(chat.open("kitchen"));
    chat.show(chat.open("no such room"));
    chat.close("no such room");
    expect(chat.current?.name).toBe("kitchen");
  });

  test("has its holes shown", () => {
    const chat = alice();
    tell(chat, message(1), { event: "Gap", room: "lobby", after: 1, missing: 37 }, message(39));
    expect(chat.current?.timeline.holeBefore(39)).toEqual({ after: 1, missing: 37 });
  });
});
