/**
 * What a client exchanges with its server, for those who want to watch.
 *
 * @module
 */

import type { Traced } from "./generated/frames.js";
import { decodeServerFrame } from "./machine/decode.js";

/** Something that happened on the wire. `at` is in milliseconds since 1970. */
export type WireEvent =
  | { readonly wire: "opening"; readonly at: number; readonly url: string }
  | {
      readonly wire: "opened";
      readonly at: number;
      readonly protocol: string;
      /** Those of WebSocket that were agreed upon, as its header has them; empty for none. */
      readonly extensions: string;
    }
  | { readonly wire: "sent"; readonly at: number; readonly text: string }
  | { readonly wire: "received"; readonly at: number; readonly text: string }
  | {
      readonly wire: "closed";
      readonly at: number;
      readonly code: number;
      readonly reason: string;
    }
  /** The client has given the connection up by itself. */
  | { readonly wire: "dropped"; readonly at: number };

/**
 * What a text that was received tells of the frames of this connection, if that is what it does:
 * see `Client.trace`.
 */
export function readTraced(text: string): Traced | undefined {
  if (!text.includes('"traced"')) {
    return undefined; // most texts are none: they are not read twice
  }
  try {
    const frame = decodeServerFrame(JSON.parse(text));
    return frame?.type === "traced" ? frame : undefined;
  } catch {
    return undefined;
  }
}
