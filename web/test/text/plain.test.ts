import { expect, test } from "vitest";
import { excerpt } from "../../src/text/plain.js";

test("an excerpt is one line, and cuts no character", () => {
  expect(excerpt("one\n  two\tthree ", 20)).toBe("one two three");
  expect(excerpt("💥".repeat(30), 5)).toBe("💥💥💥💥…");
  expect(excerpt("exact", 5)).toBe("exact");
  expect(excerpt("**now** or :tada:", 20)).toBe("now or 🎉");
});

test("nothing turns the letters about", () => {
  expect(excerpt("\u202eevil\u202d \u2067kept\u2069", 20)).toBe("evil \u2067kept\u2069");
});
