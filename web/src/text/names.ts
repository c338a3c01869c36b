/**
 * What is wrong with a name: the rules that can be told without Unicode's tables of scripts and looks.
 *
 * The server alone decides. This is for saying in people's own language, and before they wait for the
 * server, what it would refuse.
 *
 * @module
 */

import { say } from "../i18n.js";

/** Code points that a username and the name of a room may have. */
export const LONGEST = { username: 32, room: 64 } as const;

/** A rule that a name breaks, in words that stand after a colon; undefined where none is known. */
export function ruleBroken(name: string, kind: keyof typeof LONGEST): string | undefined {
  const text = name.normalize("NFC");
  const stranger = /[^\p{L}\p{M}\p{Nd}._-]/u.exec(text)?.[0];
  if (text === "") {
    return say("rule-empty");
  }
  if (stranger !== undefined) {
    return say("no-such-character", { character: called(stranger) });
  }
  if ([...text].length > LONGEST[kind]) {
    return say("name-too-long", { most: LONGEST[kind] });
  }
  if (/^[._-]|[._-]$/u.test(text)) {
    return say("rule-edge");
  }
  if (/[._-]{2}/u.test(text)) {
    return say("rule-doubled-separator");
  }
  if (kind === "username" && /^(?:system|anonymous)$/iu.test(text)) {
    return say("rule-reserved");
  }
  return undefined;
}

/** What a character is called, so that people know which is meant. */
function called(char: string): string {
  if (char === " ") {
    return say("space");
  }
  return /[\p{C}\p{Z}]/u.test(char)
    ? `U+${(char.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0")}`
    : say("quoted", { text: char });
}
