import { expect, test } from "vitest";
import {
  type Ack,
  CommandRefused,
  ErrorCode,
  IdReused,
  InDoubt,
  InvalidCommand,
  NameRefused,
  NotJoined,
  OutboxFull,
  type ServerFrame,
} from "../../src/machine/index.js";
import { LIMITS, message, summary, welcome } from "./frames.js";
import { connected, hi, inLobby, KEY, Rig } from "./rig.js";

// Saying.

test("a message is acked once", () => {
  const rig = inLobby();
  const id = rig.send(hi("lobby", { replyTo: "m3" }));
  const frame = { type: "message", id, room: "lobby", content: "hi", replyTo: "m3" };
  expect(rig.oneFrame("message")).toEqual(frame);
  expect(rig.machine.waiting).toBe(1);
  const place = { id, room: "lobby", seq: 4, timestamp: 99 };
  const ack: Ack = { type: "ack", ...place };
  rig.receive(ack, ack);
  expect(rig.events()).toEqual([{ event: "Acked", receipt: place }]);
  expect(rig.machine.waiting).toBe(0);
});

test("an ack that nobody waits for is nothing", () => {
  const rig = connected();
  const ack = { type: "ack", room: "lobby", seq: 4, timestamp: 99 } as const;
  rig.receive({ ...ack, id: "x" }, ack);
  expect(rig.events()).toEqual([]);
});

test("an application may choose the id", () => {
  const rig = inLobby();
  expect(rig.send(hi("lobby", { id: "mine" }))).toBe("mine");
  expect(rig.oneFrame("message").id).toBe("mine");
});

test("what was not acked is sent again, in order, with its first time, after the join", () => {
  const rig = inLobby();
  rig.now = 2_500;
  const first = rig.send(hi());
  rig.now = 4_000;
  const second = rig.send(hi());
  rig.frames();
  rig.cut();
  expect(rig.frames("message"), "the room is not joined yet").toEqual([]);
  rig.machine.disconnected(rig.now, 1006);
  const third = rig.send(hi());
  rig.advance(1_000);
  rig.connect();
  rig.answerJoin(3);
  expect(rig.frames("message")).toEqual([
    { ...hi(), id: first, at: 1_002_500 },
    { ...hi(), id: second, at: 1_004_000 },
    { ...hi(), id: third },
  ]);
});

test("what the server cannot take now is sent again later", () => {
  const rig = inLobby();
  const id = rig.send(hi());
  const refusals: [string, number | undefined, number][] = [
    [ErrorCode.RATE_LIMITED, 500, 500],
    [ErrorCode.UNAVAILABLE, undefined, 1_000],
    [ErrorCode.NAME_TAKEN, 200, 200],
    ["a_newer_code", 100, 100],
  ];
  for (const [code, retryAfter, delay] of refusals) {
    expect(rig.oneFrame("message").id).toBe(id);
    rig.refuse(id, code, retryAfter === undefined ? {} : { retryAfter });
    rig.advance(delay - 1);
    expect(rig.frames("message")).toEqual([]);
    rig.advance(1);
  }
  expect(rig.events()).toEqual([]);
});

test.each([
  [ErrorCode.ID_REUSED, IdReused],
  [ErrorCode.NOT_JOINED, NotJoined],
  [ErrorCode.NAME_TAKEN, NameRefused],
  ["a_newer_code", CommandRefused],
])("what the server does not take fails with its reason: %s", (code, kind) => {
  const rig = inLobby();
  const id = rig.send(hi());
  rig.refuse(id, code, { field: "room" });
  const command = { ...hi(), id };
  expect(rig.events()).toEqual([{ event: "SendFailed", id, command, error: expect.any(kind) }]);
  rig.cut();
  rig.answerJoin(3);
  expect(rig.frames("message")).toEqual([]);
});

test("a failure says what the server said", () => {
  const rig = inLobby();
  rig.refuse(rig.send(hi()), ErrorCode.ID_REUSED, { field: "id" });
  expect(rig.events()).toMatchObject([
    { error: { code: "id_reused", message: "said id_reused", field: "id", name: "IdReused" } },
  ]);
});

test("what was under way when the connection was lost is in doubt until it is acked", () => {
  const rig = inLobby();
  const id = rig.send(hi());
  rig.frames();
  rig.cut();
  rig.answerJoin(3);
  rig.events();
  rig.refuse(id, ErrorCode.NOT_JOINED);
  expect(rig.events()).toMatchObject([
    { event: "SendFailed", error: { name: "InDoubt", why: expect.any(NotJoined) } },
  ]);
});

