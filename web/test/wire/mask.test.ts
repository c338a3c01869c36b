import { expect, test } from "vitest";
import { EXAMPLE_MASK, EXAMPLE_TEXT, masked } from "../../src/wire/mask.js";

test("the RFC's example is masked as the RFC has it", () => {
  const bytes = masked(EXAMPLE_TEXT, EXAMPLE_MASK, 8); // RFC 6455, section 5.7
  expect(bytes.map((byte) => byte.masked).join(" ")).toBe("7f 9f 4d 51 58");
  expect(bytes.map((byte) => byte.mask).join(" ")).toBe("37 fa 21 3d 37");
  expect(bytes.map((byte) => byte.character).join("")).toBe("Hello");
});

test("only the first bytes are masked, and a character may have several", () => {
  expect(masked("é€ and so on", "00000000", 4)).toEqual([
    { character: "·", plain: "c3", mask: "00", masked: "c3" },
    { character: "·", plain: "a9", mask: "00", masked: "a9" },
    { character: "·", plain: "e2", mask: "00", masked: "e2" },
    { character: "·", plain: "82", mask: "00", masked: "82" },
  ]);
});
