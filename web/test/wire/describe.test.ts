import { expect, test } from "vitest";
import { bytesOf, inline, pieces, pretty, typeOf } from "../../src/wire/describe.js";

test("a frame's type is what it says, if it says one", () => {
  expect(typeOf('{"type":"message"}')).toBe("message");
  expect(["{}", '{"type":3}', "null", "[]", "no json"].map(typeOf)).toEqual(Array(5).fill("?"));
});

test("secrets are shown nowhere, at any depth", () => {
  const text = JSON.stringify({ type: "hello", key: "s3cret", in: [{ token: "s3cret" }] });
  for (const shown of [inline(text), pretty(text)]) {
    expect(shown).not.toContain("s3cret");
    expect(shown).toContain("•••");
  }
});

test("what is no JSON is shown as it is", () => {
  expect(inline("{no json")).toBe("{no json");
  expect(pretty("{no json")).toBe("{no json");
});

test("all of a text is among its pieces, each of its kind", () => {
  const value = { s: 'a "quoted: 1" \\ line\n', n: [-1.5e3, 0], w: [true, false, null], o: {} };
  for (const text of [JSON.stringify(value), JSON.stringify(value, null, 2), "{no json: true"]) {
    expect(
      pieces(text)
        .map((piece) => piece.text)
        .join(""),
    ).toBe(text);
  }
  const kinds = pieces(JSON.stringify(value)).filter(({ kind }) => kind !== "sign");
  expect(kinds.map(({ kind }) => kind).join(" ")).toBe(
    "key string key number number key word word word key",
  );
});

test("a size is counted in bytes", () => {
  expect(bytesOf("é€😀")).toBe(2 + 3 + 4);
});
