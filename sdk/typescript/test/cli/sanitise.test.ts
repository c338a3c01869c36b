import { expect, it } from "vitest";
import { oneLine, sanitise, sanitiseName } from "../../src/cli/sanitise.js";

it.each([
  ["plain text", "plain text"],
  ["\u001b[31mred", "␛[31mred"],
  ["a\u0007b\u007f", "a␇b␡"],
  ["\u009b2J", "\ufffd2J"],
  ["a\tb", "a    b"],
  ["one\r\ntwo\u2028three\u0085four", "one\ntwo\nthree\nfour"],
  ["abc\u202edef\u2066", "abcdef"],
  ["pay\u200bpal\ufeff", "paypal"],
  [
    "zalgo\u0301\u0301\u0301\u0301\u0301\u0301\u0301\u0301\u0301\u0301",
    "zalgo\u0301\u0301\u0301\u0301\u0301\u0301\u0301\u0301",
  ],
  ["\ud800", "\ufffd"],
  ["\u{1fffe}\ufdd0", "\ufffd\ufffd"],
  ["\u{1f468}\u200d\u{1f469}\u200d\u{1f467}", "\u{1f468}\u200d\u{1f469}\u200d\u{1f467}"],
  ["\u2764\ufe0f", "\u2764\ufe0f"],
  ["a\u200db", "ab"],
  ["\u0646\u200c\u0647", "\u0646\u200c\u0647"],
  [
    "\u{1f3f4}\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}",
    "\u{1f3f4}\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}",
  ],
  ["x\u{e0067}\u{e007f}", "x"],
])("makes %j harmless", (text, harmless) => {
  expect(sanitise(text)).toBe(harmless);
});

it("makes one line of several, and cuts what is too long", () => {
  expect(oneLine(" a\n b\t c ", 10)).toBe("a b c");
  expect(oneLine("😀😀😀😀", 3)).toBe("😀😀…");
  expect(sanitiseName("x".repeat(100))).toHaveLength(64);
});
