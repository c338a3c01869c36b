/**
 * What others wrote, made harmless: as text it can be read, but can do nothing to a terminal.
 *
 * What could move the cursor, change colours, ring, ask the terminal for something or turn the order
 * of a line around is taken away or shown as a sign of itself; so is what has no width and only
 * serves to make two different texts look the same. What languages and emoji need stays.
 *
 * @module
 */

const TAB = "    ";

/** Marks on one letter. No orthography stacks as many; more would run over other lines. */
const MOST_MARKS = 8;

/** Code points; no name is longer. What a server says beyond that is cut. */
const LONGEST_NAME = 64;

const LINE_BREAK = /\r\n|[\n\r\v\f\u0085\u2028\u2029]/u;

// Default_Ignorable_Code_Point (Unicode 16.0, DerivedCoreProperties.txt), and the interlinear
// annotations: they have no width of their own.
const INVISIBLE = /^[\p{Default_Ignorable_Code_Point}\ufff0-\ufffb\u{e0000}-\u{e0fff}]$/u;

const [ZWNJ, ZWJ] = ["\u200c", "\u200d"];
const [TEXT_STYLE, EMOJI_STYLE] = ["\ufe0e", "\ufe0f"];

// A flag of a part of a country: a black flag and its code in tags (UTS 51, ED-14a).
const TAGGED_FLAG = /(\u{1f3f4}[\u{e0030}-\u{e0039}\u{e0061}-\u{e007a}]{3,6}\u{e007f})/u;

// Wider than Extended_Pictographic (emoji-data.txt): all symbols, modifiers among them, and the
// planes' part where emoji newer than this runtime are.
const PICTOGRAPHIC = /^[\p{So}\p{Sk}\u{1f000}-\u{1faff}]$/u;

// From the Arabic to the Mongolian script the joiners are part of the spelling.
const JOINED_LETTER = /^(?=[\p{L}\p{M}])[\u0600-\u18af]$/u;

/** Returns the text without what could do something; its line breaks are all newlines. */
export function sanitise(text: string): string {
  if (/^[\x20-\x7e]*$/u.test(text)) return text;
  return text.split(LINE_BREAK).map(sanitiseLine).join("\n");
}

/** Returns the text in one line of at most so many code points, without what could do something. */
export function oneLine(text: string, most: number): string {
  const points = Array.from(sanitise(text).split(/\s+/u).filter(Boolean).join(" "));
  return points.length <= most ? points.join("") : `${points.slice(0, most - 1).join("")}…`;
}

/**
 * Returns a name without what could do something. The server lets no such names in; but it is
 * another's server, too.
 */
export function sanitiseName(name: string): string {
  return oneLine(name, LONGEST_NAME);
}

function sanitiseLine(text: string): string {
  // The flags are at the odd places.
  return text
    .split(TAGGED_FLAG)
    .map((part, place) => (place % 2 ? part : visible(part)))
    .join("");
}

/** What may be shown of a text. */
function visible(text: string): string {
  const characters = Array.from(text);
  let marks = 0;
  let before = ""; // the last character shown
  let shown = "";
  for (const [place, character] of characters.entries()) {
    let sign = character;
    if (INVISIBLE.test(character)) {
      sign = isNeeded(character, before, characters[place + 1] ?? "") ? character : "";
    } else if (character === "\t") {
      sign = TAB;
    } else if (/^\p{Cc}$/u.test(character)) {
      sign = picture(character);
    } else if (/^\p{Cs}$/u.test(character) || isNoncharacter(character)) {
      sign = "\ufffd";
    } else if (/^[\p{Mn}\p{Me}]$/u.test(character)) {
      marks += 1;
      sign = marks <= MOST_MARKS ? character : "";
    } else {
      marks = 0;
    }
    if (sign !== "") {
      before = sign;
      shown += sign;
    }
  }
  return shown;
}

/** Whether an invisible character does, between these two, what it is there for. */
function isNeeded(character: string, before: string, after: string): boolean {
  if (character === TEXT_STYLE || character === EMOJI_STYLE) {
    return before !== "" && !INVISIBLE.test(before);
  }
  if ((character === ZWJ || character === ZWNJ) && before !== "" && after !== "") {
    // An emoji may have its style or its skin tone between it and the joiner.
    const joinsEmoji = before === EMOJI_STYLE || PICTOGRAPHIC.test(before);
    const emoji = character === ZWJ && joinsEmoji && PICTOGRAPHIC.test(after);
    return emoji || (JOINED_LETTER.test(before) && JOINED_LETTER.test(after));
  }
  return false;
}

function isNoncharacter(character: string): boolean {
  const code = character.codePointAt(0) ?? 0;
  return (code & 0xfffe) === 0xfffe || (code >= 0xfdd0 && code <= 0xfdef);
}

/** The picture of a C0 control (Unicode's block Control Pictures); C1 has none. */
function picture(control: string): string {
  const code = control.codePointAt(0) ?? 0;
  if (code < 0x20) return String.fromCodePoint(0x2400 + code);
  return code === 0x7f ? "\u2421" : "\ufffd";
}