test("what is said privately goes to a person", () => {
  const rig = connected();
  const command = { type: "private", to: "Bob", content: "psst" } as const;
  const id = rig.send(command);
  expect(rig.oneFrame("private")).toEqual({ ...command, id });
  rig.refuse(id, ErrorCode.RECIPIENT_UNKNOWN);
  expect(rig.events()).toMatchObject([{ event: "SendFailed", id }]);
});

test("messages wait for their own room only", () => {
  const rig = connected();
  rig.send({ type: "join", room: "lobby" });
  rig.send(hi("lobby"));
  rig.send(hi("garden"));
  expect(rig.frames("message")).toMatchObject([{ room: "garden" }]);
});

test("private messages to different people do not wait for one another", () => {
  const rig = connected();
  const id = rig.send({ type: "private", to: "Bob", content: "a" });
  rig.frames();
  rig.refuse(id, ErrorCode.UNAVAILABLE);
  rig.send({ type: "private", to: "Bob", content: "b" });
  rig.send({ type: "private", to: "Carol", content: "c" });
  expect(rig.frames("private")).toMatchObject([{ to: "Carol" }]);
});

test("the server's rate is kept", () => {
  const rig = new Rig();
  rig.connect({ limits: { ...LIMITS, rate: 10, burst: 20 } });
  for (let count = 0; count < 100; count += 1) rig.send(hi());
  let sent = rig.frames().length;
  expect(sent).toBeGreaterThan(10);
  expect(sent).toBeLessThan(20);
  while (rig.now < 5_000) {
    rig.now = rig.machine.deadline() ?? Number.NaN;
    rig.machine.tick(rig.now);
    sent += rig.frames("message").length;
    expect(sent).toBeLessThanOrEqual(20 + rig.now / 100);
  }
  expect(sent).toBeGreaterThan(50);
});

test("a full outbox takes nothing more", () => {
  const rig = new Rig({ outbox: 2 });
  rig.send(hi());
  rig.send(hi());
  expect(() => rig.send(hi())).toThrow(OutboxFull);
  rig.connect();
  const sent = rig.frames("message", "rooms");
  expect(sent, "the machine's own question has its place").toHaveLength(3);
});

test("what is larger than the server allows never goes out", () => {
  const rig = new Rig();
  rig.send({ type: "message", id: "big", room: "garden", content: "é".repeat(33_000) });
  rig.send(hi("garden"));
  rig.connect();
  expect(rig.frames("message")).toHaveLength(1);
  const bytes = expect.stringMatching(/^66\d\d\d bytes, of at most 65536$/);
  expect(rig.events()).toMatchObject([
    { event: "SendFailed", id: "big", error: { name: "InvalidCommand", message: bytes } },
  ]);
  expect(rig.machine.waiting).toBe(2);
});

test("what is as large as the server allows goes out", () => {
  const size = JSON.stringify({ ...hi("garden"), id: "i1" }).length;
  const rig = new Rig();
  rig.connect({ limits: { ...LIMITS, frame: size } });
  rig.send(hi("garden", { id: "i1" }));
  expect(rig.frames("message")).toHaveLength(1);
  rig.send(hi("garden", { id: "i10" }));
  expect(rig.frames("message")).toHaveLength(0);
});

test("what was never sent can be withdrawn, and what was cannot", () => {
  const rig = inLobby();
  const sent = rig.send(hi());
  rig.machine.disconnected(rig.now, 1006);
  const waiting = rig.send(hi());
  const asked = rig.send({ type: "history", room: "lobby" });
  expect(rig.machine.withdraw(waiting)).toBe(true);
  expect(rig.machine.withdraw(asked)).toBe(true);
  expect(rig.machine.withdraw(sent)).toBe(false);
  expect(rig.machine.withdraw("x")).toBe(false);
  expect(rig.machine.waiting).toBe(1);
});

test("a question that was sent is asked no more once it is withdrawn", () => {
  const rig = connected();
  expect(rig.machine.withdraw(rig.send({ type: "history", room: "lobby" }))).toBe(false);
  rig.frames();
  rig.cut();
  expect(rig.frames("history")).toEqual([]);
});

// Asking.

