import { expect, test } from "vitest";
import { EMOJI } from "../../src/text/emoji.js";
import { find, GROUPS, picksOf } from "../../src/text/emoji-groups.js";

const ALL = GROUPS.flatMap(({ picks }) => picks);

test("every emoji is there once, one character to look at, with a name in each language", () => {
  expect(new Set(ALL.map(({ emoji }) => emoji)).size).toBe(ALL.length);
  for (const { emoji, names } of ALL) {
    expect([...new Intl.Segmenter().segment(emoji)], emoji).toHaveLength(1);
    expect(emoji).toMatch(/\p{Emoji}/u);
    for (const name of [...names.en, ...names.fr]) {
      expect(name.trim(), emoji).not.toBe("");
    }
  }
});

test.each([
  ["coeur", "❤️"],
  ["cœur", "❤️"],
  ["FETE", "🥳"],
  ["rocket", "🚀"],
  ["thumbs", "👍"],
  ["+1", "👍"],
  ["🎉", "🎉"],
])("who looks for %s finds it", (wish, emoji) => {
  expect(find(wish).map((pick) => pick.emoji)).toContain(emoji);
});

test("what begins so comes first, and what is not there is not found", () => {
  expect(find("tea")[0]?.emoji).toBe("🍵");
  expect(find("no such thing")).toEqual([]);
});

test("what was picked before is shown again, known or not", () => {
  expect(picksOf(["🚀", "🦖"]).map(({ names }) => names.en[0])).toEqual(["rocket", "🦖"]);
});

test("most of what can be typed between colons can be picked", () => {
  const pickable = new Set(ALL.map(({ emoji }) => emoji));
  const missing = [...EMOJI.values()].filter((emoji) => !pickable.has(emoji));
  expect(missing.length / EMOJI.size).toBeLessThan(0.2);
});
