/**
 * The little markup that messages have, read into tokens: never into HTML.
 *
 * `**bold**`, `*italic*` and `_italic_`, `` `code` ``, fenced code, links, `:shortcodes:`. What is
 * not closed stays as it was typed.
 *
 * @module
 */

import { EMOJI } from "./emoji.js";

/** A piece of a message. */
export type Token =
  | { readonly token: "text"; readonly text: string }
  | { readonly token: "bold"; readonly inner: readonly Token[] }
  | { readonly token: "italic"; readonly inner: readonly Token[] }
  | { readonly token: "code"; readonly text: string }
  | { readonly token: "fence"; readonly text: string; readonly language: string }
  | { readonly token: "link"; readonly text: string; readonly href: string };

const OPENING = /^```([\w+-]{0,20})[ \t]*$/;
const CLOSING = /```[ \t]*$/;
const INLINE =
  /(?<!`)`([^`\n]+)`(?!`)|\*\*(?=\S)([^\n]*?\S)\*\*|\*(?=[^\s*])([^*\n]*?[^\s*])\*|(?<![\p{L}\p{N}_])_(?=[^\s_])([^_\n]*?[^\s_])_(?![\p{L}\p{N}_])|((?:https?:\/\/|mailto:)[^\s<>"“”\u200E\u200F\u202A-\u202E\u2066-\u2069]+)|:([a-z0-9_+-]{2,30}):/u;

/** Nesting beyond this is shown as it was typed. */
const DEEPEST = 4;

/** Reads a message. */
export function read(text: string): readonly Token[] {
  const tokens: Token[] = [];
  const lines = text.split("\n");
  const closing = closingLines(lines);
  let start = 0;
  for (let place = 0; place < lines.length; place += 1) {
    const opened = OPENING.exec(lines[place] ?? "");
    const end = closing[place + 1];
    if (opened !== null && end !== undefined) {
      tokens.push(...readInline(lines.slice(start, place).join("\n"), 0));
      const last = lines[end]?.replace(CLOSING, "");
      const code = [...lines.slice(place + 1, end), ...(last ? [last] : [])];
      tokens.push({ token: "fence", text: code.join("\n"), language: opened[1] ?? "" });
      start = end + 1;
      place = end;
    }
  }
  tokens.push(...readInline(lines.slice(start).join("\n"), 0));
  return tokens;
}

/**
 * For each line the first from there on that can close code; undefined where there is none. Found
 * once, from the end: a message may be nothing but lines that open some.
 */
function closingLines(lines: readonly string[]): (number | undefined)[] {
  const found: (number | undefined)[] = [];
  let next: number | undefined;
  for (let place = lines.length - 1; place >= 0; place -= 1) {
    next = CLOSING.test(lines[place] ?? "") ? place : next;
    found[place] = next;
  }
  return found;
}

/** What a message says on one line, without its markup. */
export function plain(text: string): string {
  return read(text).map(said).join("").replace(/\s+/g, " ").trim();
}

function said(token: Token): string {
  if ("inner" in token) {
    return token.inner.map(said).join("");
  }
  return token.token === "fence" ? ` ${token.text} ` : token.text;
}

function readInline(text: string, depth: number): Token[] {
  const tokens: Token[] = [];
  let plain = "";
  let rest = text;
  const push = (token: Token): void => {
    if (plain !== "") {
      tokens.push({ token: "text", text: plain });
      plain = "";
    }
    tokens.push(token);
  };
  for (let found = INLINE.exec(rest); found !== null; found = INLINE.exec(rest)) {
    const [whole, code, bold, star, underscore, address, shortcode] = found;
    plain += rest.slice(0, found.index);
    let taken = whole.length;
    const italic = star ?? underscore;
    if (code !== undefined) {
      push({ token: "code", text: code });
    } else if (bold !== undefined && depth < DEEPEST) {
      push({ token: "bold", inner: readInline(bold, depth + 1) });
    } else if (italic !== undefined && depth < DEEPEST) {
      push({ token: "italic", inner: readInline(italic, depth + 1) });
    } else if (address !== undefined) {
      const href = withoutTail(address);
      taken = href.length;
      const link = asLink(href);
      if (link === undefined) {
        plain += href;
      } else {
        push(link);
      }
    } else if (shortcode !== undefined && EMOJI.has(shortcode)) {
      plain += EMOJI.get(shortcode);
    } else {
      plain += whole;
    }
    rest = rest.slice(found.index + taken);
  }
  plain += rest;
  if (plain !== "") {
    tokens.push({ token: "text", text: plain });
  }
  return tokens;
}

/** A full stop after a link is the sentence's, and so is a bracket that was opened before it. */
function withoutTail(address: string): string {
  let end = address.length;
  // Counted once: an address may be nothing but brackets.
  let unopened = 0;
  for (const char of address) {
    unopened += char === ")" ? 1 : char === "(" ? -1 : 0;
  }
  for (;;) {
    const last = address[end - 1] ?? "";
    if (last === ")" && unopened > 0) {
      unopened -= 1;
    } else if (!/[.,;:!?'’*_]/.test(last)) {
      return address.slice(0, end);
    }
    end -= 1;
  }
}

/** Another host may hide behind one that is named as if it were a person: `https://bank@evil`. */
function asLink(address: string): Token | undefined {
  try {
    const { href, protocol, username, password } = new URL(address);
    const isSafe = ["http:", "https:", "mailto:"].includes(protocol);
    return isSafe && username + password === "" && address.length > protocol.length + 2
      ? { token: "link", text: address, href }
      : undefined;
  } catch {
    return undefined;
  }
}

/** Code units beyond which a message is no few emoji: the longest have some thirty each. */
const LONGEST_EMOJI = 200;

/** Whether a message is nothing but a few emoji, which are shown large. */
export function isEmojiOnly(text: string): boolean {
  return (
    text.length <= LONGEST_EMOJI &&
    // No character fits two of the alternatives, or their combinations would be tried one by one.
    /^(?:\p{Emoji_Presentation}|\p{Emoji}\uFE0F|[\u200D\s])+$/u.test(text) &&
    /\S/u.test(text) &&
    [...new Intl.Segmenter().segment(text.replace(/\s/g, ""))].length <= 5
  );
}