test("questions are answered", () => {
  const rig = connected();
  const members = rig.send({ type: "members", room: "lobby" });
  const rooms = rig.send({ type: "rooms" });
  const page: ServerFrame = {
    type: "members",
    id: members,
    room: "lobby",
    members: 1,
    names: ["Alice"],
  };
  const peer = { peer: "Bob" };
  const listing: ServerFrame = { type: "rooms", id: rooms, rooms: [summary("~bob", 9, peer)] };
  rig.receive(page, listing);
  expect(rig.events()).toEqual([
    { event: "Answered", id: members, reply: page },
    { event: "Answered", id: rooms, reply: listing },
  ]);
  expect(rig.frames("join"), "it was the application that asked").toEqual([]);
});

test("a page of history is read entry by entry", () => {
  const rig = connected();
  const id = rig.send({ type: "history", room: "lobby", before: 9, limit: 20 });
  expect(rig.oneFrame("history")).toMatchObject({ before: 9, limit: 20 });
  const poll = { type: "poll", room: "lobby", seq: 8, prev: 7 };
  const pong = { type: "pong", time: 0 };
  const page = { type: "history", id, room: "lobby", epoch: "e1", more: true };
  const text = JSON.stringify({ ...page, entries: [message(7), poll, pong] });
  rig.machine.receive(text, rig.now);
  const entries = [message(7), expect.objectContaining({ event: "Unknown", seq: 8 })];
  const reply = { type: "history", room: "lobby", epoch: "e1", more: true, entries };
  expect(rig.events()).toEqual([{ event: "Answered", id, reply }]);
});

test("questions are asked again after a cut", () => {
  const rig = connected();
  const id = rig.send({ type: "history", room: "lobby" });
  rig.frames();
  rig.cut();
  expect(rig.oneFrame("history")).toEqual({ type: "history", id, room: "lobby" });
});

test("a question that is refused fails", () => {
  const rig = connected();
  const id = rig.send({ type: "history", room: "~x" });
  rig.refuse(id, ErrorCode.FORBIDDEN);
  expect(rig.events()).toMatchObject([{ event: "Failed", id, error: { name: "NotAllowed" } }]);
});

test("a rename is answered and told", () => {
  const rig = connected();
  const id = rig.send({ type: "hello", username: "bob" });
  expect(rig.oneFrame("hello")).toMatchObject({ username: "bob", key: KEY });
  const reply = welcome(id, { username: "Bob" });
  rig.receive(reply);
  expect(rig.events()).toEqual([
    { event: "Renamed", username: "Bob" },
    { event: "Answered", id, reply },
  ]);
  rig.reopen();
  expect(rig.oneFrame("hello").username).toBe("Bob");
});

test("a rename that is refused fails at once and changes nothing", () => {
  const rig = connected();
  const id = rig.send({ type: "hello", username: "Bob" });
  rig.refuse(id, ErrorCode.NAME_TAKEN, { retryAfter: 5_000 });
  expect(rig.events()).toMatchObject([{ event: "Failed", id, error: { name: "NameRefused" } }]);
  expect(rig.machine.username).toBe("Alice");
  expect(rig.machine.state.state).toBe("Connected");
});

/** Somebody whose connection is there again, and whose name somebody else has. */
function comingBack(): Rig {
  const rig = connected();
  rig.reopen();
  rig.refuse(rig.oneFrame("hello").id, ErrorCode.NAME_TAKEN, { retryAfter: 5_000 });
  rig.events();
  return rig;
}

test("who waits for a name may take another, and says there what was to be said", () => {
  const rig = comingBack();
  const said = rig.send({ type: "private", to: "Carol", content: "Hello!" });
  expect(rig.frames()).toEqual([]);
  const id = rig.send({ type: "hello", username: "Bob" });
  const hello = rig.oneFrame("hello");
  expect(hello).toMatchObject({ id, username: "Bob" });
  expect(hello).not.toHaveProperty("returning");
  rig.receive(welcome(id, { username: "Bob" }));
  expect(rig.machine.username).toBe("Bob");
  expect(rig.machine.state.state).toBe("Connected");
  expect(rig.events()).toContainEqual(expect.objectContaining({ event: "Answered", id }));
  expect(rig.oneFrame("private").id).toBe(said);
});

test("a name that is waited for is waited for where another is not to be had", () => {
  const rig = comingBack();
  const names = ["B".repeat(LIMITS.frame), "Bob", " "];
  const wishes = names.map((username) => rig.send({ type: "hello", username }));
  rig.refuse(rig.oneFrame("hello").id, ErrorCode.NAME_TAKEN);
  rig.refuse(rig.oneFrame("hello").id, ErrorCode.NAME_INVALID);
  expect(rig.events()).toMatchObject(wishes.map((id) => ({ event: "Failed", id })));
  rig.advance(5_000);
  const hello = rig.oneFrame("hello");
  expect(hello).toMatchObject({ username: "Alice", returning: true });
  rig.receive(welcome(hello.id));
  expect(rig.machine.state.state).toBe("Connected");
});

