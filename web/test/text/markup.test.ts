import { describe, expect, test } from "vitest";
import { isEmojiOnly, plain, read, type Token } from "../../src/text/markup.js";

/** Tokens as one line: what a reader would see, with what it is. */
function seen(tokens: readonly Token[]): string {
  return tokens.map(seenOne).join("");
}

function seenOne(one: Token): string {
  switch (one.token) {
    case "text":
      return one.text;
    case "bold":
      return `<b>${seen(one.inner)}</b>`;
    case "italic":
      return `<i>${seen(one.inner)}</i>`;
    case "code":
      return `<code>${one.text}</code>`;
    case "fence":
      return `<pre ${one.language}>${one.text}</pre>`;
    case "link":
      return `<a ${one.href}>${one.text}</a>`;
  }
}

describe("markup", () => {
  test.each([
    ["plain", "plain"],
    ["**bold** and *italic* and _so_", "<b>bold</b> and <i>italic</i> and <i>so</i>"],
    ["**bold *and* italic**", "<b>bold <i>and</i> italic</b>"],
    ["`**not bold**`", "<code>**not bold**</code>"],
    ["2 * 3 * 4 and **", "2 * 3 * 4 and **"],
    ["snake_case_name stays", "snake_case_name stays"],
    ["**open", "**open"],
    ["before\n```py\nx = 1\n```\nafter", "before<pre py>x = 1</pre>after"],
    ["```\n**raw** <b>\n```", "<pre >**raw** <b></pre>"],
    ["```open\nno end", "```open\nno end"],
    ["```\na```\n\n```\n```x", "<pre >a</pre>\n```\n```x"],
    [":smile: :nothing: 10:30:15", "😄 :nothing: 10:30:15"],
    ["<img src=x onerror=alert(1)>", "<img src=x onerror=alert(1)>"],
  ])("reads %j", (text, expected) => {
    expect(seen(read(text))).toBe(expected);
  });

  test.each([
    [
      "see https://example.org/a_b_c?x=1.",
      "see <a https://example.org/a_b_c?x=1>https://example.org/a_b_c?x=1</a>.",
    ],
    ["(https://example.org)", "(<a https://example.org/>https://example.org</a>)"],
    ["https://example.org/a_(b)", "<a https://example.org/a_(b)>https://example.org/a_(b)</a>"],
    ["mailto:a@example.org", "<a mailto:a@example.org>mailto:a@example.org</a>"],
    ["javascript:alert(1)", "javascript:alert(1)"],
    ["https://", "https://"],
    ["data:text/html,x", "data:text/html,x"],
    ["https://bank.example@evil.example/", "https://bank.example@evil.example/"],
    [
      "https://a.example/\u202eelpmaxe",
      "<a https://a.example/>https://a.example/</a>\u202eelpmaxe",
    ],
    ["https://a.example/x).)", "<a https://a.example/x>https://a.example/x</a>).)"],
  ])("makes links of nothing but safe addresses: %j", (text, expected) => {
    expect(seen(read(text))).toBe(expected);
  });

  test("loses nothing of what was written but its signs", () => {
    const text = "a ** b * c _ d ` e ``` f : g :: h https:// i";
    expect(seen(read(text))).toBe(text);
  });

  test("comes to an end with texts that are made to keep it busy", () => {
    for (const part of ["*", "**a", "_a ", "`", "```\n", "https://a", ":a", "(", "a_", "\n"]) {
      expect(read(part.repeat(4_000).slice(0, 4_000))).not.toHaveLength(0);
    }
  });

  test("takes no longer than its length for lines that all open code", () => {
    // In a time that grows with the square of it, this would take half a minute.
    const text = "```a\n".repeat(40_000);
    expect(seen(read(text))).toBe(text);
  });

  test("takes no longer than its length for an address of brackets", () => {
    // In a time that grows with the square of it, this would take minutes.
    const text = `https://a.example/${")".repeat(200_000)}`;
    expect(seen(read(text))).toHaveLength(text.length + "<a https://a.example/></a>".length);
  });

  test("gives up at once on emoji that do not stand alone", () => {
    // Tried in all combinations, this would not end.
    for (const part of ["🏻", "👍🏽", "\u200d", "❤️", "🏳️‍🌈"]) {
      expect(isEmojiOnly(`${part.repeat(30)}x`)).toBe(false);
    }
  });

  test("knows a few emoji alone", () => {
    expect(["😄", "👍🏽 🎉", "❤️", "🏳️‍🌈"].map(isEmojiOnly)).toEqual([true, true, true, true]);
    expect(["7", "a 😄", "", " ", "😄😄😄😄😄😄"].map(isEmojiOnly)).toEqual([
      false,
      false,
      false,
      false,
      false,
    ]);
  });
});

test("a message on one line is what it says, without its markup", () => {
  expect(plain("**now** or *never*, `break`.\nsee https://example.org/a")).toBe(
    "now or never, break. see https://example.org/a",
  );
  expect(plain("so:\n```python\nif a:\n    b\n```\ndone")).toBe("so: if a: b done");
});
