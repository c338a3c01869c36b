import { expect, test } from "vitest";
import {
  type AppCommand,
  DEFAULTS,
  Ended,
  ErrorCode,
  HelloRefused,
  Machine,
  type MachineOptions,
  type ServerFrame,
} from "../../src/machine/index.js";
import { at, directed, LIMITS, message, welcome } from "./frames.js";
import { connected, hi, inLobby, Rig } from "./rig.js";

const SOURCES = { newId: () => "x", chance: () => 0 };
const PRESENCE = {
  type: "presence",
  room: "lobby",
  joined: [],
  left: [],
  snapshot: false,
} as const;

// A client.

test("a client needs something by which the server knows it again", () => {
  expect(() => new Machine("Alice", SOURCES)).toThrow("key or a token");
  const token: MachineOptions = { ...SOURCES, token: "t" };
  expect(new Machine("Alice", token).username).toBe("Alice");
});

test.each([0, 10_001, Number.NaN])("what a join may not ask for is refused: %d", (catchUp) => {
  expect(() => new Rig({ catchUp })).toThrow("catchUp");
});

test.each([1, 10_000])("what a join may ask for is taken: %d", (catchUp) => {
  expect(new Rig({ catchUp }).machine.wantsConnection).toBe(true);
});

test("what is not told otherwise is as for everybody", () => {
  const rig = inLobby();
  expect(DEFAULTS).toMatchObject({ locale: "en", outbox: 1_000, catchUp: 1_000 });
  rig.machine.disconnected(0, 1006);
  rig.advance(1_000);
  rig.machine.connected(rig.now);
  expect(rig.oneFrame("hello").locale).toBe("en");
});

test("a new client wants a connection and says nothing", () => {
  const { machine } = new Rig();
  expect(machine.state).toEqual({ state: "Connecting" });
  expect(machine.wantsConnection).toBe(true);
  expect(machine.deadline()).toBeUndefined();
  expect(machine.rttMs).toBeUndefined();
  expect(machine.welcome).toBeUndefined();
  expect(machine.framesToSend()).toEqual([]);
});

test("nothing but hello goes out before the welcome", () => {
  const rig = new Rig();
  rig.send({ type: "join", room: "lobby" });
  rig.send(hi("garden"));
  rig.send({ type: "typing", room: "lobby", isTyping: true });
  rig.machine.connected(0);
  rig.send({ type: "private", to: "Bob", content: "psst" });
  const [hello, ...others] = rig.frames();
  expect([hello?.type, others]).toEqual(["hello", []]);
  rig.receive(welcome(hello?.id));
  expect(rig.types()).toEqual(["join", "message", "private", "rooms"]);
});

test("a welcome tells what one is called and how far away the server is", () => {
  const rig = new Rig();
  rig.machine.connected(0);
  const { id } = rig.oneFrame("hello");
  rig.machine.receive(JSON.stringify(welcome(id, { username: "alice" })), 50);
  expect(rig.machine.events()).toEqual([
    { event: "StateChanged", state: { state: "Connected", since: 50 } },
    { event: "Renamed", username: "alice" },
    { event: "LatencyMeasured", rttMs: 50 },
  ]);
  expect([rig.machine.username, rig.machine.rttMs]).toEqual(["alice", 50]);
  expect(rig.machine.welcome?.limits).toEqual(LIMITS);
});

test("each command goes to the server", () => {
  const rig = inLobby();
  const commands: AppCommand[] = [
    hi(),
    { type: "private", to: "Bob", content: "psst" },
    { type: "typing", room: "lobby", isTyping: true },
    { type: "history", room: "lobby" },
    { type: "members", room: "lobby" },
    { type: "rooms" },
    { type: "trace", on: true },
    { type: "hello", username: "Carol" },
    { type: "leave", room: "lobby" },
    { type: "join", room: "garden" },
  ];
  for (const command of commands) rig.send(command);
  expect(rig.types()).toEqual(commands.map(({ type }) => type));
});

test("a command without an id gets one, and so does one whose id is empty", () => {
  const rig = new Rig();
  expect(rig.send(hi())).toBe("i1");
  expect(rig.send(hi("lobby", { id: "" }))).toBe("i2");
  expect(rig.send(hi("lobby", { id: "mine" }))).toBe("mine");
});

