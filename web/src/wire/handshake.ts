/**
 * How a server shows that it speaks WebSocket (RFC 6455, sections 1.3 and 4.2.2).
 *
 * @module
 */

import { sha1 } from "./sha1.js";

/** What every server appends to the client's key. */
export const GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/** The key that the RFC has as its example. */
export const EXAMPLE_KEY = "dGhlIHNhbXBsZSBub25jZQ==";

/** The steps from a key to the accept value. */
export interface AcceptSteps {
  readonly joined: string;
  /** The digest of it, in hexadecimal. */
  readonly digest: string;
  readonly accept: string;
}

/** Works out what a server answers to a key. */
export function acceptOf(key: string): AcceptSteps {
  const joined = `${key}${GUID}`;
  const bytes = sha1(new TextEncoder().encode(joined));
  const digest = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return { joined, digest, accept: btoa(String.fromCharCode(...bytes)) };
}
