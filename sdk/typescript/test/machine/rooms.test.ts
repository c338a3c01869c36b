import { expect, test } from "vitest";
import { NOW } from "../../src/machine/earliest.js";
import type { Gap, Join } from "../../src/machine/index.js";
import { Rooms } from "../../src/machine/rooms.js";
import { at, directed, joined, message, summary } from "./frames.js";

const LOBBY: Join = { type: "join", room: "lobby" };
const GARDEN: Join = { type: "join", room: "garden" };
const BOB: Join = { type: "join", room: "~bob" };
const SHOWN = { followed: "shown" };
const COMPLETE = { recovered: "complete" } as const;

function make(privateReplay = 50): Rooms {
  return new Rooms(1_000, privateReplay);
}

/** The join that goes out now. */
function nextJoin(rooms: Rooms, id: string, now = 0): Join {
  const view = rooms.nextJoin(now);
  if (view === undefined) throw new Error("there is none");
  return rooms.join(view, id);
}

/** Rooms with the lobby joined at a head. */
function inLobby(): Rooms {
  const rooms = make();
  rooms.want(LOBBY, "app");
  nextJoin(rooms, "j");
  rooms.joined(joined("j", 3));
  return rooms;
}

/** Rooms that have followed these conversations on a connection before. */
function known(...names: string[]): Rooms {
  const rooms = make();
  for (const room of names) {
    rooms.meet(directed(1, { room }));
    rooms.follow(directed(1, { room }));
  }
  rooms.cut();
  return rooms;
}

function gap(after: number): Gap {
  return { event: "Gap", room: "~bob", after, missing: null };
}

// What the application joins.

test("a room that is wanted is joined, and whoever asked is told", () => {
  const rooms = make();
  expect(rooms.want({ ...LOBBY, limit: 7 }, "a1")).toBe(false);
  expect(rooms.want(LOBBY, "a2")).toBe(false);
  expect(rooms.isOpen("lobby")).toBe(false);
  expect(rooms.deadline()).toBe(NOW);
  expect(nextJoin(rooms, "j")).toEqual({ type: "join", id: "j", room: "lobby", limit: 7 });
  expect(rooms.deadline()).toBeUndefined();
  const ended = rooms.joined(joined("j", 3));
  expect([ended?.view.name, ended?.gap, ended?.askers]).toEqual(["lobby", undefined, ["a1", "a2"]]);
  expect(rooms.isOpen("lobby")).toBe(true);
  expect(rooms.isJoined("lobby")).toBe(true);
  expect(rooms.want(LOBBY, "a3"), "it is joined already").toBe(true);
});

test("an application can go on where another stopped", () => {
  const rooms = make();
  rooms.want({ ...LOBBY, since: at(3), epoch: "e1" }, "a");
  expect(nextJoin(rooms, "j")).toEqual({
    type: "join",
    id: "j",
    room: "lobby",
    since: at(3),
    epoch: "e1",
    limit: 1_000,
  });
});

test("a room that nobody joined is open and not joined", () => {
  const rooms = make();
  expect(rooms.isOpen("garden")).toBe(true);
  expect(rooms.isJoined("garden")).toBe(false);
  expect(rooms.find("garden")).toBeUndefined();
});

test("after a cut wanted rooms are joined again from where one stood", () => {
  const rooms = inLobby();
  rooms.follow(message(4));
  rooms.cut();
  expect(rooms.isOpen("lobby")).toBe(false);
  expect(nextJoin(rooms, "k").since).toEqual(at(4));
  expect(rooms.joined(joined("j", 4)), "the old join is void").toBeUndefined();
});

test("a room that was left is followed no more", () => {
  const rooms = inLobby();
  expect(rooms.leave("lobby")).toEqual([]);
  expect(rooms.follow(message(4))).toEqual({ followed: "skipped" });
  rooms.cut();
  expect(rooms.nextJoin(0)).toBeUndefined();
});

test("who leaves a room before it is joined tells those who waited, and no others", () => {
  const rooms = make();
  rooms.want(LOBBY, "a");
  rooms.want(GARDEN, "b");
  nextJoin(rooms, "j");
  nextJoin(rooms, "k");
  expect(rooms.leave("lobby")).toEqual(["a"]);
  expect(rooms.joined(joined("j"))).toBeUndefined();
  expect(rooms.joined(joined("k", 0, { room: "garden" }))?.askers).toEqual(["b"]);
  rooms.want(LOBBY, "c");
  expect(rooms.leave("lobby")).toEqual(["c"]);
  expect(rooms.nextJoin(0)).toBeUndefined();
});

test("who was taken out of a room after coming back joins once more", () => {
  const rooms = inLobby();
  rooms.left("lobby");
  expect(nextJoin(rooms, "k").since).toEqual(at(3));
  rooms.left("lobby");
  expect(rooms.nextJoin(0), "the join comes after the leave anyway").toBeUndefined();
  rooms.left("garden");
  expect(rooms.nextJoin(0)).toBeUndefined();
});

