/**
 * Random ids and keys.
 *
 * @module
 */

/** 128 bits: nobody else ever has the same. */
const BYTES = 16;

/** Makes a new id: 128 random bits in base64url, 22 characters. */
export function newId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(BYTES));
  return btoa(String.fromCharCode(...bytes))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "");
}
