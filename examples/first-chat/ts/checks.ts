// What comes over a network may be anything: a mistake, a joke, an attack. These functions look at
// it before anybody believes it. Each returns what it was given, or throws a `Refused`.

/** What somebody asked for cannot be done. The message is for that person to read. */
export class Refused extends Error {}

/** Reads a frame: a JSON object. What stands in its fields has yet to be checked. */
export function parse(text: string): Record<string, unknown> {
  let frame: unknown;
  try {
    frame = JSON.parse(text);
  } catch {} // then it is undefined, which is no object either
  if (typeof frame !== "object" || frame === null || Array.isArray(frame))
    throw new Refused('A frame is a JSON object, such as {"type":"message","content":"hi"}.');
  return { ...frame };
}

/** Names of people and rooms are short, and have nothing in them that could confuse a screen. */
export function checkName(field: string, value: unknown, most: number): string {
  // \p{L} is any letter of any script, \p{M} an accent on one, \p{N} a digit.
  if (typeof value === "string" && value.length <= most && /^[\p{L}\p{M}\p{N}._-]+$/u.test(value))
    return value;
  throw new Refused(`The field ${field} takes 1 to ${most} letters, digits, ".", "_" or "-".`);
}

/** What people say is any text, but not nothing, and not a novel. */
export function checkContent(value: unknown): string {
  // JSON can carry halves of characters ("\ud800"), which many programs cannot print.
  if (typeof value === "string" && value.length <= 4000 && value.trim() && value.isWellFormed())
    return value;
  throw new Refused("The field content takes a text of 1 to 4000 characters.");
}

/** The form in which names are compared: Alice and ALICE are the same person. */
export function fold(name: string): string {
  return name.normalize("NFKC").toLowerCase();
}
