/**
 * What a typed line means: a command, something to say, or a mistake.
 *
 * @module
 */

/**
 * All commands, in the order in which help lists them. The catalogue has of each its usage
 * (`usage-msg`) and what it does (`help-msg`).
 */
export const COMMANDS = [
  "msg",
  "join",
  "leave",
  "rooms",
  "who",
  "history",
  "name",
  "help",
  "quit",
] as const;

/** Messages that one may ask for at once. */
export const MOST_HISTORY = 1_000;

/** Messages that are shown where no number is given. */
const HISTORY = 20;

/** What one may do. */
export type Command =
  | { readonly does: "nothing" }
  | { readonly does: "say"; readonly text: string }
  | { readonly does: "tell"; readonly to: string; readonly text: string }
  | { readonly does: "join"; readonly room: string }
  | { readonly does: "leave"; readonly room: string | undefined }
  | { readonly does: "rooms" }
  | { readonly does: "who" }
  | { readonly does: "history"; readonly count: number }
  | { readonly does: "name"; readonly name: string }
  | { readonly does: "help" }
  | { readonly does: "quit" };

/** What one may have got wrong: there is no such command, or its arguments are not what it needs. */
export type Mistake =
  | { readonly does: "unknown"; readonly name: string; readonly nearest: string | undefined }
  | { readonly does: "misused"; readonly name: string };

/** Returns what a line means. Two slashes begin a text that begins with one. */
export function parse(text: string): Command | Mistake {
  if (text.trim() === "") return { does: "nothing" };
  if (text.startsWith("//")) return { does: "say", text: text.slice(1) };
  if (!text.startsWith("/")) return { does: "say", text };
  const name = text.slice(1).split(/\s/u, 1)[0] ?? "";
  const rest = text.slice(1 + name.length).trim();
  const given = rest.split(/\s+/u).filter(Boolean);
  const [first] = given;
  switch (name.toLowerCase()) {
    case "msg":
      if (first !== undefined && given.length > 1) {
        return { does: "tell", to: first, text: rest.slice(first.length).trimStart() };
      }
      break;
    case "join":
      if (first !== undefined && given.length === 1) return { does: "join", room: first };
      break;
    case "leave":
      if (given.length <= 1) return { does: "leave", room: first };
      break;
    case "history":
      if (first === undefined) return { does: "history", count: HISTORY };
      if (given.length === 1 && /^0*[1-9][0-9]{0,4}$/u.test(first)) {
        const count = Number(first);
        if (count <= MOST_HISTORY) return { does: "history", count };
      }
      break;
    case "name":
      if (first !== undefined && given.length === 1) return { does: "name", name: first };
      break;
    case "rooms":
      if (first === undefined) return { does: "rooms" };
      break;
    case "who":
      if (first === undefined) return { does: "who" };
      break;
    case "help":
      return { does: "help" };
    case "quit":
      if (first === undefined) return { does: "quit" };
      break;
    default:
      return { does: "unknown", name, nearest: nearest(name.toLowerCase()) };
  }
  return { does: "misused", name: name.toLowerCase() };
}

/** Returns what the last word of a line could become: a command, a name, a room. */
export function completions(
  text: string,
  names: readonly string[],
  rooms: readonly string[],
): string[] {
  const words = text.split(" ");
  const word = words.pop() ?? "";
  if (words.length === 0) {
    const commands = COMMANDS.map((name) => `/${name} `);
    return word === "" ? [] : commands.filter((name) => name.startsWith(word));
  }
  const isRoom = words.length === 1 && (words[0] === "/join" || words[0] === "/leave");
  if (word === "" && words.join(" ") !== "/msg" && !isRoom) return [];
  const folded = word.toLowerCase();
  const choice = isRoom ? rooms : names;
  return choice.filter((one) => one.toLowerCase().startsWith(folded)).sort();
}

/** The command that was probably meant; as near as Python's difflib wants it (a ratio of 0.6). */
function nearest(name: string): string | undefined {
  const begun = COMMANDS.find((command) => name !== "" && command.startsWith(name));
  if (begun !== undefined) return begun;
  const rated = COMMANDS.map((command) => ({
    command,
    ratio: (2 * matching(command, name)) / (command.length + name.length),
  })).sort((a, b) => b.ratio - a.ratio);
  return rated[0] !== undefined && rated[0].ratio >= 0.6 ? rated[0].command : undefined;
}

/** How many characters two words share in matching blocks (Ratcliff and Obershelp, 1988). */
function matching(one: string, other: string): number {
  for (let size = Math.min(one.length, other.length); size > 0; size -= 1) {
    for (let start = 0; start + size <= one.length; start += 1) {
      const place = other.indexOf(one.slice(start, start + size));
      if (place >= 0) {
        const left = matching(one.slice(0, start), other.slice(0, place));
        return size + left + matching(one.slice(start + size), other.slice(place + size));
      }
    }
  }
  return 0;
}
