/**
 * What a client exchanges with its server, for those who want to watch.
 *
 * @module
 */

/** Something that happened on the wire. `at` is in milliseconds since 1970. */
export type WireEvent =
  | { readonly wire: "opening"; readonly at: number; readonly url: string }
  | { readonly wire: "opened"; readonly at: number; readonly protocol: string }
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
