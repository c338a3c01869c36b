import { expect, test } from "vitest";
import { lineThrough, rounded, spread } from "../src/round-trips.js";

const trips = (...times: number[]) => times.map((ms, index) => ({ at: 1_000 + index * 10, ms }));

test("the least, the median and the most are found, in any order", () => {
  expect(spread(trips(30, 9, 100))).toEqual({ least: 9, median: 30, most: 100 });
  expect(spread(trips(4, 1, 3, 2))).toEqual({ least: 1, median: 2.5, most: 4 });
  expect(spread(trips(7))).toEqual({ least: 7, median: 7, most: 7 });
  expect(spread([])).toBeUndefined();
});

test("the line goes from left to right, and the slowest is at the top", () => {
  const box = { width: 100, height: 50, margin: 5 };
  expect(lineThrough(trips(0, 20, 10), box)).toBe("M0.0 45.0L50.0 5.0L100.0 25.0");
  expect(lineThrough(trips(20), box)).toBe("M0.0 5.0");
  expect(lineThrough([], box)).toBe("");
});

test("tenths of a millisecond are shown only below ten", () => {
  expect([0.04, 1.26, 9.96, 10.4, 250.6].map(rounded)).toEqual([0, 1.3, 10, 10, 251]);
});