test.each<AppCommand>([
  { type: "join", room: "\ud800" },
  { type: "join", room: "lobby", since: { seq: 1, id: "\udfff" }, epoch: "e1" },
  { type: "leave", room: "\ud800" },
  { type: "message", room: "lobby", content: "half \ud83d" },
  { type: "private", to: "\ud800", content: "psst" },
  { type: "typing", room: "\ud800", isTyping: true },
  { type: "history", room: "\ud800" },
  { type: "hello", username: "\ud800" },
  { type: "members", room: "lobby", after: "\ud800" },
  { type: "rooms", id: "\ud800" },
])("what is no text is refused at once: %j", (command) => {
  const rig = new Rig();
  expect(() => rig.send(command)).toThrow("lone surrogate");
  rig.connect();
  expect(rig.events()).toEqual([]);
  expect(rig.machine.waiting, "the list of rooms").toBe(1);
});

const FIRST: AppCommand[] = [
  hi("lobby", { id: "1" }),
  { type: "private", id: "1", to: "Bob", content: "psst" },
  { type: "history", id: "1", room: "lobby" },
];
const SECOND: AppCommand[] = [
  hi("lobby", { id: "1" }),
  { type: "join", id: "1", room: "garden" },
  { type: "leave", id: "1", room: "lobby" },
];

test.each(
  FIRST.flatMap((first) =>
    SECOND.flatMap((second) => [true, false].map((isSent) => ({ first, second, isSent }))),
  ),
)(
  "an id that waits for its answer is refused to another command: %j",
  ({ first, second, isSent }) => {
    const rig = isSent ? inLobby() : new Rig();
    rig.send(first);
    const { waiting } = rig.machine;
    expect(() => rig.send(second)).toThrow(expect.objectContaining({ code: ErrorCode.ID_REUSED }));
    expect(rig.machine.waiting).toBe(waiting);
    rig.machine.close();
    const failed = rig.events().filter((event) => "id" in event && event.id === "1");
    expect(failed).toHaveLength(1);
  },
);

test("the id of a join that waits is refused too, and is free once that is answered", () => {
  const rig = new Rig();
  rig.send({ type: "join", id: "1", room: "lobby" });
  expect(() => rig.send({ type: "join", id: "1", room: "garden" })).toThrow("still waits");
  rig.machine.connected(rig.now);
  rig.receive(welcome(rig.oneFrame("hello").id));
  rig.answerJoin();
  expect(rig.send({ type: "join", id: "1", room: "garden" })).toBe("1");
});

test.each<[ServerFrame, object]>([
  [message(4), { type: "message" }],
  [directed(1), { type: "private" }],
  [
    { type: "typing", room: "lobby", username: "Bob", isTyping: true },
    { event: "TypingChanged", usernames: ["Bob"] },
  ],
  [
    { ...PRESENCE, members: 2, joined: ["Bob"] },
    { event: "PresenceChanged", joined: ["Bob"] },
  ],
  [{ type: "notice", message: "The server stops." }, { type: "notice" }],
  [{ type: "error", code: "odd", message: "Odd." }, { event: "ServerError" }],
  [welcome(undefined, { username: "Carol" }), { event: "Renamed", username: "Carol" }],
])("each frame of the server is told: %o", (frame, told) => {
  const rig = inLobby();
  rig.receive(frame);
  expect(rig.events()).toMatchObject([told]);
});

test("who is there and who types can be asked at any time", () => {
  const rig = inLobby();
  rig.receive({ ...PRESENCE, members: 2, joined: ["Bob"] });
  rig.receive({ type: "typing", room: "lobby", username: "Bob", isTyping: true });
  expect(rig.machine.members("lobby")).toEqual({ count: 2, names: ["Alice", "Bob"] });
  expect(rig.machine.typing("lobby")).toEqual(["Bob"]);
});

test("each answer of the server is told to who asked", () => {
  const rig = inLobby();
  const said = rig.send(hi());
  const members = rig.send({ type: "members", room: "lobby" });
  const history = rig.send({ type: "history", room: "lobby" });
  const rooms = rig.send({ type: "rooms" });
  const trace = rig.send({ type: "trace", on: true });
  const leave = rig.send({ type: "leave", room: "lobby" });
  rig.receive(
    { type: "ack", id: said, room: "lobby", seq: 4, timestamp: 5 },
    { type: "members", id: members, room: "lobby", members: 1, names: ["Alice"] },
    { type: "history", id: history, room: "lobby", epoch: "e1", entries: [], more: false },
    { type: "rooms", id: rooms, rooms: [] },
    { type: "tracing", id: trace, on: true },
    { type: "left", id: leave, room: "lobby" },
  );
  expect(rig.events()).toMatchObject([
    { event: "Acked", receipt: { id: said } },
    { event: "Answered", id: members, reply: { type: "members" } },
    { event: "Answered", id: history, reply: { type: "history" } },
    { event: "Answered", id: rooms, reply: { type: "rooms" } },
    { event: "Answered", id: trace, reply: { type: "tracing", on: true } },
    { event: "Answered", id: leave, reply: { type: "left" } },
  ]);
});

