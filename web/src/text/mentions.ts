/**
 * Whether a message calls somebody by name.
 *
 * @module
 */

/** Whether a text names somebody: `Alice`, `@alice`, not `Alicette`. */
export function mentions(text: string, name: string): boolean {
  const [haystack, needle] = [text, name].map((one) => one.normalize("NFKC").toLowerCase());
  if (!haystack || !needle) {
    return false;
  }
  for (let at = haystack.indexOf(needle); at >= 0; at = haystack.indexOf(needle, at + 1)) {
    const [before, after] = [haystack.slice(0, at), haystack.slice(at + needle.length)];
    if (!/[\p{L}\p{M}\p{N}_]$/u.test(before) && !/^[\p{L}\p{M}\p{N}_]/u.test(after)) {
      return true;
    }
  }
  return false;
}
