/**
 * What this page and the server have exchanged, the newest of it.
 *
 * @module
 */

import type { WireEvent } from "@causerie/client";

/** Records that are kept: older ones are forgotten. */
const MOST = 1_000;

/** Something that happened on the wire, in the order in which it did. */
export interface WireRecord {
  readonly number: number;
  readonly event: WireEvent;
}

/** The log of one page's wire. */
export class WireLog extends EventTarget {
  records: readonly WireRecord[] = [];
  #number = 0;
  #kept: WireRecord[] = [];

  /** Notes something. */
  add(event: WireEvent): void {
    this.#number += 1;
    this.#kept.push({ number: this.#number, event });
    if (this.#kept.length > MOST) {
      this.#kept.splice(0, this.#kept.length - MOST);
    }
    this.records = this.#kept;
    this.dispatchEvent(new Event("change"));
  }

  /** Forgets everything. */
  clear(): void {
    this.#kept = [];
    this.records = this.#kept;
    this.dispatchEvent(new Event("change"));
  }
}
