/**
 * Emoji by the names that people type between colons: those in everyday use.
 *
 * @module
 */

import table from "../../../catalogue/emoji.json" with { type: "json" };

/** The emoji of a name. */
export const EMOJI: ReadonlyMap<string, string> = new Map(Object.entries(table));

/** Names that begin so, or else have it in them; the shortest first. */
export function suggest(prefix: string, most: number): [name: string, emoji: string][] {
  const matches = [...EMOJI].filter(([name]) => name.includes(prefix));
  const rank = ([name]: [string, string]): number =>
    (name.startsWith(prefix) ? 0 : 100) + name.length;
  return matches.sort((a, b) => rank(a) - rank(b)).slice(0, most);
}
