import { IDBFactory } from "fake-indexeddb";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { WebSocket as WsWebSocket } from "ws";
import {
  type Client,
  type ClientEvent,
  type ConnectOptions,
  connect,
  Ended,
  GaveUp,
  HelloRefused,
  IndexedDbStorage,
  InvalidCommand,
  MemoryStorage,
  type Message,
  newKey,
  readTraced,
  type Sending,
  type WebSocketClass,
  type WireEvent,
} from "../src/index.js";
import { freePort, Server, until } from "./support/server.js";

let server: Server;
const clients: Client[] = [];
let people = 0;

beforeAll(async () => {
  server = await Server.start();
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
});
afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close()));
});

/** Somebody whom nobody else is, in memory alone. */
async function arrive(options: ConnectOptions = {}, name = `Guest${people++}`): Promise<Client> {
  const client = await connect(server.url, name, { storage: new MemoryStorage(), ...options });
  clients.push(client);
  return client;
}

/** All that a client tells from now on. */
function follow(client: Client): ClientEvent[] {
  const told: ClientEvent[] = [];
  client.on("*", (event) => told.push(event));
  return told;
}

/** All that a client has told since it was made, and tells until it is closed, once it is up. */
async function all(client: Client): Promise<ClientEvent[]> {
  const told: ClientEvent[] = [];
  const reading = (async () => {
    for await (const event of client) told.push(event);
  })();
  await client.join("somewhere");
  await client.close();
  await reading;
  return told;
}

function contents(told: readonly ClientEvent[]): string[] {
  return told
    .filter((event): event is Message => "type" in event && event.type === "message")
    .map((message) => message.content);
}

function sendings(told: readonly ClientEvent[]): Sending[] {
  return told.filter((event): event is Sending => "event" in event && event.event === "Sending");
}

const CLASSES: [string, WebSocketClass][] = [
  ["the runtime's WebSocket", WebSocket],
  ["the package ws", WsWebSocket as unknown as WebSocketClass],
];

describe.each(CLASSES)("over %s", (_, webSocket) => {
  it("gives a receipt once what was said is durable, and shows it to the others", async () => {
    const [alice, bob] = await Promise.all([arrive({ webSocket }), arrive({ webSocket })]);
    const told = follow(bob);
    await alice.join("salon");
    await bob.join("salon");

    const delivery = alice.send("hello", "salon");
    const receipt = await delivery;

    expect(receipt).toMatchObject({ id: delivery.id, room: "salon" });
    await until(() => contents(told).includes("hello"), "Bob sees it");
    await expect(bob.members("salon")).resolves.toEqual(
      expect.arrayContaining([alice.username, bob.username]),
    );
  });

  it("loses and repeats nothing across a crash of the server", async () => {
    const [alice, bob] = await Promise.all([arrive({ webSocket }), arrive({ webSocket })]);
    const told = follow(bob);
    await alice.join("crash");
    await bob.join("crash");
    const said = Array.from({ length: 60 }, (_, number) => `line ${number}`);

    const receipts = said.slice(0, 30).map((line) => alice.send(line, "crash"));
    await receipts[0];
    await server.kill();
    receipts.push(...said.slice(30).map((line) => alice.send(line, "crash")));
    await until(() => alice.state.state === "Disconnected", "Alice notices");
    await server.restart();
    alice.wake();
    bob.wake();

    await Promise.all(receipts);
    await until(() => contents(told).length >= said.length, "Bob sees all");
    expect(contents(told)).toEqual(said);
  });

  it("ends with the server's reason where nobody listens", async () => {
    const nowhere = `ws://localhost:${await freePort()}`;
    const refused = connect(nowhere, "Alice", {
      storage: new MemoryStorage(),
      maxAttempts: 1,
      webSocket,
    });
    await expect(refused).rejects.toThrow(GaveUp);
    await expect(refused).rejects.toThrow(/nobody listens on localhost:\d+/u);
  });
});

it("has the id of what is said at once, and says that it is sending before anything else", async () => {
  const alice = await arrive();
  await alice.join("order");
  const told = follow(alice);

  const delivery = alice.send("first", "order");
  expect(delivery.id).toMatch(/^[\w-]{22}$/u);
  expect(told).toEqual([]);
  await delivery;

  expect(told[0]).toMatchObject({ event: "Sending", id: delivery.id, kept: true, adopted: false });
  expect(told.filter((event) => "event" in event && event.event === "Acked")).toHaveLength(1);
});

