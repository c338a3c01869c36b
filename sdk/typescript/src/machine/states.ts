/**
 * The states of a client, and the one table of all transitions between them.
 *
 * The times in a state are the machine's `now`: milliseconds, monotonic.
 *
 * @module
 */

import type { Ended } from "../errors.js";

/** The first attempt: the connection is being opened, or hello waits for its welcome. */
export interface Connecting {
  readonly state: "Connecting";
}

/** The server has said welcome on this connection. */
export interface Connected {
  readonly state: "Connected";
  readonly since: number;
}

/** There is no connection; the next attempt begins at `retryAt`. */
export interface Disconnected {
  readonly state: "Disconnected";
  /** The close code of the connection that was lost; 1006 where there was none. */
  readonly code: number;
  readonly reason: string;
  /** Which attempt in a row the next one is, from 1. */
  readonly attempt: number;
  readonly retryAt: number;
}

/** Another attempt is made. */
export interface Reconnecting {
  readonly state: "Reconnecting";
  readonly attempt: number;
}

/** The client has ended; `error` says why. */
export interface Closed {
  readonly state: "Closed";
  readonly error: Ended;
}

/** Where a client is in its life. */
export type State = Connecting | Connected | Disconnected | Reconnecting | Closed;

/**
 * What can happen to a client: the server says welcome; the connection cannot be opened, or is
 * lost; the delay is over, or the machine woke; the end, for good (by `close`, a final close code,
 * a refused hello, or because no attempts are left).
 */
export type Trigger = "welcomed" | "lost" | "due" | "ended";

type Name = State["state"];

/** Where each trigger leads; a pair that is not here cannot occur. */
export const TRANSITIONS: Readonly<Record<Name, Readonly<Partial<Record<Trigger, Name>>>>> = {
  Connecting: { welcomed: "Connected", lost: "Disconnected", ended: "Closed" },
  Connected: { lost: "Disconnected", ended: "Closed" },
  Disconnected: { due: "Reconnecting", ended: "Closed" },
  Reconnecting: { welcomed: "Connected", lost: "Disconnected", ended: "Closed" },
  Closed: {},
};