test("at the end all who waited are told", () => {
  const rooms = make();
  rooms.want(LOBBY, "a");
  rooms.want(GARDEN, "b");
  expect(rooms.end()).toEqual(["a", "b"]);
  expect(rooms.end()).toEqual([]);
});

test("an answer that nobody asked for changes nothing", () => {
  const rooms = make();
  expect(rooms.joined(joined(undefined))).toBeUndefined();
  expect(rooms.joined(joined("x"))).toBeUndefined();
  expect(rooms.refused("x", undefined)).toBeUndefined();
  expect(inLobby().joined(joined("j", 3)), "it came before").toBeUndefined();
});

test("an answer to a join of the connection before is void", () => {
  const rooms = make();
  rooms.want(LOBBY, "a");
  nextJoin(rooms, "j");
  rooms.cut();
  nextJoin(rooms, "k");
  expect(rooms.joined(joined("j"))).toBeUndefined();
  expect(rooms.joined(joined("k"))?.askers).toEqual(["a"]);
});

// Names.

test("a room goes by its canonical name once that is known", () => {
  const rooms = make();
  rooms.want({ ...LOBBY, room: "Lobby" }, "a");
  expect(nextJoin(rooms, "j").room).toBe("Lobby");
  rooms.joined(joined("j", 3));
  expect(rooms.resolve("Lobby")).toBe("lobby");
  expect(rooms.find("Lobby")).toBe(rooms.find("lobby"));
  expect(rooms.find("lobby")?.name).toBe("lobby");
  expect(rooms.follow(message(4))).toEqual(SHOWN);
  expect(rooms.want({ ...LOBBY, room: "Lobby" }, "b")).toBe(true);
  rooms.cut();
  expect(nextJoin(rooms, "k").room).toBe("lobby");
  expect(rooms.nextJoin(0), "it is one room").toBeUndefined();
  expect(rooms.leave("Lobby")).toEqual([]);
  expect(rooms.find("lobby")).toBeUndefined();
});

test("one room by two names goes on from where one stood", () => {
  const rooms = inLobby();
  expect(rooms.want({ ...LOBBY, room: "LOBBY" }, "b")).toBe(false);
  nextJoin(rooms, "k");
  const ended = rooms.joined(joined("k", 9));
  expect([ended?.view.name, ended?.gap, ended?.askers]).toEqual(["lobby", undefined, ["b"]]);
  expect(nextJoin(rooms, "l").since, "nothing may be skipped").toEqual(at(3));
  rooms.joined(joined("l", 9, COMPLETE));
  expect(rooms.follow(message(4))).toEqual(SHOWN);
});

test("one room by two names, asked for at once", () => {
  const rooms = make();
  rooms.want(LOBBY, "a");
  rooms.want({ ...LOBBY, room: "LOBBY" }, "b");
  nextJoin(rooms, "j");
  nextJoin(rooms, "k");
  expect(rooms.joined(joined("k")), "the other answer is under way").toBeUndefined();
  expect(rooms.joined(joined("j"))?.askers).toEqual(["a", "b"]);
  expect(rooms.nextJoin(0)).toBeUndefined();
});

test("a conversation that turns out to be a room one joins is wanted from then on", () => {
  const rooms = known("~bob");
  rooms.want({ ...BOB, room: "~BOB" }, "a");
  nextJoin(rooms, "j");
  expect(rooms.joined(joined("j", 4, { room: "~bob" }))?.view.wanted).toBe(true);
});

// Refusals.

test("a join that may do better later is made again then", () => {
  const rooms = make();
  rooms.want(LOBBY, "a");
  nextJoin(rooms, "j");
  expect(rooms.refused("j", 5_000)).toBeUndefined();
  expect(rooms.deadline()).toBe(5_000);
  expect(rooms.nextJoin(4_999)).toBeUndefined();
  nextJoin(rooms, "k", 5_000);
  expect(rooms.joined(joined("k"))?.askers).toEqual(["a"]);
});

test("a room into which one is not let is given up", () => {
  const rooms = make();
  rooms.want(LOBBY, "a");
  nextJoin(rooms, "j");
  const ended = rooms.refused("j", undefined);
  expect([ended?.view.name, ended?.gap, ended?.askers]).toEqual(["lobby", undefined, ["a"]]);
  expect(rooms.find("lobby")).toBeUndefined();
});

test("a conversation that cannot be joined is followed on, with a gap", () => {
  const rooms = make();
  rooms.listed(summary("~bob", 9));
  nextJoin(rooms, "j");
  const ended = rooms.refused("j", undefined);
  expect([ended?.view.name, ended?.gap, ended?.askers]).toEqual(["~bob", gap(0), []]);
  expect(rooms.follow(directed(12, { prev: 9 }))).toEqual(SHOWN);
});

// The chain.

test("a break makes the room be joined again, and until then nothing is shown", () => {
  const rooms = inLobby();
  expect(rooms.follow(message(6))).toEqual({ followed: "broken" });
  expect(rooms.follow(message(7))).toEqual({ followed: "skipped" });
  expect(nextJoin(rooms, "k").since).toEqual(at(3));
});

