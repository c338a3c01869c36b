/**
 * SHA-1 (FIPS 180-4, section 6.1.2), for a lesson about the WebSocket handshake and nothing else: on
 * a page without a secure context the browser's own is missing.
 *
 * @module
 */

/** The digest of some bytes: 20 bytes. */
export function sha1(message: Uint8Array): Uint8Array {
  const length = Math.ceil((message.length + 9) / 64) * 64;
  const padded = new Uint8Array(length);
  padded.set(message);
  padded[message.length] = 0x80;
  const view = new DataView(padded.buffer);
  view.setUint32(length - 4, message.length * 8);
  const hash = new Uint32Array([0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0]);
  const schedule = new Uint32Array(80);
  for (let block = 0; block < length; block += 64) {
    for (let t = 0; t < 80; t += 1) {
      schedule[t] =
        t < 16
          ? view.getUint32(block + t * 4)
          : rotate(
              at(schedule, t - 3) ^
                at(schedule, t - 8) ^
                at(schedule, t - 14) ^
                at(schedule, t - 16),
              1,
            );
    }
    let [a, b, c, d, e] = [at(hash, 0), at(hash, 1), at(hash, 2), at(hash, 3), at(hash, 4)];
    for (let t = 0; t < 80; t += 1) {
      const [mixed, constant] =
        t < 20
          ? [(b & c) | (~b & d), 0x5a827999]
          : t < 40
            ? [b ^ c ^ d, 0x6ed9eba1]
            : t < 60
              ? [(b & c) | (b & d) | (c & d), 0x8f1bbcdc]
              : [b ^ c ^ d, 0xca62c1d6];
      const next = (rotate(a, 5) + mixed + e + constant + at(schedule, t)) >>> 0;
      [e, d, c, b, a] = [d, c, rotate(b, 30), a, next];
    }
    [a, b, c, d, e].forEach((word, index) => {
      hash[index] = at(hash, index) + word;
    });
  }
  const digest = new DataView(new ArrayBuffer(20));
  hash.forEach((word, index) => {
    digest.setUint32(index * 4, word);
  });
  return new Uint8Array(digest.buffer);
}

function at(words: Uint32Array, index: number): number {
  return words[index] ?? 0;
}

function rotate(word: number, bits: number): number {
  return ((word << bits) | (word >>> (32 - bits))) >>> 0;
}