test("refusals go to who asked", () => {
  const rig = connected();
  const join = rig.send({ type: "join", room: "lobby" });
  const question = rig.send({ type: "rooms" });
  for (const { id } of rig.frames()) rig.refuse(id, ErrorCode.FORBIDDEN);
  expect(rig.events()).toMatchObject([
    { event: "RoomLost" },
    { event: "Failed", id: join },
    { event: "Failed", id: question },
  ]);
});

test.each([
  [ErrorCode.RATE_LIMITED, 250, 250],
  [ErrorCode.RATE_LIMITED, undefined, 1_000],
  [ErrorCode.UNAVAILABLE, undefined, 1_000],
  ["newer_than_this_client", 100, 100],
])("what may do better later is sent again then: %s", (code, retryAfter, againIn) => {
  const rig = connected();
  const id = rig.send({ type: "members", room: "lobby" });
  rig.frames();
  rig.refuse(id, code, retryAfter === undefined ? {} : { retryAfter });
  expect(rig.machine.deadline()).toBe(againIn);
  rig.advance(againIn);
  expect(rig.oneFrame("members").id).toBe(id);
});

test("a rename by another device is told, and kept over a cut", () => {
  const rig = connected();
  const renamed = welcome(undefined, { username: "Carol" });
  rig.receive(renamed, renamed);
  expect(rig.events()).toEqual([{ event: "Renamed", username: "Carol" }]);
  expect(rig.machine.username).toBe("Carol");
  rig.machine.disconnected(rig.now, 1006);
  rig.advance(1_000);
  rig.machine.connected(rig.now);
  expect(rig.oneFrame("hello").username).toBe("Carol");
});

test("after a rename by another device one's own typing is still not told", () => {
  const rig = inLobby();
  rig.receive(welcome(undefined, { username: "Carol" }));
  rig.events();
  rig.receive({ type: "typing", room: "lobby", username: "Carol", isTyping: true });
  expect(rig.events()).toEqual([]);
});

test("a rename that was withdrawn too late is told all the same", () => {
  const rig = connected();
  const id = rig.send({ type: "hello", username: "Bob" });
  rig.frames();
  rig.machine.withdraw(id);
  rig.receive(welcome(id, { username: "Bob" }));
  expect(rig.events()).toEqual([{ event: "Renamed", username: "Bob" }]);
  expect(rig.machine.username).toBe("Bob");
});

test("a welcome before one's own hello was answered is nothing", () => {
  const rig = new Rig();
  rig.machine.connected(0);
  rig.receive(welcome("x", { username: "Mallory" }));
  expect(rig.machine.username).toBe("Alice");
  expect(rig.machine.welcome).toBeUndefined();
  expect(rig.events()).toEqual([]);
});

// The connection.

test("states are told as they change", () => {
  const rig = new Rig();
  rig.connect();
  const reason = "restart, retry-after=2000";
  rig.machine.disconnected(1_000, 1012, reason);
  expect(rig.machine.rttMs).toBeUndefined();
  rig.machine.tick(3_499);
  rig.machine.tick(3_500);
  rig.now = 3_500;
  rig.connect();
  const states = rig.machine
    .events()
    .flatMap((event) => ("event" in event && event.event === "StateChanged" ? [event.state] : []));
  expect(states).toEqual([
    { state: "Connected", since: 0 },
    { state: "Disconnected", code: 1012, reason, attempt: 1, retryAt: 3_500 },
    { state: "Reconnecting", attempt: 1 },
    { state: "Connected", since: 3_500 },
  ]);
  expect(rig.machine.rttMs).toBe(0);
});

test("what a lost connection still had on the way is nothing", () => {
  const rig = inLobby();
  rig.machine.disconnected(rig.now, 1006);
  rig.events();
  rig.receive(message(4), { type: "notice", message: "late" });
  rig.machine.disconnected(rig.now, 1006);
  expect(rig.events()).toEqual([]);
  expect(rig.machine.state).toMatchObject({ state: "Disconnected", reason: "", attempt: 1 });
  rig.advance(1_000);
  rig.receive({ type: "notice", message: "late" });
  expect(rig.events(), "nor while the next one is being opened").toEqual([]);
});

