import { expect, test } from "vitest";
import {
  ErrorCode,
  type RoomSummary,
  type SetTyping,
  type Typing,
} from "../../src/machine/index.js";
import { at, directed, joined, LIMITS, message, summary } from "./frames.js";
import { connected, hi, inLobby, Rig } from "./rig.js";

const LOBBY = { type: "join", room: "lobby" } as const;
const LEAVE = { type: "leave", room: "lobby" } as const;
const LEFT = { type: "left", room: "lobby" } as const;
const COMPLETE = { recovered: "complete" } as const;

function typing(username: string, isTyping = true): Typing {
  return { type: "typing", room: "lobby", username, isTyping };
}

function typists(...usernames: string[]) {
  return { event: "TypingChanged", room: "lobby", usernames };
}

function key(isTyping = true, room = "lobby"): SetTyping {
  return { type: "typing", room, isTyping };
}

function gap(room: string, after: number, missing: number | null = null) {
  return { event: "Gap", room, after, missing };
}

/** The machine's question for its conversations is answered. */
function list(rig: Rig, rooms: readonly RoomSummary[], more = false): void {
  rig.receive({ type: "rooms", id: rig.oneFrame("rooms").id, rooms, more });
}

/** The rig reconnects to a server that allows a command every ten seconds; none is left. */
function slow(rig: Rig): void {
  rig.cut({ limits: { ...LIMITS, rate: 1 / 9, burst: 4 } });
  rig.answerJoin(3);
  rig.frames();
  rig.events();
}

// Rooms.

test("joining a room tells the application and whoever asked", () => {
  const rig = connected();
  const id = rig.send({ ...LOBBY, room: "Lobby", limit: 10 });
  const join = rig.oneFrame("join");
  expect(join).toMatchObject({ room: "Lobby", limit: 10 });
  const reply = joined(join.id, 3, { members: 2, names: ["Alice", "Bob"] });
  rig.receive(reply);
  expect(rig.events()).toEqual([reply, { event: "Answered", id, reply }]);
  const there = { count: 2, names: ["Alice", "Bob"] };
  expect(rig.machine.members("Lobby")).toEqual(there);
  expect(rig.machine.members("lobby"), "known in each spelling").toEqual(there);
});

test("joining a room again is answered at once, with what was said then", () => {
  const rig = inLobby();
  const id = rig.send(LOBBY);
  expect(rig.events()).toMatchObject([{ event: "Answered", id, reply: { head: at(3) } }]);
  expect(rig.frames()).toEqual([]);
});

test("entries are shown once and in order", () => {
  const rig = inLobby();
  rig.receive(message(4), message(5), message(4), message(3), message(6));
  expect(rig.events()).toEqual([message(4), message(5), message(6)]);
});

test("rooms are joined again after a cut from where one stood", () => {
  const rig = inLobby(3, { catchUp: 500 });
  rig.receive(message(4));
  rig.cut();
  const join = rig.oneFrame("join");
  expect(join).toMatchObject({ room: "lobby", since: at(4), epoch: "e1", limit: 500 });
  rig.events();
  const reply = joined(join.id, 5, COMPLETE);
  rig.receive(reply, message(5, { replay: true }), message(6));
  expect(rig.events()).toEqual([reply, message(5, { replay: true }), message(6)]);
});

test("entries that are left out are told as a gap", () => {
  const rig = inLobby();
  rig.cut();
  rig.events();
  rig.answerJoin(100, { recovered: "partial", missing: 90 });
  rig.receive(message(94));
  expect(rig.events().slice(1)).toEqual([gap("lobby", 3, 90), message(94)]);
});

test("a log that is another is told as a gap after the join", () => {
  const rig = inLobby();
  rig.cut();
  rig.events();
  rig.answerJoin(0, { epoch: "e2", recovered: "none" });
  expect(rig.events()).toMatchObject([{ type: "joined" }, gap("lobby", 3)]);
});

test("a hole is filled before anything after it is shown", () => {
  const rig = inLobby();
  rig.receive(message(6), message(7));
  expect(rig.events()).toEqual([]);
  const join = rig.oneFrame("join");
  expect(join.since).toEqual(at(3));
  const missed = [4, 5, 6, 7, 8].map((seq) => message(seq, { replay: true }));
  rig.receive(message(8), joined(join.id, 8, COMPLETE), ...missed, message(9));
  expect(rig.events().slice(1)).toEqual([...missed, message(9)]);
});

