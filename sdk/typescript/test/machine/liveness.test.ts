import { expect, test } from "vitest";
import {
  FIRST_MEASURED,
  LATE,
  Liveness,
  LONGEST_QUIET,
  MEASURED_EVERY,
  PROBE,
  SHORTEST_SHARE,
} from "../../src/machine/liveness.js";

function alive({ heartbeat = 25_000, chance = 0, now = 0 } = {}): Liveness {
  return new Liveness(heartbeat, () => chance, now);
}

/** A connection that was measured for the first time, and answered at once, at 0. */
function measured({ heartbeat = 25_000, chance = 0 } = {}): Liveness {
  const liveness = alive({ heartbeat, chance, now: -FIRST_MEASURED * (0.5 + chance) });
  expect(liveness.check(0)).toBe("ping");
  liveness.pinged("first", 0);
  liveness.heard(0);
  expect(liveness.pong("first", 0)).toBe(0);
  return liveness;
}

test.each([
  [0, 1_000],
  [0.5, 2_000],
  [1, 3_000],
])(
  "one to three seconds after its welcome a connection is measured (chance %d)",
  (chance, soon) => {
    const liveness = alive({ chance, now: 100_000 });
    expect(liveness.deadline()).toBe(100_000 + soon);
    expect(liveness.check(100_000 + soon - 1)).toBe("alive");
    expect(liveness.check(100_000 + soon)).toBe("ping");
  },
);

test("in a busy room a new connection is measured as soon", () => {
  const liveness = alive();
  for (const now of [200, 400, 600, 800]) {
    liveness.heard(now);
    expect(liveness.deadline()).toBe(1_000);
  }
  liveness.heard(1_000);
  expect(liveness.check(1_000)).toBe("ping");
});

test("a connection is measured so soon only once, even if nobody answers", () => {
  const liveness = alive();
  liveness.pinged("first", 1_000);
  expect(liveness.deadline()).toBe(11_000);
  liveness.heard(2_000);
  expect(liveness.deadline()).toBe(12_000);
});

test("a heartbeat shorter than that measures a new connection sooner", () => {
  expect(alive({ heartbeat: 1_000 }).deadline()).toBe(SHORTEST_SHARE * 1_000);
});

test.each([
  [0, 10_000],
  [0.5, 17_500],
  [1, 25_000],
])("after ten to twenty-five seconds of quiet comes a ping (chance %d)", (chance, quiet) => {
  const liveness = measured({ chance });
  expect(liveness.deadline()).toBe(quiet);
  expect(liveness.check(quiet - 1)).toBe("alive");
  expect(liveness.check(quiet)).toBe("ping");
});

test("a short heartbeat makes the quiet short", () => {
  expect(measured({ heartbeat: 5_000 }).deadline()).toBe(SHORTEST_SHARE * 5_000);
  expect(measured({ heartbeat: 1e6, chance: 1 }).deadline()).toBe(LONGEST_QUIET);
});

test("whatever comes puts the ping off", () => {
  const liveness = measured();
  liveness.heard(9_000);
  expect(liveness.deadline()).toBe(19_000);
});

test("in a busy room the round trip is measured all the same", () => {
  const liveness = measured();
  for (let now = 1_000; now < MEASURED_EVERY; now += 1_000) {
    liveness.heard(now);
    expect(liveness.check(now)).toBe("alive");
  }
  liveness.heard(MEASURED_EVERY);
  expect(liveness.check(MEASURED_EVERY)).toBe("ping");
  liveness.pinged("p", MEASURED_EVERY);
  expect(liveness.check(MEASURED_EVERY)).toBe("alive");
  liveness.heard(MEASURED_EVERY + 1_000);
  expect(liveness.check(MEASURED_EVERY + 1_000), "and not all the time").toBe("alive");
});

test("two heartbeats without a byte are the end", () => {
  const liveness = measured();
  for (const now of [10_000, 20_000, 30_000, 40_000]) {
    expect(liveness.check(now)).toBe("ping");
    liveness.pinged("p", now);
  }
  expect(liveness.check(49_999)).toBe("alive");
  expect(liveness.deadline()).toBe(50_000);
  expect(liveness.check(50_000)).toBe("dead");
});

test("the last ping tells the round trip in whole milliseconds, once", () => {
  const liveness = alive();
  expect(liveness.pong("a", 0)).toBeUndefined();
  expect(liveness.pong(undefined, 0)).toBeUndefined();
  liveness.pinged("a", 10_000);
  liveness.pinged("b", 11_000);
  expect(liveness.pong("a", 11_500)).toBeUndefined();
  expect(liveness.pong(undefined, 11_500)).toBeUndefined();
  expect(liveness.pong("b", 11_042.3)).toBe(43);
  expect(liveness.pong("b", 11_050)).toBeUndefined();
});

test("a probe asks at once and waits only a short while", () => {
  const liveness = alive();
  liveness.probe(3_000);
  expect(liveness.check(3_000)).toBe("ping");
  liveness.pinged("p", 3_000);
  expect(liveness.check(3_000 + PROBE - 1)).toBe("alive");
  expect(liveness.check(3_000 + PROBE)).toBe("dead");
});

test("a probe that is answered changes nothing else", () => {
  const liveness = alive();
  liveness.probe(3_000);
  liveness.pinged("p", 3_000);
  liveness.heard(3_100);
  expect(liveness.check(3_000 + PROBE)).toBe("alive");
  expect(liveness.deadline()).toBe(13_100);
});

test("who slept past the end asks first", () => {
  const liveness = alive();
  const late = 1_000 + LATE + 1;
  expect(liveness.check(late)).toBe("ping");
  liveness.pinged("p", late);
  expect(liveness.check(late + PROBE)).toBe("dead");
  expect(alive().check(1e6)).toBe("ping");
});

test("pings of one connection are not in step", () => {
  const chances = [0, 0.5, 1, 0];
  const liveness = new Liveness(25_000, () => chances.shift() ?? 0, 0);
  expect(liveness.deadline()).toBe(2_000);
  liveness.pinged("a", 2_000);
  expect(liveness.deadline()).toBe(27_000);
  liveness.pinged("b", 27_000);
  expect(liveness.deadline()).toBe(37_000);
});
