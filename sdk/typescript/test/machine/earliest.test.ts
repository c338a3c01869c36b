import { expect, test } from "vitest";
import { earliest, NOW } from "../../src/machine/earliest.js";

test("the first of the times that there are", () => {
  expect(earliest([])).toBeUndefined();
  expect(earliest([undefined])).toBeUndefined();
  expect(earliest([5, undefined, 3, 4])).toBe(3);
  expect(earliest([5, NOW])).toBe(NOW);
  expect(earliest([0, 5])).toBe(0);
});
