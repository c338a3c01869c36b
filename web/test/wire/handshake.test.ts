import { createHash, randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import { acceptOf, EXAMPLE_KEY, GUID } from "../../src/wire/handshake.js";
import { sha1 } from "../../src/wire/sha1.js";

test("the RFC's key leads to the RFC's accept value", () => {
  // RFC 6455, section 1.3
  expect(acceptOf(EXAMPLE_KEY)).toEqual({
    joined: "dGhlIHNhbXBsZSBub25jZQ==258EAFA5-E914-47DA-95CA-C5AB0DC85B11",
    digest: "b37a4f2cc0624f1690f64606cf385945b2bec4ea",
    accept: "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
  });
});

test("any key does, an empty one and one that is no base64 too", () => {
  for (const key of ["", "ключ", "x".repeat(64)]) {
    const accept = createHash("sha1").update(`${key}${GUID}`).digest("base64");
    expect(acceptOf(key).accept).toBe(accept);
  }
});

test("SHA-1 is the same as Node's at every length around its blocks", () => {
  for (let length = 0; length < 200; length += 1) {
    const message = randomBytes(length);
    expect(Buffer.from(sha1(message)).toString("hex")).toBe(
      createHash("sha1").update(message).digest("hex"),
    );
  }
});