test("a rename is no way round a server that cannot answer", () => {
  const rig = connected();
  rig.reopen();
  rig.refuse(rig.oneFrame("hello").id, ErrorCode.UNAVAILABLE, { retryAfter: 1_000 });
  rig.send({ type: "hello", username: "Bob" });
  expect(rig.frames()).toEqual([]);
});

test("another name that was asked for on a lost connection is asked for again", () => {
  const rig = comingBack();
  const id = rig.send({ type: "hello", username: "Bob" });
  rig.frames();
  rig.reopen();
  rig.welcome();
  expect(rig.oneFrame("hello").id).toBe(id);
});

test("another name, asked for instead of one that is waited for, may be one's own", () => {
  const rig = comingBack();
  const ids = ["Bob", "Carol"].map((username) => rig.send({ type: "hello", username }));
  expect(ids.map((id) => rig.machine.withdraw(id))).toEqual([false, true]);
});

test("answers and refusals that nobody waits for are nothing", () => {
  const rig = connected();
  rig.receive({ type: "members", id: "x", room: "lobby", members: 1, names: ["Alice"] });
  rig.refuse("x", ErrorCode.FORBIDDEN);
  expect(rig.events()).toEqual([]);
});

// Leaving.

test("a leave that has not gone out is over when one comes back", () => {
  const rig = inLobby();
  const id = rig.send({ type: "leave", room: "lobby" });
  const other = rig.send({ type: "leave", room: "garden" });
  rig.send({ type: "join", room: "lobby" });
  expect(rig.events()).toEqual([
    { event: "Answered", id: other, reply: { type: "left", room: "garden" } },
    { event: "Answered", id, reply: { type: "left", room: "lobby" } },
  ]);
});

test("a cut ends a leave and is told as if the server had answered", () => {
  const rig = inLobby();
  const id = rig.send({ type: "leave", room: "lobby" });
  const question = rig.send({ type: "members", room: "lobby" });
  rig.events();
  rig.cut();
  expect(rig.events()).toEqual([{ event: "Answered", id, reply: { type: "left", room: "lobby" } }]);
  expect(rig.frames("leave", "members").map((frame) => frame.id)).toEqual([question]);
});

// What the machine asks for itself.

test("a question of the machine's own is told to nobody and asked anew after a cut", () => {
  const rig = new Rig({ outbox: 1 });
  rig.connect();
  const first = rig.oneFrame("rooms").id;
  rig.cut();
  const second = rig.oneFrame("rooms").id;
  expect(first).not.toBe(second);
  rig.receive({ type: "rooms", id: first, rooms: [] });
  expect(rig.machine.waiting).toBe(1);
  rig.receive({ type: "rooms", id: second, rooms: [] });
  expect(rig.machine.waiting).toBe(0);
  expect(rig.events()).toEqual([]);
});

test("a question of the machine's own that is refused is told to nobody", () => {
  const rig = new Rig();
  rig.connect();
  rig.refuse(rig.oneFrame("rooms").id, ErrorCode.INVALID);
  expect(rig.events()).toEqual([]);
  expect(rig.machine.waiting).toBe(0);
});

// The end.

test("what waits at the end fails, and what was under way is in doubt", () => {
  const rig = inLobby();
  const sent = rig.send(hi());
  const question = rig.send({ type: "members", room: "lobby" });
  rig.machine.close();
  expect(rig.events()).toEqual([
    expect.objectContaining({ event: "SendFailed", id: sent, error: expect.any(InDoubt) }),
    expect.objectContaining({ event: "Failed", id: question }),
  ]);
  expect(rig.machine.waiting).toBe(0);
});

test("what was never sent is not in doubt at the end", () => {
  const rig = new Rig();
  rig.send(hi());
  rig.machine.close();
  expect(rig.events()).toMatchObject([{ event: "SendFailed", error: { name: "Ended" } }]);
});

test("what is no text is refused at once", () => {
  const rig = connected();
  for (const content of ["\ud800", "a\udc00b"]) {
    expect(() => rig.send(hi("lobby", { content }))).toThrow(InvalidCommand);
  }
  expect(() => rig.send({ type: "join", room: "\ud800" })).toThrow(InvalidCommand);
  expect(rig.machine.waiting).toBe(0);
  rig.send(hi("garden", { content: "😀 \\ud800" }));
  expect(rig.types()).toEqual(["message"]);
});