test("what is said in rooms that one is not in is not shown", () => {
  const rig = connected();
  rig.receive(message(1));
  rig.machine.receive('{"type":"poll","room":"lobby","seq":1,"prev":0}', 0);
  expect(rig.events()).toEqual([]);
});

test("an entry that cannot be shown keeps its place", () => {
  const rig = inLobby();
  rig.machine.receive('{"type":"poll","room":"lobby","seq":4,"prev":3,"id":"p"}', 0);
  rig.receive(message(5));
  expect(rig.events()).toMatchObject([{ event: "Unknown", id: "p" }, message(5)]);
  expect(rig.machine.position("lobby")).toEqual({ epoch: "e1", cursor: at(5) });
  expect(rig.machine.position("garden")).toEqual({});
});

test("what cannot be read does no harm", () => {
  const rig = inLobby();
  for (const text of ["", "nonsense", '{"type":"wave"}']) rig.machine.receive(text, 0);
  rig.receive(message(4));
  expect(rig.events()).toEqual([message(4)]);
});

test("a room that cannot be joined fails whoever asked", () => {
  const rig = connected();
  const id = rig.send(LOBBY);
  rig.refuse(rig.oneFrame("join").id, ErrorCode.TOO_MANY_ROOMS);
  const error = expect.objectContaining({ name: "TooManyRooms" });
  expect(rig.events()).toEqual([
    { event: "RoomLost", room: "lobby", error },
    { event: "Failed", id, error },
  ]);
  rig.cut();
  expect(rig.frames("join")).toEqual([]);
});

test("a room that is lost is without anybody who types", () => {
  const rig = inLobby();
  rig.receive(typing("Bob"), message(6));
  rig.events();
  rig.refuse(rig.oneFrame("join").id, ErrorCode.FORBIDDEN);
  expect(rig.events()).toMatchObject([{ event: "RoomLost" }, typists()]);
});

test("a join that may do better later is made again", () => {
  const rig = connected();
  rig.send(LOBBY);
  rig.refuse(rig.oneFrame("join").id, ErrorCode.UNAVAILABLE, { retryAfter: 2_000 });
  expect(rig.machine.deadline()).toBe(2_000);
  rig.advance(1_999);
  expect(rig.frames()).toEqual([]);
  rig.advance(1);
  expect(rig.oneFrame("join").room).toBe("lobby");
});

test("leaving a room ends what comes of it", () => {
  const rig = inLobby();
  rig.receive(typing("Bob"));
  rig.events();
  const id = rig.send(LEAVE);
  const left = { ...LEFT, id: rig.oneFrame("leave").id };
  rig.receive(message(4), left, message(5));
  expect(rig.events()).toEqual([typists(), { event: "Answered", id, reply: left }]);
  expect(rig.machine.members("lobby")).toEqual({ count: 0, names: [] });
  rig.cut();
  expect(rig.frames("join")).toEqual([]);
});

test("what was said before leaving goes out before the leave", () => {
  const rig = inLobby();
  rig.send(hi());
  rig.send(LEAVE);
  expect(rig.types()).toEqual(["message", "leave"]);
});

test("leaving a room that one is not in is answered at once", () => {
  const rig = connected();
  const id = rig.send(LEAVE);
  expect(rig.events()).toEqual([{ event: "Answered", id, reply: LEFT }]);
  expect(rig.frames()).toEqual([]);
});

test("leaving without a connection is answered at once", () => {
  const rig = new Rig();
  const asked = rig.send(LOBBY);
  const id = rig.send(LEAVE);
  expect(rig.events()).toMatchObject([
    { event: "Answered", id, reply: LEFT },
    { event: "Failed", id: asked, error: { name: "NotJoined" } },
  ]);
  rig.connect();
  expect(rig.frames("join")).toEqual([]);
});

test("a cut is as good as a leave", () => {
  const rig = inLobby();
  const id = rig.send(LEAVE);
  rig.frames();
  rig.cut();
  expect(rig.events()).toContainEqual({ event: "Answered", id, reply: LEFT });
  expect(rig.frames("leave", "join")).toEqual([]);
});

test("who joins again before the leave went out has not left", () => {
  const rig = inLobby();
  slow(rig);
  const id = rig.send(LEAVE);
  expect(rig.frames(), "the rate does not allow it yet").toEqual([]);
  rig.send(LOBBY);
  rig.advance(20_000);
  expect(rig.events()).toEqual([{ event: "Answered", id, reply: LEFT }]);
  expect(rig.frames("join", "leave")).toMatchObject([{ type: "join" }]);
});