it("says nothing to be sending before it is stored", async () => {
  const storage = new MemoryStorage();
  let store = () => {};
  const isStored = new Promise<void>((resolve) => {
    store = resolve;
  });
  const open = storage.openOutbox.bind(storage);
  storage.openOutbox = async (scope) => {
    const outbox = await open(scope);
    const add = outbox.add.bind(outbox);
    return Object.assign(outbox, {
      add: async (kept: Parameters<typeof add>[0]) => {
        await isStored;
        await add(kept);
      },
    });
  };
  const alice = await arrive({ storage });
  await alice.join("slow");
  const told = follow(alice);

  const delivery = alice.send("kept first", "slow");
  await alice.history("slow"); // a round trip: it would have been told by now
  expect(sendings(told)).toEqual([]);
  store();
  await delivery;
  expect(told[1]).toMatchObject({ event: "Sending", id: delivery.id });
});

it("keeps what a closed client had not delivered, and the next one delivers it under its id", async () => {
  const storage = new MemoryStorage();
  const first = await arrive({ storage }, "Keeper");
  const told = follow(first);
  await server.kill();
  await until(() => first.state.state !== "Connected", "it notices");
  const delivery = first.send("not lost", "later");
  await until(() => told.length > 0, "it is told as sending");
  await first.close();
  await expect(delivery).rejects.toThrow(Ended);
  await server.restart();

  const second = await arrive({ storage }, "Keeper");
  const later: ClientEvent[] = [];
  for await (const event of second) {
    later.push(event);
    if ("event" in event && event.event === "Sending") break;
  }
  expect(later.at(-1)).toMatchObject({ id: delivery.id, adopted: true } satisfies Partial<Sending>);
  const heard = follow(second);
  await second.join("later");
  await second.drain();
  await until(() => contents(heard).length > 0, "it is shown");
  expect(contents(heard)).toEqual(["not lost"]);

  expect(sendings(await all(await arrive({ storage }, "Keeper")))).toEqual([]);
});

it("sends in the order in which it was said, in whatever order it is stored", async () => {
  const storage = new MemoryStorage();
  const stored: (() => void)[] = [];
  const open = storage.openOutbox.bind(storage);
  storage.openOutbox = async (scope) =>
    Object.assign(await open(scope), {
      add: () => new Promise<void>((resolve) => stored.push(resolve)),
    });
  const alice = await arrive({ storage });
  await alice.join("sequence");
  const told = follow(alice);
  const said = ["one", "two", "three"].map((content) => alice.send(content, "sequence"));
  await until(() => stored.length === 3, "all are being stored");
  for (const resolve of stored.reverse()) resolve();
  await Promise.all(said);
  await until(() => contents(told).length === 3, "they are shown");
  expect(contents(told)).toEqual(["one", "two", "three"]);
});

it("tells events in their order, whatever a listener does meanwhile", async () => {
  const alice = await arrive();
  // This is answered at once, while the answer to the join is still to be told.
  alice.on("joined", () => void alice.leave("a room that one is not in"));
  const answers: string[] = [];
  alice.on("Answered", ({ reply }) => answers.push(reply.type));
  await alice.join("nested");
  expect(answers).toEqual(["joined", "left"]);
});

it("sends from one tab what another had left, once, and in the order in which it was said", async () => {
  const database = new IDBFactory();
  const tab = (wait = true) =>
    arrive(
      {
        storage: new IndexedDbStorage({
          indexedDB: database,
          locks: navigator.locks,
          lookEvery: 20,
        }),
        wait,
      },
      "Tabs",
    );
  const [left, stays] = [await tab(), await tab()];
  expect(left.username).toBe(stays.username);
  await Promise.all([left.join("tabs"), stays.join("tabs")]);
  const told = follow(stays);
  await server.kill();
  const lost = ["one", "two", "three"].map((content) => left.send(content, "tabs"));
  const own = stays.send("mine", "tabs");
  const leftTold = follow(left);
  await until(() => sendings(leftTold).length === 3, "they are told as sending");
  await left.close();
  await Promise.allSettled(lost);
  await until(() => sendings(told).length === 4, "the other tab has taken them over");
  await server.restart();
  stays.wake();
  await own;
  await until(() => contents(told).length >= 4, "they are shown");

  const witness = await arrive();
  const page = await witness.history("tabs");
  const stored = page.entries.map((entry) => ("content" in entry ? entry.content : ""));
  expect(stored).toEqual(["mine", "one", "two", "three"]);
  expect(page.entries.slice(1).map((entry) => entry.id)).toEqual(lost.map(({ id }) => id));
  await stays.close();
  expect(sendings(await all(await tab()))).toEqual([]);
});

