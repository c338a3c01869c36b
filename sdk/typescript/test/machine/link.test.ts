import { inspect } from "node:util";
import { expect, test } from "vitest";
import { EARLY_CEILING } from "../../src/machine/backoff.js";
import {
  CloseCode,
  Ended,
  EndedByServer,
  ErrorCode,
  type Event,
  GaveUp,
  HelloRefused,
  NameRefused,
  refusal,
  type State,
  type Welcome,
} from "../../src/machine/index.js";
import {
  type Greeted,
  hello,
  Link,
  STABLE_AFTER,
  serverTime,
  WELCOME_TIMEOUT,
} from "../../src/machine/link.js";
import { PROBE } from "../../src/machine/liveness.js";
import { Output } from "../../src/machine/output.js";
import { LIMITS, welcome } from "./frames.js";
import { KEY } from "./rig.js";

/** A link with ids `i1`, `i2` … and a chance that is always the same. */
class Rig {
  readonly out = new Output();
  readonly link: Link;
  #ids = 0;

  constructor({ chance = 0.5, maxAttempts }: { chance?: number; maxAttempts?: number } = {}) {
    const newId = () => {
      this.#ids += 1;
      return this.lastId;
    };
    const credentials = { key: KEY, locale: "fr" };
    const sources = { newId, chance: () => chance };
    this.link = new Link("Alice", credentials, maxAttempts, sources, this.out);
  }

  get lastId(): string {
    return `i${this.#ids}`;
  }

  events(): Event[] {
    return this.out.takeEvents();
  }

  /** The states since the last call. */
  states(): State[] {
    return this.events().flatMap((event) =>
      "event" in event && event.event === "StateChanged" ? [event.state] : [],
    );
  }

  frames(): { readonly type: string }[] {
    return this.out.takeFrames().map((frame) => JSON.parse(frame));
  }

  /** A connection is opened, and the server says welcome at once. */
  greet(now: number, fields: Partial<Welcome> = {}): void {
    this.link.opened(now);
    expect(this.link.welcomed(welcome(this.lastId, fields), now)).toBe(true);
  }

  /** The connection is lost, and another is opened nine seconds after. */
  comeBack(now: number): void {
    this.link.lost(now, 1006, "");
    this.link.tick(now + 9_000);
    this.link.opened(now + 9_000);
    this.events();
    this.frames();
  }

  /** The connection, on which the server has said welcome. */
  greeted(): Greeted {
    const { connection } = this.link;
    if (connection.kind !== "greeted") throw new Error(connection.kind);
    return connection;
  }

  refuse(code: string, againAt?: number): void {
    expect(this.link.helloRefused(this.lastId, refusal(code, "no"), againAt)).toBe(true);
  }
}

function connected(options = {}): Rig {
  const rig = new Rig(options);
  rig.greet(0);
  rig.events();
  rig.frames();
  return rig;
}

// The beginning.

test("the first word on a connection is hello", () => {
  const rig = new Rig();
  expect(rig.link.state).toEqual({ state: "Connecting" });
  expect(rig.link.wanted).toBe(true);
  expect(rig.link.isOpen).toBe(false);
  expect(rig.link.deadline()).toBeUndefined();
  rig.link.opened(1_000);
  expect(rig.link.isOpen).toBe(true);
  expect(rig.frames()).toEqual([
    { type: "hello", id: "i1", username: "Alice", key: KEY, locale: "fr" },
  ]);
  expect(rig.link.deadline()).toBe(1_000 + WELCOME_TIMEOUT);
});

test("nobody opens a connection that was not wanted", () => {
  expect(() => connected().link.opened(0)).toThrow("nobody wanted");
});

test("hello can carry a token", () => {
  const command = { type: "hello", id: "h", username: "Alice", token: "t", locale: "en" };
  expect(hello({ token: "t", locale: "en" }, "h", "Alice", false)).toEqual(command);
});

test("the name is a wish until it is answered, and then the one had last", () => {
  const rig = new Rig();
  rig.link.opened(0);
  expect(rig.frames()[0]).not.toHaveProperty("returning");
  rig.link.lost(1_000, 1006, "");
  rig.link.tick(10_000);
  rig.greet(10_000);
  expect(rig.frames()[0]).not.toHaveProperty("returning");
  rig.link.lost(11_000, 1006, "");
  rig.link.tick(20_000);
  rig.link.opened(20_000);
  expect(rig.frames()[0]).toHaveProperty("returning", true);
});

