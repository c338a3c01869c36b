/**
 * One WebSocket to a server, as the shell sees it.
 *
 * @module
 */

/** What a transport tells whoever opened it. After `closed` nothing more is told. */
export interface TransportListener {
  /**
   * The connection is open, and the v1 profile is agreed upon.
   *
   * @param extensions - Those of WebSocket that are agreed upon, as its header has them.
   */
  opened(extensions: string): void;
  /** A text message came. */
  received(text: string): void;
  /**
   * The connection is no more, or could not be opened.
   *
   * @param code - The close frame's, or what it would have been: it says whether to come back.
   * @param reason - The close frame's, or a clause for people about what went wrong.
   */
  closed(code: number, reason: string): void;
}

/** A connection, from the attempt to open it on. */
export interface Transport {
  /** Sends a text message; nothing, where the connection is open no more. */
  send(text: string): void;
  /** Says goodbye with 1000. Nothing is told to the listener any more. */
  close(): Promise<void>;
  /** Drops the connection, or the attempt, at once. Nothing is told to the listener any more. */
  abort(): void;
}

/** Begins to open a connection; does not throw, but tells the listener what went wrong. */
export type OpenTransport = (url: string, listener: TransportListener) => Transport;