it("chats under a name for now where a page may not store anything", async () => {
  const refused = () => {
    throw new DOMException("not in a private window", "InvalidStateError");
  };
  const indexedDB = { ...new IDBFactory(), open: refused } as unknown as IDBFactory;
  const storage = new IndexedDbStorage({ indexedDB, locks: navigator.locks });
  const alice = await arrive({ storage });
  await alice.join("incognito");
  const told = follow(alice);
  await alice.send("hi", "incognito").catch(() => undefined);
  expect(sendings(told)).toMatchObject([{ kept: false }]);
});

it("is the same person with the same storage, and another without its key", async () => {
  const storage = new MemoryStorage();
  const name = `Owner${newKey().slice(0, 6).replaceAll(/[_-]/gu, "x")}`;
  await (await arrive({ storage }, name)).close();
  const again = await arrive({ storage }, name);
  expect(again.username).toBe(name);
  await expect(arrive({}, name)).rejects.toThrow(HelloRefused);
});

it("gives each reader all events, and the first what was told before", async () => {
  const alice = await arrive();
  await alice.join("readers");
  const seen = async () => {
    const states: string[] = [];
    for await (const event of alice) {
      if ("event" in event && event.event === "StateChanged") states.push(event.state.state);
    }
    return states;
  };
  const [first, second] = [seen(), seen()];
  await alice.close();
  await expect(first).resolves.toEqual(["Connected", "Closed"]);
  await expect(second).resolves.toEqual(["Closed"]);
});

it("tells of a private message to its two people alone", async () => {
  const [alice, bob, carol] = await Promise.all([arrive(), arrive(), arrive()]);
  const [toBob, toCarol] = [follow(bob), follow(carol)];
  await carol.join("public");
  const receipt = await alice.private(bob.username, "psst");
  const isPrivate = (event: ClientEvent) => "type" in event && event.type === "private";
  await until(() => toBob.some(isPrivate), "Bob is told");
  const page = await bob.history(receipt.room);
  expect(page.entries).toMatchObject([{ content: "psst", from: alice.username }]);
  await carol.rooms();
  expect(toCarol.some(isPrivate)).toBe(false);
});

it("tells who types, and that one has stopped with what one says", async () => {
  const [alice, bob] = await Promise.all([arrive(), arrive()]);
  await Promise.all([alice.join("typing"), bob.join("typing")]);
  alice.typing("typing");
  await until(() => bob.typists("typing").length > 0, "Bob knows");
  expect(bob.typists("typing")).toEqual([alice.username]);
  await alice.send("done", "typing");
  await until(() => bob.typists("typing").length === 0, "Bob knows that it is over");
});

it("is known by another name after a rename", async () => {
  const alice = await arrive();
  const wish = `${alice.username}b`;
  await expect(alice.rename(wish)).resolves.toBe(wish);
  expect(alice.username).toBe(wish);
});

it("takes up the name of before, whatever it has become, where that is not a wish", async () => {
  const key = newKey();
  const alice = await arrive({ key });
  const before = alice.username;
  await alice.join("renamed");
  await alice.send("mine", "renamed");
  const now = await alice.rename(`${before}b`);
  const back = await arrive({ key, returning: true }, before);
  expect(back.username).toBe(now);
  expect(alice.username).toBe(now);
  const wish = await arrive({ key }, before);
  expect(wish.username).toBe(before);
  await until(() => alice.username === before, "a wish renames");
});