test("a key is not shown where the link may be logged", () => {
  const { link } = new Rig();
  expect(inspect(link, { depth: null, showHidden: true })).not.toContain(KEY);
  expect(JSON.stringify(link)).not.toContain(KEY);
});

test("a welcome connects and tells the round trip", () => {
  const rig = new Rig();
  rig.link.opened(1_000);
  expect(rig.link.welcomed(welcome("i1"), 1_042.4)).toBe(true);
  expect(rig.events()).toEqual([
    { event: "StateChanged", state: { state: "Connected", since: 1_042.4 } },
    { event: "LatencyMeasured", rttMs: 42 },
  ]);
  expect(rig.link.rttMs).toBe(42);
  expect(rig.link.welcome).toEqual(welcome("i1"));
});

test("the server says what one is called", () => {
  const rig = new Rig();
  rig.greet(0, { username: "Älice" });
  expect(rig.events()).toContainEqual({ event: "Renamed", username: "Älice" });
  expect(rig.link.username).toBe("Älice");
  rig.link.lost(1_000, 1006, "");
  rig.link.tick(9_000);
  rig.link.opened(9_000);
  expect(rig.frames()).toEqual([expect.objectContaining({ username: "Älice" })]);
});

test("a welcome to another hello is none", () => {
  const rig = new Rig();
  expect(rig.link.welcomed(welcome("i1"), 0), "nothing was said yet").toBe(false);
  rig.link.opened(0);
  expect(rig.link.welcomed(welcome("i0"), 0)).toBe(false);
  expect(rig.link.welcomed(welcome(undefined), 0)).toBe(false);
  expect(rig.link.state.state).toBe("Connecting");
});

test("a server that does not answer hello is as good as none", () => {
  const rig = new Rig();
  rig.link.opened(0);
  rig.link.tick(WELCOME_TIMEOUT - 1);
  expect(rig.states()).toEqual([]);
  rig.link.tick(WELCOME_TIMEOUT);
  expect(rig.states()).toMatchObject([
    { state: "Disconnected", code: 1006, reason: "the server does not answer hello" },
  ]);
});

test("the server's time is told without a clock of one's own", () => {
  expect(serverTime(connected().greeted(), 2_500.7)).toBe(1_002_500);
});

// Hello refused.

test.each([ErrorCode.NAME_TAKEN, ErrorCode.NAME_LIMIT])(
  "a newcomer hears at once of %s",
  (code) => {
    const rig = new Rig();
    rig.link.opened(0);
    rig.refuse(code, 5_000);
    const [state] = rig.states();
    expect(state).toMatchObject({ state: "Closed", error: expect.any(HelloRefused) });
    expect(state).toMatchObject({ error: { refusal: expect.any(NameRefused) } });
    expect(rig.link.wanted).toBe(false);
  },
);

test("who comes back waits for the name", () => {
  const rig = connected();
  rig.comeBack(1_000);
  rig.refuse(ErrorCode.NAME_TAKEN, 14_000);
  expect(rig.events()).toEqual([{ event: "ServerError", error: expect.any(NameRefused) }]);
  expect(rig.link.deadline()).toBe(14_000);
  rig.link.tick(13_999);
  expect(rig.frames()).toEqual([]);
  rig.link.tick(14_000);
  expect(rig.frames().map(({ type }) => type)).toEqual(["hello"]);
  expect(rig.link.welcomed(welcome(rig.lastId), 14_100)).toBe(true);
  expect(rig.events()).toContainEqual({ event: "LatencyMeasured", rttMs: 100 });
});

test("hello is said again to a server that cannot answer now", () => {
  const rig = new Rig();
  rig.link.opened(0);
  rig.refuse(ErrorCode.UNAVAILABLE, 1_000);
  rig.link.tick(1_000);
  expect(rig.link.deadline()).toBe(1_000 + WELCOME_TIMEOUT);
  expect(rig.link.welcomed(welcome("i1"), 1_000), "that one was refused").toBe(false);
  expect(rig.link.welcomed(welcome("i2"), 1_000)).toBe(true);
});

test("a refusal for good is the end for whoever was here before, too", () => {
  const rig = connected();
  rig.comeBack(1_000);
  rig.refuse(ErrorCode.AUTH_REQUIRED);
  expect(rig.link.state.state).toBe("Closed");
});