test("entries of rooms that one is not in are passed over", () => {
  expect(make().follow(message(1))).toEqual({ followed: "skipped" });
});

// Private conversations.

test("a new conversation is followed from its first entry", () => {
  const rooms = make();
  rooms.meet(directed(1));
  expect(rooms.follow(directed(1))).toEqual(SHOWN);
  rooms.meet(directed(2));
  expect(rooms.follow(directed(2))).toEqual(SHOWN);
  expect(rooms.nextJoin(0)).toBeUndefined();
});

test("a conversation that is new only to this client is joined with some replay", () => {
  const rooms = make(20);
  rooms.meet(directed(9));
  expect(rooms.follow(directed(9)).followed, "it comes again with the others").toBe("skipped");
  expect(nextJoin(rooms, "j")).toEqual({ type: "join", id: "j", room: "~bob", limit: 20 });
});

test("a conversation that was cut before anything was shown is as good as new", () => {
  const rooms = make();
  rooms.meet(directed(9));
  nextJoin(rooms, "j");
  rooms.joined(joined("j", 9, { room: "~bob" }));
  rooms.cut();
  expect(rooms.find("~bob")).toBeUndefined();
  rooms.meet(directed(10));
  expect(rooms.follow(directed(10)).followed).toBe("skipped");
  rooms.listed(summary("~bob", 10));
  expect(nextJoin(rooms, "k")).toEqual({ type: "join", id: "k", room: "~bob", limit: 50 });
});

test("who wants no replay follows a conversation from wherever it is", () => {
  const rooms = make(0);
  rooms.meet(directed(9));
  expect(rooms.follow(directed(9))).toEqual(SHOWN);
  expect(rooms.nextJoin(0)).toBeUndefined();
});

test("a conversation with something new is joined from where one stood", () => {
  const rooms = known("~bob");
  expect(rooms.nextJoin(0), "the server sends it by itself").toBeUndefined();
  rooms.listed(summary("~bob", 1));
  expect(rooms.nextJoin(0)).toBeUndefined();
  rooms.listed(summary("~bob", 4));
  const join = nextJoin(rooms, "j");
  expect(join).toEqual({ type: "join", id: "j", room: "~bob", since: at(1), limit: 1_000 });
});

test.each([
  [9, 50, true],
  [9, 0, false],
  [0, 50, false],
])("a listed conversation that was never seen (head %d, replay %d): %s", (head, replay, joins) => {
  const rooms = make(replay);
  rooms.listed(summary("~bob", head));
  expect(rooms.nextJoin(0) !== undefined).toBe(joins);
  if (joins) return;
  expect(rooms.follow(directed(head + 1))).toEqual(SHOWN);
  expect(rooms.follow(directed(head + 3))).toEqual({ followed: "broken" });
});

test("a conversation of which the server knows nothing any more begins anew", () => {
  const rooms = known("~bob", "~carol");
  rooms.listed(summary("~carol", 1));
  expect(rooms.allListed()).toEqual([gap(1)]);
  expect(rooms.allListed()).toEqual([]);
  expect(rooms.follow(directed(1, { id: "new" }))).toEqual(SHOWN);
});

test("lost conversations are told in the order of their names", () => {
  const lost = known("~c", "~a", "~b").allListed();
  expect(lost.map(({ room }) => room)).toEqual(["~a", "~b", "~c"]);
});

test("a cut before all were listed begins the listing anew", () => {
  const rooms = known("~bob");
  rooms.leave("~bob");
  rooms.meet(directed(1, { room: "~carol" }));
  rooms.follow(directed(1, { room: "~carol" }));
  rooms.cut();
  expect(rooms.allListed().map(({ room }) => room)).toEqual(["~carol"]);
});

test("a conversation that was left or joined in the meantime is not lost", () => {
  const rooms = known("~bob", "~carol");
  rooms.leave("~bob");
  rooms.want({ ...BOB, room: "~carol" }, "a");
  expect(rooms.allListed()).toEqual([]);
});

test("an application can join a conversation", () => {
  const rooms = make();
  rooms.meet(directed(1));
  rooms.follow(directed(1));
  expect(rooms.want(BOB, "a")).toBe(false);
  expect(nextJoin(rooms, "j").since).toEqual(at(1));
  expect(rooms.want(BOB, "b"), "the join is under way").toBe(false);
  const ended = rooms.joined(joined("j", 1, { room: "~bob", ...COMPLETE }));
  expect(ended?.askers).toEqual(["a", "b"]);
  rooms.cut();
  expect(rooms.nextJoin(0), "it is joined on every connection from now on").toBeDefined();
});

test("an application can join a conversation that is being joined already", () => {
  const rooms = make();
  rooms.listed(summary("~bob", 4));
  nextJoin(rooms, "j");
  expect(rooms.want(BOB, "a")).toBe(false);
  expect(rooms.nextJoin(0)).toBeUndefined();
  const ended = rooms.joined(joined("j", 4, { room: "~bob" }));
  expect([ended?.view.wanted, ended?.askers]).toEqual([true, ["a"]]);
});
