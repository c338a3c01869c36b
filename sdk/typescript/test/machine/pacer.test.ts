import fc from "fast-check";
import { expect, test } from "vitest";
import { Pacer, SHARE } from "../../src/machine/pacer.js";

/** How many commands may go out at a time. */
function taken(pacer: Pacer, now: number): number {
  let count = 0;
  while (count < 10_000 && pacer.take(now)) count += 1;
  return count;
}

test("a burst goes out at once, and then at the rate", () => {
  const pacer = new Pacer(10, 20, 0);
  expect(taken(pacer, 0), "hello has had one").toBe(20 * SHARE - 1);
  expect(pacer.readyAt()).toBeCloseTo(1_000 / (10 * SHARE));
  expect(pacer.take(50)).toBe(false);
  expect(pacer.take(pacer.readyAt())).toBe(true);
  expect(pacer.take(pacer.readyAt() - 10)).toBe(false);
});

test("without a limit nothing waits", () => {
  const pacer = new Pacer(0, 0, 5_000);
  for (let count = 0; count < 10_000; count += 1) expect(pacer.take(5_000)).toBe(true);
  expect(pacer.readyAt()).toBe(5_000);
});

test("after a rest no more than a burst goes out", () => {
  expect(taken(new Pacer(10, 10, 0), 1e6)).toBe(10 * SHARE);
});

test("one command may go out, however small the burst", () => {
  const pacer = new Pacer(1, 1, 0);
  expect(pacer.take(0)).toBe(false);
  expect(pacer.take(pacer.readyAt())).toBe(true);
});

test("a forced command delays the others", () => {
  const pacer = new Pacer(10, 10, 0);
  expect(pacer.readyAt()).toBe(0);
  for (let count = 0; count < 9; count += 1) pacer.force(0);
  expect(pacer.readyAt()).toBeGreaterThan(100);
  pacer.force(1_000);
  expect(pacer.take(1_000)).toBe(true);
});

test("a forced command counts after a rest, too", () => {
  const pacer = new Pacer(10, 10, 0);
  pacer.force(1e6);
  expect(taken(pacer, 1e6)).toBe(10 * SHARE - 1);
});

test("the time that it names is always the right one", () => {
  fc.assert(
    fc.property(
      fc.double({ min: 0.1, max: 1_000, noNaN: true }),
      fc.integer({ min: 1, max: 1_000 }),
      fc.array(fc.double({ min: 0, max: 10_000, noNaN: true }), { maxLength: 50 }),
      (rate, burst, steps) => {
        let now = 1e9;
        const pacer = new Pacer(rate, burst, now);
        for (const step of steps) {
          now += step;
          taken(pacer, now);
          expect(pacer.readyAt()).toBeGreaterThan(now);
          now = pacer.readyAt();
          expect(pacer.take(now)).toBe(true);
        }
      },
    ),
  );
});