test("the refusal of another command is not hello's", () => {
  const rig = new Rig();
  const refused = refusal(ErrorCode.UNAVAILABLE, "no");
  expect(rig.link.helloRefused("i1", refused, undefined)).toBe(false);
  rig.link.opened(0);
  expect(rig.link.helloRefused("x", refused, undefined)).toBe(false);
  expect(rig.link.state.state).toBe("Connecting");
});

// The end of a connection.

test("a lost connection is opened again after a while", () => {
  const rig = connected();
  rig.link.lost(5_000, 1006, "reset");
  expect(rig.states()).toEqual([
    { state: "Disconnected", code: 1006, reason: "reset", attempt: 1, retryAt: 5_500 },
  ]);
  expect(rig.link.deadline()).toBe(5_500);
  expect(rig.link.wanted, "an attempt waits for its time").toBe(false);
  rig.link.tick(5_499);
  expect(rig.states()).toEqual([]);
  rig.link.tick(5_500);
  expect(rig.states()).toEqual([{ state: "Reconnecting", attempt: 1 }]);
  expect(rig.link.wanted).toBe(true);
  expect(rig.link.deadline()).toBeUndefined();
});

test("attempts are counted until a welcome", () => {
  const rig = new Rig();
  rig.link.lost(0, 1006, "refused");
  rig.link.tick(99_000);
  rig.link.lost(99_000, 1006, "refused");
  rig.link.tick(199_000);
  expect(rig.states()).toMatchObject([
    { attempt: 2 },
    { attempt: 2 },
    { attempt: 3 },
    { attempt: 3 },
  ]);
  rig.greet(200_000);
  rig.link.lost(201_000, 1006, "");
  expect(rig.link.state).toMatchObject({ attempt: 1 });
});

test("what was not written yet is not for the next connection", () => {
  const rig = new Rig();
  rig.link.opened(0);
  rig.link.lost(0, 1006, "");
  expect(rig.frames()).toEqual([]);
});

test.each([1001, 1005, 1006, 1011, 1012, 1013, 4000, 4008, 4499, 3000])(
  "after the close code %d the client comes back",
  (code) => {
    const rig = connected();
    rig.link.lost(1_000, code, "");
    expect(rig.link.state.state).toBe("Disconnected");
  },
);

test.each([1000, 1002, 1007, 1008, 1009, 4500, 4999])(
  "after the close code %d it stays away",
  (code) => {
    const rig = connected();
    rig.link.lost(1_000, code, "go");
    const [state] = rig.states();
    expect(state).toMatchObject({ state: "Closed", error: { code, reason: "go" } });
    expect(state).toMatchObject({ error: expect.any(EndedByServer) });
  },
);

test("the delay that a server asks for is kept, with jitter on top", () => {
  const rig = connected();
  rig.link.lost(0, CloseCode.RESTART, "restarting, retry-after=3000");
  expect(rig.link.deadline()).toBe(3_500);
});

test("a connection that does not last does not end the outage", () => {
  const rig = connected({ chance: 1 });
  let now = 0;
  const delays = Array.from({ length: 4 }, () => {
    const lostAt = now + STABLE_AFTER - 1_000;
    rig.link.lost(lostAt, 1006, "");
    now = rig.link.deadline() ?? Number.NaN;
    rig.link.tick(now);
    rig.greet(now);
    return now - lostAt;
  });
  expect(delays).toEqual([1_000, 2_000, 4_000, EARLY_CEILING]);
  rig.link.lost(now + STABLE_AFTER, 1006, "");
  expect(rig.link.deadline()).toBe(now + STABLE_AFTER + 1_000);
});

test("after as many failed attempts as are allowed the client gives up", () => {
  const rig = new Rig({ maxAttempts: 2 });
  rig.link.lost(0, 1006, "refused");
  expect(rig.link.state.state).toBe("Disconnected");
  rig.link.tick(9_000);
  rig.link.lost(9_000, 1006, "");
  expect(rig.link.state).toMatchObject({ error: { attempts: 2, reason: "close code 1006" } });
  expect(rig.link.state).toMatchObject({ state: "Closed", error: expect.any(GaveUp) });
});

test("a lost connection is no failed attempt", () => {
  const rig = connected({ maxAttempts: 1 });
  rig.link.lost(1_000, 1006, "");
  expect(rig.link.state.state).toBe("Disconnected");
  rig.link.tick(9_000);
  rig.link.lost(9_000, 1006, "refused");
  expect(rig.link.state).toMatchObject({ error: { reason: "refused" } });
});