test("a silent server is given up, and everything is taken up again after", () => {
  const rig = inLobby();
  const id = rig.send(hi());
  rig.receive({ type: "typing", room: "lobby", username: "Bob", isTyping: true });
  rig.advance(49_999);
  rig.events();
  rig.advance(1);
  expect(rig.machine.state.state).toBe("Disconnected");
  expect(rig.machine.wantsConnection).toBe(false);
  expect(rig.machine.members("lobby").count, "nobody is known to be there").toBe(0);
  rig.advance(1_000);
  rig.frames();
  rig.connect();
  rig.answerJoin(3);
  expect(rig.oneFrame("message").id).toBe(id);
});

test("pings measure the round trip", () => {
  const rig = connected();
  rig.machine.events();
  for (const [milliseconds, rttMs] of [
    [2_000, 250],
    [17_500, 125],
  ] as const) {
    rig.advance(milliseconds);
    const { id } = rig.oneFrame("ping");
    rig.now += rttMs;
    rig.receive({ type: "pong", id, time: 0 });
    expect(rig.machine.events()).toEqual([{ event: "LatencyMeasured", rttMs }]);
    expect(rig.machine.rttMs).toBe(rttMs);
  }
});

test("whatever comes is a sign of life, even what cannot be read", () => {
  const { machine } = connected();
  for (let now = 0; now < 200_000; now += 5_000) {
    machine.receive("nonsense", now);
    machine.tick(now);
  }
  expect(machine.state.state).toBe("Connected");
});

test("who does not read does not blame the server", () => {
  const { machine } = connected();
  for (let now = 0; now < 200_000; now += 5_000) {
    machine.heard(now);
    machine.tick(now);
  }
  expect(machine.state.state).toBe("Connected");
});

test("who wakes looks at once", () => {
  const rig = connected();
  rig.machine.woke(3_000);
  expect(rig.frames("ping")).toHaveLength(1);
  rig.machine.tick(8_000);
  expect(rig.machine.state.state).toBe("Disconnected");
  rig.machine.woke(8_000);
  expect(rig.machine.wantsConnection).toBe(true);
});

test("a refused hello ends everything that waited", () => {
  const rig = new Rig();
  const ids = [
    rig.send(hi()),
    rig.send({ type: "history", room: "lobby" }),
    rig.send({ type: "join", room: "lobby" }),
  ];
  rig.machine.connected(0);
  rig.refuse(rig.oneFrame("hello").id, ErrorCode.NAME_TAKEN);
  const error = expect.any(HelloRefused);
  expect(rig.machine.events()).toMatchObject([
    { event: "StateChanged", state: { state: "Closed", error } },
    { event: "SendFailed", id: ids[0], error },
    { event: "Failed", id: ids[1], error },
    { event: "Failed", id: ids[2], error },
  ]);
});

test("a hello that waits ends nothing", () => {
  const rig = new Rig();
  rig.send(hi());
  rig.machine.connected(0);
  rig.refuse(rig.oneFrame("hello").id, ErrorCode.UNAVAILABLE);
  expect(rig.machine.events()).toMatchObject([{ event: "ServerError" }]);
  expect(rig.machine.waiting).toBe(1);
  rig.advance(1_000);
  expect(rig.frames("hello")).toHaveLength(1);
});

test("the application ends the client, and nothing goes on", () => {
  const rig = inLobby();
  const id = rig.send(hi());
  rig.machine.close();
  rig.machine.close();
  expect(rig.events()).toMatchObject([
    { event: "SendFailed", id, error: { name: "InDoubt", why: { name: "Ended" } } },
  ]);
  expect(rig.machine.wantsConnection).toBe(false);
  expect(rig.machine.deadline()).toBeUndefined();
  expect(() => rig.send(hi())).toThrow(Ended);
  rig.frames();
  rig.machine.disconnected(1_000, 1000);
  rig.machine.tick(99_000);
  rig.receive(message(4));
  expect(rig.machine.events()).toEqual([]);
  expect(rig.frames()).toEqual([]);
});

test("where one stood is known after the end", () => {
  const rig = inLobby();
  rig.receive(message(4));
  rig.machine.close();
  expect(rig.machine.position("lobby")).toEqual({ epoch: "e1", cursor: at(4) });
});

test("one can end before anything has begun", () => {
  const { machine } = new Rig();
  machine.close();
  expect(machine.state).toMatchObject({ state: "Closed", error: { name: "Ended" } });
});

test("a cursor of an earlier client is taken up", () => {
  const rig = connected();
  rig.send({ type: "join", room: "lobby", since: at(3), epoch: "e1" });
  expect(rig.oneFrame("join")).toMatchObject({ since: at(3), epoch: "e1" });
});