test("who comes back by another name does not leave any more", () => {
  const rig = inLobby();
  const id = rig.send(LEAVE);
  rig.refuse(id, ErrorCode.RATE_LIMITED);
  rig.send({ ...LOBBY, room: "LOBBY" });
  rig.events();
  rig.answerJoin(3);
  expect(rig.events()).toContainEqual({ event: "Answered", id, reply: LEFT });
  rig.advance(5_000);
  expect(rig.frames("leave")).toEqual([]);
});

test("a leave that the server took after the join is mended", () => {
  const rig = inLobby();
  rig.receive({ ...LEFT, id: "old" });
  expect(rig.oneFrame("join").since).toEqual(at(3));
});

test("the answer to a join that nobody wants any more is nothing", () => {
  const rig = connected();
  rig.send(LOBBY);
  const { id } = rig.oneFrame("join");
  rig.send(LEAVE);
  rig.events();
  rig.receive(joined(id));
  expect(rig.events()).toEqual([]);
  expect(rig.machine.members("lobby")).toEqual({ count: 0, names: [] });
});

// Private conversations.

test("what was said privately while one was away is asked for", () => {
  const rig = connected();
  rig.receive(directed(1));
  rig.cut();
  list(rig, [summary("~bob", 3, { peer: "Bob" }), summary("lobby", 9, { members: 5 })]);
  const join = rig.oneFrame("join");
  expect(join).toMatchObject({ room: "~bob", since: at(1) });
  rig.events();
  const missed = [directed(2, { replay: true }), directed(3, { replay: true })];
  rig.receive(joined(join.id, 3, { room: "~bob", ...COMPLETE }), ...missed, directed(4));
  const told = rig.events();
  expect(told, "it did not join the room, and is not told").toEqual([...missed, directed(4)]);
});

test("a new client asks for some of each conversation", () => {
  const rig = new Rig({ privateReplay: 20 });
  rig.connect();
  list(rig, [summary("~bob", 300, { peer: "Bob" })]);
  const join = rig.oneFrame("join");
  expect(join).toEqual({ type: "join", id: join.id, room: "~bob", limit: 20 });
});

test("conversations are listed page by page, and an empty page is the last", () => {
  const rig = new Rig();
  rig.connect();
  list(rig, [summary("~a", 0, { peer: "A" })], true);
  const { id, after } = rig.oneFrame("rooms");
  expect(after).toBe("~a");
  rig.receive({ type: "rooms", id, rooms: [], more: true });
  expect(rig.frames("rooms")).toEqual([]);
});

test("a page that does not say that there are more is the last", () => {
  const rig = new Rig();
  rig.connect();
  const rooms = [summary("~a", 0, { peer: "A" })];
  rig.receive({ type: "rooms", id: rig.oneFrame("rooms").id, rooms });
  expect(rig.frames("rooms")).toEqual([]);
});

test("a conversation that the server has lost is told as a gap and begins anew", () => {
  const rig = connected();
  rig.receive(directed(1), directed(2));
  rig.cut();
  rig.events();
  list(rig, []);
  rig.receive(directed(1, { id: "new" }));
  expect(rig.events()).toEqual([gap("~bob", 2), directed(1, { id: "new" })]);
});

test("nothing is asked for where nothing was missed", () => {
  const rig = connected();
  rig.receive(directed(1));
  rig.cut();
  list(rig, [summary("~bob", 1, { peer: "Bob" })]);
  expect(rig.frames("join")).toEqual([]);
});

test("a hole in a conversation is filled", () => {
  const rig = connected();
  rig.receive(directed(1), directed(3));
  const join = rig.oneFrame("join");
  expect(join).toMatchObject({ room: "~bob", since: at(1) });
  rig.receive(joined(join.id, 3, { room: "~bob", ...COMPLETE }), directed(2), directed(3));
  expect(rig.events()).toEqual([directed(1), directed(2), directed(3)]);
});

test("a conversation that cannot be joined goes on with a gap", () => {
  const rig = connected();
  rig.receive(directed(1), directed(3));
  rig.refuse(rig.oneFrame("join").id, ErrorCode.FORBIDDEN);
  rig.receive(directed(4));
  expect(rig.events()).toEqual([directed(1), gap("~bob", 1), directed(4)]);
});

test("a listing that fails harms nothing, and one that was cut is made anew", () => {
  const rig = new Rig();
  rig.connect();
  rig.refuse(rig.oneFrame("rooms").id, ErrorCode.FORBIDDEN);
  expect(rig.events()).toEqual([]);
  for (let cuts = 0; cuts < 2; cuts += 1) {
    rig.cut();
    expect(rig.frames("rooms")).toHaveLength(1);
  }
  expect(rig.machine.waiting).toBe(1);
});