test("the application can end it in any state", () => {
  for (const rig of [new Rig(), connected()]) {
    rig.link.end(new Ended("enough"));
    expect(rig.link.state.state).toBe("Closed");
    expect(rig.link.deadline()).toBeUndefined();
    expect(rig.link.wanted).toBe(false);
    expect(() => rig.link.end(new Ended("again"))).toThrow("table");
  }
});

// Signs of life.

/** A connection that was measured for the first time, and answered at once, at 1 s. */
function measured(): Rig {
  const rig = connected({ chance: 0 });
  rig.link.tick(1_000);
  rig.link.heard(1_000);
  rig.link.pong({ type: "pong", id: rig.lastId, time: 0 }, 1_000);
  rig.events();
  rig.frames();
  return rig;
}

test("soon after the welcome a ping corrects its round trip", () => {
  const rig = new Rig({ chance: 0 });
  rig.link.opened(0);
  rig.link.welcomed(welcome(rig.lastId), 500);
  expect(rig.link.rttMs).toBe(500);
  rig.events();
  rig.frames();
  expect(rig.link.deadline()).toBe(1_500);
  rig.link.heard(1_400);
  rig.link.tick(1_500);
  expect(rig.frames()).toEqual([{ type: "ping", id: rig.lastId }]);
  rig.link.heard(1_750);
  rig.link.pong({ type: "pong", id: rig.lastId, time: 0 }, 1_750);
  expect(rig.events()).toEqual([{ event: "LatencyMeasured", rttMs: 250 }]);
  expect(rig.link.rttMs).toBe(250);
});

test("after some quiet a ping measures the round trip", () => {
  const rig = measured();
  expect(rig.link.deadline()).toBe(11_000);
  rig.link.tick(10_999);
  expect(rig.frames()).toEqual([]);
  rig.link.tick(11_000);
  expect(rig.frames()).toEqual([{ type: "ping", id: rig.lastId }]);
  rig.link.heard(11_030);
  rig.link.pong({ type: "pong", id: rig.lastId, time: 0 }, 11_030);
  expect(rig.events()).toEqual([{ event: "LatencyMeasured", rttMs: 30 }]);
  rig.link.pong({ type: "pong", id: rig.lastId, time: 0 }, 11_040);
  expect(rig.events()).toEqual([]);
});

test("what is heard puts the ping off", () => {
  const rig = measured();
  rig.link.heard(5_000);
  rig.link.tick(11_000);
  expect(rig.frames()).toEqual([]);
});

test("a server that has fallen silent is lost", () => {
  const rig = connected({ chance: 0 });
  while (rig.link.wanted) rig.link.tick(rig.link.deadline() ?? Number.NaN);
  expect(rig.link.state).toMatchObject({ reason: "the server has fallen silent", retryAt: 50_000 });
});

test("who wakes asks at once whether the connection lives", () => {
  const rig = connected({ chance: 0 });
  rig.link.woke(5_000);
  rig.link.tick(5_000);
  expect(rig.frames().map(({ type }) => type)).toEqual(["ping"]);
  rig.link.tick(5_000 + PROBE);
  expect(rig.link.state.state).toBe("Disconnected");
});

test("who wakes does not wait for the next attempt", () => {
  const rig = connected({ chance: 1 });
  rig.link.lost(1_000, 1006, "");
  rig.link.woke(1_100);
  expect(rig.link.state).toEqual({ state: "Reconnecting", attempt: 1 });
});

test("without a welcome there is nothing to hear or to wake", () => {
  const rig = new Rig();
  const pong = { type: "pong", id: "x", time: 0 } as const;
  rig.link.heard(0);
  rig.link.pong(pong, 0);
  rig.link.woke(0);
  rig.link.tick(0);
  rig.link.opened(0);
  rig.link.heard(0);
  rig.link.pong(pong, 0);
  expect(rig.events()).toEqual([]);
});

test("pings count against the rate", () => {
  const rig = new Rig({ chance: 0 });
  rig.greet(0, { limits: { ...LIMITS, rate: 0.01, burst: 2 } });
  const { pacer } = rig.greeted();
  const before = pacer.readyAt();
  rig.link.tick(10_000);
  expect(pacer.readyAt()).toBeGreaterThan(before + 10_000);
});
