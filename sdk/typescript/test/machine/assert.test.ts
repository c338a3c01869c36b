import { expect, test } from "vitest";
import { assert } from "../../src/machine/assert.js";

test("what cannot be otherwise is said to be a fault when it is", () => {
  expect(() => assert(true, "why")).not.toThrow();
  expect(() => assert(false, "because of this")).toThrow("because of this");
});
