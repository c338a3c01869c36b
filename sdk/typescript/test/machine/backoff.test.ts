import { expect, test } from "vitest";
import {
  Backoff,
  EARLY,
  EARLY_CEILING,
  LAST_CEILING,
  LONGEST_WISH,
  wishOf,
} from "../../src/machine/backoff.js";

/** The delays of one outage, when chance always gives the most that it can. */
function ceilings(times: readonly number[]): number[] {
  const backoff = new Backoff(() => 1);
  return times.map((now) => backoff.delay(now));
}

const FIRST_MINUTE = Array.from({ length: 12 }, (_, index) => index * 5_000);

test("the ceiling doubles from a second", () => {
  expect(ceilings([0, 1_000, 2_000])).toEqual([1_000, 2_000, 4_000]);
});

test("in the first minute the ceiling stays at four seconds", () => {
  expect(ceilings(FIRST_MINUTE)).toEqual([1_000, 2_000, ...Array(10).fill(EARLY_CEILING)]);
});

test("after the first minute it grows to thirty seconds", () => {
  expect(ceilings([...FIRST_MINUTE, EARLY, 1e6]).slice(-2)).toEqual([LAST_CEILING, LAST_CEILING]);
  expect(ceilings([0, 30_000, EARLY]).at(-1), "it still only doubles").toBe(EARLY_CEILING);
});

test("a delay is anything below the ceiling", () => {
  const chances = [0, 0.25, 0.999];
  const backoff = new Backoff(() => chances.shift() ?? 0);
  expect([backoff.delay(0), backoff.delay(0), backoff.delay(0)]).toEqual([0, 500, 3_996]);
});

test("the ceiling never overflows", () => {
  expect(ceilings(Array.from({ length: 3_000 }, (_, index) => index * 1_000)).at(-1)).toBe(
    LAST_CEILING,
  );
});

test("after an outage the next one begins anew", () => {
  const backoff = new Backoff(() => 1);
  for (let now = 0; now < 100_000; now += 1_000) backoff.delay(now);
  backoff.settled();
  const times = [1e6, 1.03e6, 1.058e6, 1.059e6];
  expect(times.map((now) => backoff.delay(now))).toEqual([1_000, 2_000, 4_000, EARLY_CEILING]);
});

test("what the server wishes is the least, and jitter comes on top", () => {
  expect(new Backoff(() => 0).delay(0, 5_000)).toBe(5_000);
  expect(new Backoff(() => 0.5).delay(0, 5_000)).toBe(5_500);
});

test.each([
  ["", 0],
  ["restarting", 0],
  ["retry-after=1500", 1_500],
  ["restarting; retry-after=250", 250],
  ["retry-after=", 0],
  ["retry-after=-5", 0],
  ["retry-after=soon", 0],
  ["no-retry-after=12x", 0],
  ["retry-after=999999999999", LONGEST_WISH],
  ["retry-after=9999999999999", 0],
  ["retry-after=٣", 0],
])("a close reason may carry a wish: %j", (reason, milliseconds) => {
  expect(wishOf(reason)).toBe(milliseconds);
});
