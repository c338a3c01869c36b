/**
 * What a client keeps beyond its own life: keys, and what was said and is not yet durable.
 *
 * @module
 */

import type { SendMessage, SendPrivate } from "../generated/frames.js";
import type { KeyStore } from "../keys.js";

/** A command that becomes an entry. */
export type Saying = SendMessage | SendPrivate;

/** Something said that waits for the server's ack. */
export interface Kept {
  /** The command's own id, under which it is said once, however often it is sent. */
  readonly id: string;
  /** Milliseconds since 1970: when it was first said. */
  readonly at: number;
  readonly command: Saying;
}

/** Where a client keeps what it must not lose. */
export interface Storage {
  /** The keys to one's names. */
  readonly keys: KeyStore;

  /**
   * Opens the outbox of one identity on one server, for one client.
   *
   * @param scope - Names the server and the identity; it holds the key, and so is a secret.
   */
  openOutbox(scope: string): Promise<StoredOutbox>;
}

/**
 * What one client has said and is not acked, kept so that it outlives the client.
 *
 * Several clients of one scope share what is stored, each owns its own part. When a client is gone
 * without having closed its part, or left something in it, one of the others takes that over.
 */
export interface StoredOutbox {
  /** Keeps a command; it is safe when the promise is fulfilled. */
  add(kept: Kept): Promise<void>;

  /** Forgets a command: it is durable elsewhere, or will never be. */
  remove(id: string): Promise<void>;

  /**
   * Gives, now and from then on, what clients that are gone have left, in the order in which it was
   * added. Each command is given to one of the clients that ask, and is that one's own from then on.
   */
  adopt(take: (left: readonly Kept[]) => void): void;

  /** Lets go: what is still kept is for others to take over. */
  close(): Promise<void>;
}