test("a listing that may do better later is made again", () => {
  const rig = new Rig();
  rig.connect();
  const { id } = rig.oneFrame("rooms");
  rig.refuse(id, ErrorCode.UNAVAILABLE);
  rig.advance(1_000);
  expect(rig.oneFrame("rooms").id).toBe(id);
});

// The others.

test("who types is told, and forgotten after six seconds", () => {
  const rig = inLobby();
  rig.receive(typing("Bob"));
  expect(rig.events()).toEqual([typists("Bob")]);
  expect(rig.machine.typing("lobby")).toEqual(["Bob"]);
  rig.advance(5_999);
  expect(rig.events()).toEqual([]);
  rig.advance(1);
  expect(rig.events()).toEqual([typists()]);
});

test("who says it types no more", () => {
  const rig = inLobby();
  rig.receive(typing("Bob"), message(4));
  expect(rig.events().slice(1)).toEqual([message(4), typists()]);
});

test("one's own typing and that in other rooms is not told", () => {
  const rig = inLobby();
  rig.receive(typing("Alice"), { ...typing("Bob"), room: "garden" });
  expect(rig.events()).toEqual([]);
});

test("after a cut nobody types", () => {
  const rig = inLobby();
  rig.receive(typing("Bob"));
  rig.events();
  rig.machine.disconnected(rig.now, 1006);
  expect(rig.events()).toEqual([typists()]);
});

test("who comes is told", () => {
  const rig = inLobby();
  const presence = { room: "lobby", members: 2, joined: ["Bob"], left: [], snapshot: false };
  rig.receive({ type: "presence", ...presence });
  expect(rig.events()).toEqual([{ event: "PresenceChanged", ...presence }]);
});

test("an error that answers nothing is told, and one that answers too late is not", () => {
  const rig = connected();
  rig.refuse(undefined, ErrorCode.NOT_JOINED);
  rig.refuse("x", ErrorCode.NOT_JOINED);
  expect(rig.events()).toMatchObject([{ event: "ServerError", error: { name: "NotJoined" } }]);
});

// One's own typing.

test("own typing is told at the first key, every three seconds, and at the end", () => {
  const rig = inLobby();
  const told: [number, boolean][] = [];
  const look = () => {
    for (const frame of rig.frames("typing")) told.push([rig.now, (frame as SetTyping).isTyping]);
  };
  for (let keys = 0; keys < 40; keys += 1) {
    rig.send(key());
    look();
    rig.advance(125);
  }
  rig.advance(1_750);
  look();
  rig.advance(125);
  look();
  expect(told).toEqual([
    [0, true],
    [3_000, true],
    [6_875, false],
  ]);
});

test("who stops by hand says so once", () => {
  const rig = inLobby();
  rig.send(key(false));
  expect(rig.frames()).toEqual([]);
  rig.send(key());
  rig.send(key(false));
  expect(rig.frames("typing")).toMatchObject([{ isTyping: true }, { isTyping: false }]);
});

test("a message says by itself that one types no more", () => {
  const rig = inLobby();
  rig.send(key());
  rig.send(hi());
  rig.advance(3_000);
  expect(rig.types("typing", "message")).toEqual(["typing", "message"]);
});

test("who leaves types no more", () => {
  const rig = inLobby();
  rig.send(key());
  rig.send(LEAVE);
  rig.advance(3_000);
  expect(rig.types("typing", "leave")).toEqual(["typing", "leave"]);
});

test("after a cut one types anew", () => {
  const rig = inLobby();
  rig.send(key());
  rig.frames();
  rig.cut();
  rig.answerJoin(3);
  rig.send(key());
  expect(rig.frames("typing")).toHaveLength(1);
});

test("typing in a room that one is not in is nobody's business", () => {
  const rig = connected();
  rig.send(key(true, "garden"));
  rig.advance(3_000);
  expect(rig.frames("typing")).toEqual([]);
});

test("typing does not wait for the rate", () => {
  const rig = inLobby();
  slow(rig);
  rig.send(key());
  expect(rig.frames("typing")).toEqual([]);
});

// The end.

test("who waits to be in a room fails at the end", () => {
  const rig = connected();
  const id = rig.send(LOBBY);
  rig.machine.close();
  expect(rig.events()).toMatchObject([{ event: "Failed", id, error: { name: "Ended" } }]);
});
