import { expect, test } from "vitest";
import { BadTemplate, type Json, type JsonObject, show, Variables } from "./patterns.js";

const NOW = 1_700_000_000_000_000;

function variables(known: JsonObject = {}): Variables {
  return new Variables(
    () => 0.5,
    () => NOW,
    known,
  );
}

function matches(pattern: Json, value: Json): boolean {
  return variables({ known: 5 }).mismatch(pattern, value) === undefined;
}

test("names are filled whole or within a text, and parts of them too", () => {
  const filled = variables({ a: { b: [1, "x"] }, n: 7 });
  expect(filled.fill(["$n", "no $n", "$a.b.1", { k: "$a.b.0" }, true])).toEqual([
    7,
    "no 7",
    "x",
    { k: 1 },
    true,
  ]);
  for (const bad of ["$unset", "$a.c", "$a.b.9", "$a.b.x"]) {
    expect(() => filled.fill(bad)).toThrow(BadTemplate);
  }
});

test("names that say how are made up, once", () => {
  const made = variables();
  expect(made.fill("$Bob")).toMatch(/^Bob-[a-z]{8}$/);
  expect(made.fill("$roomB")).toMatch(/^roomb-[a-z]{8}$/);
  expect(made.fill("$key")).toMatch(/^[0-9a-f]{32}$/);
  expect(made.fill("$id1")).toMatch(/^[0-9a-f]{32}$/);
  expect(made.fill("$digits")).toMatch(/^\d{10}$/);
  expect(made.fill("$Bob")).toBe(made.fill("$Bob"));
});

test("operators have results", () => {
  const filled = variables({ n: 2 });
  expect(filled.fill({ $sum: ["$n", 3] })).toBe(5);
  expect(filled.fill({ $repeat: "ab", times: "$n" })).toBe("abab");
  expect(filled.fill({ $concat: ["a", "$n"] })).toBe("a2");
  expect(filled.fill({ $upper: "ä" })).toBe("Ä");
  expect(filled.fill({ $now: "ms" })).toBe(NOW / 1000);
  expect(filled.fill({ $now: "s" })).toBe(NOW / 1e6);
  const bad: Json[] = [
    { $sum: 1 },
    { $sum: ["x"] },
    { $repeat: "a", times: 1.5 },
    { $now: "h" },
    { $upper: "a", more: 1 },
    { $odd: 1 },
  ];
  for (const one of bad) expect(() => filled.fill(one)).toThrow(BadTemplate);
});

test.each<[Json, Json, boolean]>([
  [{ a: 1 }, { a: 1, b: 2 }, true],
  [{ a: 1 }, { a: 2 }, false],
  [{ a: 1 }, [], false],
  [{ a: null, b: false, c: 0 }, {}, true],
  [{ a: "" }, {}, false],
  [{ a: null }, { a: 0 }, false],
  [1, true, false],
  [[1, 2], [1, 2], true],
  [[1, 2], [1], false],
  [[1, 2], [1, 3], false],
  ["$known", 5, true],
  ["$known", 6, false],
  [{ a: "$x", b: "$x" }, { a: 1, b: 1 }, true],
  [{ a: "$x", b: "$x" }, { a: 1, b: 2 }, false],
  [{ a: "$x" }, {}, false],
  [{ $sum: ["$known", 1] }, 6, true],
  [{ $is: "string" }, "", true],
  [{ $is: ["number", "integer"] }, 1.5, false],
  [{ $is: "boolean" }, false, true],
  [{ $is: "array" }, {}, false],
  [{ $is: "object" }, {}, true],
  [{ $is: "any" }, null, false],
  [{ $is: "ms" }, NOW / 1000, true],
  [{ $is: "s" }, NOW / 1000, false],
  [{ $is: "s" }, NOW / 1e6, true],
  [{ $not: 1 }, 2, true],
  [{ $not: { $is: "any" } }, 2, false],
  [{ $either: [1, { $above: 5 }] }, 7, true],
  [{ $either: [1, 2] }, 7, false],
  [{ $above: 1, $below: 3 }, 2, true],
  [{ $above: 1, $below: 3 }, 3, false],
  [{ $contains: "b" }, "abc", true],
  [{ $contains: "b" }, 1, false],
  [{ $count: 2 }, "😀a", true],
  [{ $count: { $above: 1 } }, [1], false],
  [{ $count: 1 }, 1, false],
  [{ $has: [2] }, [1, 2, 3], true],
  [{ $has: [2, 2] }, [1, 2, 3], false],
  [{ $has: [2] }, 2, false],
  [{ $these: [2, 1] }, [1, 2], true],
  [{ $these: [2, 1] }, [1, 2, 3], false],
])("%j and %j match: %s", (pattern, value, expected) => {
  expect(matches(pattern, value)).toBe(expected);
});

test("what a name has taken stays, but only if all matches", () => {
  const taken = variables();
  expect(taken.mismatch({ a: "$x", b: 1 }, { a: 5, b: 2 })).toContain("b should be 1, and is 2");
  expect(taken.mismatch({ a: "$x" }, { a: 6 })).toBeUndefined();
  expect(taken.mismatch("$x", 5)).toBeDefined();
  expect(taken.mismatch({ $as: "x" }, 5)).toBeUndefined();
  expect(taken.fill("$x")).toBe(5);
  expect(taken.mismatch({ gone: { $as: "y" } }, {})).toContain("something");
});

test("what names take within operators stays only where that pattern matched", () => {
  const taken = variables();
  const tried = {
    $either: [
      [{ a: "$x" }, 9],
      [{ a: "$x" }, 2],
    ],
  };
  expect(taken.mismatch(tried, [{ a: 1 }, 2])).toBeUndefined();
  expect(
    taken.mismatch({ $has: [{ a: "$y", b: 1 }] }, [
      { a: 1, b: 0 },
      { a: 2, b: 1 },
    ]),
  ).toBe(undefined);
  expect(taken.fill(["$x", "$y"])).toEqual([1, 2]);
});

test("matchers that are none are told", () => {
  for (const bad of [{ $is: "odd" }, { $is: "any", $odd: 1 }, { $has: 1 }, { $either: 1 }]) {
    expect(() => matches(bad, 1)).toThrow(BadTemplate);
  }
});

test("long values are cut where people read them", () => {
  expect(show("x".repeat(1000))).toMatch(/^"x{299}… \(1002 characters\)$/);
});
