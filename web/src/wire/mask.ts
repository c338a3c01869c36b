/**
 * How a client masks what it sends (RFC 6455, section 5.3).
 *
 * @module
 */

/** The masking key that the RFC has as its example (section 5.7), with the text `Hello`. */
export const EXAMPLE_MASK = "37fa213d";

/** What is masked in the RFC's example. */
export const EXAMPLE_TEXT = "Hello";

/** One byte and what becomes of it, in hexadecimal. */
export interface MaskedByte {
  /** The character, where the byte is one by itself; else a dot. */
  readonly character: string;
  readonly plain: string;
  readonly mask: string;
  readonly masked: string;
}

/** The first bytes of a text in UTF-8, each combined by XOR with its byte of the mask. */
export function masked(text: string, mask: string, most: number): MaskedByte[] {
  // A character has at least one byte: no more of them can be among the first bytes.
  const bytes = new TextEncoder().encode(text.slice(0, most)).slice(0, most);
  return [...bytes].map((plain, index) => {
    const at = (index % 4) * 2;
    const key = Number.parseInt(mask.slice(at, at + 2), 16);
    return {
      character: plain > 0x20 && plain < 0x7f ? String.fromCharCode(plain) : "·",
      plain: hex(plain),
      mask: hex(key),
      masked: hex(plain ^ key),
    };
  });
}

function hex(byte: number): string {
  return byte.toString(16).padStart(2, "0");
}