it("comes back under the name that it has taken, with the key that was kept under it", async () => {
  const storage = new MemoryStorage();
  const alice = await arrive({ storage });
  const wish = `${alice.username}c`;
  // Somebody in this very storage wished for it before, in vain.
  await storage.keys.keep(server.url, wish, newKey());
  await alice.join("names");
  await alice.send("it is mine now", "names"); // who has spoken keeps a name
  await alice.rename(wish);
  await alice.send("and so is this", "names");
  await alice.close();
  const again = await arrive({ storage }, wish);
  expect(again.username).toBe(wish);
});

it("keeps a key that the application brought nowhere", async () => {
  const storage = new MemoryStorage();
  const alice = await arrive({ storage, key: newKey() });
  const wish = `${alice.username}d`;
  await alice.rename(wish);
  await expect(storage.keys.find(server.url, wish)).resolves.toBeUndefined();
});

it("refuses what can never be sent, and goes on", async () => {
  const alice = await arrive();
  await alice.join("bad");
  await expect(alice.send("\ud800", "bad")).rejects.toThrow(InvalidCommand);
  await expect(alice.send("good", "bad")).resolves.toMatchObject({ room: "bad" });
});

it("takes back what it has not sent", async () => {
  const storage = new MemoryStorage();
  const options: ConnectOptions = { storage, wait: false };
  const nowhere = `ws://localhost:${await freePort()}`;
  const alice = await connect(nowhere, "Fickle", options);
  const told = follow(alice);
  const delivery = alice.send("never mind");
  await until(() => sendings(told).length > 0, "it is told as sending");
  expect(alice.withdraw(delivery.id)).toBe(true);
  await expect(delivery).rejects.toThrow("withdrawn");
  await alice.close();

  const again = await connect(nowhere, "Fickle", options);
  const later: ClientEvent[] = [];
  const reading = (async () => {
    for await (const event of again) later.push(event);
  })();
  await again.close();
  await reading;
  expect(sendings(later)).toEqual([]);
  expect(later.length).toBeGreaterThan(0);
});

it("shows what goes over the wire to whoever taps it", async () => {
  const wire: WireEvent[] = [];
  await arrive({ tap: (event) => wire.push(event) });
  expect(wire.slice(0, 2).map((event) => event.wire)).toEqual(["opening", "opened"]);
  const texts = wire.flatMap((event) => ("text" in event ? [JSON.parse(event.text).type] : []));
  expect(texts.slice(0, 2)).toEqual(["hello", "welcome"]);
});

it("has the server tell whoever taps the wire of its own frames, until it has had enough", async () => {
  const wire: WireEvent[] = [];
  const alice = await arrive({ tap: (event) => wire.push(event) });
  const told = follow(alice);
  const traced = () =>
    wire.flatMap((event) => (event.wire === "received" ? (readTraced(event.text) ?? []) : []));
  await alice.trace(true);
  await alice.members("nowhere").catch(() => undefined);
  await until(() => traced().length > 0, "the server tells");
  const [frame] = traced()[0]?.frames ?? [];
  const sent = wire.flatMap((event) => (event.wire === "sent" ? event.text : []));
  expect(frame).toMatchObject({ sender: "client", opcode: 1, fin: true, message: sent.length });
  expect(frame?.length).toBe(sent.at(-1)?.length);
  expect(frame?.maskingKey).toMatch(/^[0-9a-f]{8}$/u);
  await alice.trace(false);
  const before = traced().length;
  await alice.rooms();
  expect(traced()).toHaveLength(before);
  expect(told.filter((event) => "type" in event && event.type !== "joined")).toEqual([]);
});

it("lets no listener's error harm the client", async () => {
  const alice = await arrive();
  const uncaught: Error[] = [];
  const catcher = (error: Error) => uncaught.push(error);
  const before = process.listeners("uncaughtException");
  process.removeAllListeners("uncaughtException").on("uncaughtException", catcher);
  try {
    alice.on("joined", () => {
      throw new Error("the listener's own");
    });
    await alice.join("robust");
    await until(() => uncaught.length > 0, "the error is told as uncaught");
  } finally {
    process.off("uncaughtException", catcher);
    for (const listener of before) process.on("uncaughtException", listener);
  }
  expect(uncaught.map((error) => error.message)).toEqual(["the listener's own"]);
  await expect(alice.history("robust")).resolves.toMatchObject({ entries: [] });
});
