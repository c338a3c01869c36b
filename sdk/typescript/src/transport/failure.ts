/**
 * What befell an attempt to connect, and what that means for people and for the next attempt.
 *
 * @module
 */

import { CloseCode } from "../generated/codes.js";

/** What befell an attempt to connect. */
export type Failure =
  /** The WebSocket told an error, of which only some runtimes say what it was. */
  | { readonly failure: "error"; readonly error: unknown }
  /** Nobody answered within so many seconds. */
  | { readonly failure: "mute"; readonly seconds: number }
  /** Who answered does not speak the protocol that was asked for. */
  | { readonly failure: "stranger" };

/** Why there is no connection, and a close code that says whether another attempt may help. */
export interface Unreachable {
  readonly code: number;
  /** A clause for people; empty where there are no words for it. */
  readonly reason: string;
}

/** Says why there is no connection. Must not be rejected. */
export type Explain = (url: string, failure: Failure) => Promise<Unreachable>;

/** What can be said without words. */
export const unexplained: Explain = async (_, { failure }) => ({
  code: failure === "stranger" ? CloseCode.POLICY_VIOLATION : CloseCode.ABNORMAL,
  reason: "",
});
