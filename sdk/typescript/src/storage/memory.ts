/**
 * Storage that is gone with the program.
 *
 * @module
 */

import { origin } from "../address.js";
import { foldName, type KeyStore } from "../keys.js";
import type { Kept, Storage, StoredOutbox } from "./storage.js";

/** Keeps everything in memory: clients that are made with the same one share it. */
export class MemoryStorage implements Storage {
  readonly keys: KeyStore = new MemoryKeys();
  readonly #left = new Map<string, Kept[]>();

  async openOutbox(scope: string): Promise<StoredOutbox> {
    const left = this.#left.get(scope) ?? [];
    this.#left.set(scope, left);
    return new MemoryOutbox(left);
  }
}

class MemoryKeys implements KeyStore {
  readonly #keys = new Map<string, string>();

  async find(server: string, username: string): Promise<string | undefined> {
    return this.#keys.get(place(server, username));
  }

  async keep(server: string, username: string, key: string): Promise<string> {
    const where = place(server, username);
    const kept = this.#keys.get(where) ?? key;
    this.#keys.set(where, kept);
    return kept;
  }

  async replace(server: string, username: string, key: string): Promise<void> {
    this.#keys.set(place(server, username), key);
  }
}

class MemoryOutbox implements StoredOutbox {
  readonly #left: Kept[];
  readonly #own = new Map<string, Kept>();

  /** @param left - What clients that have closed left, shared by those of the scope. */
  constructor(left: Kept[]) {
    this.#left = left;
  }

  async add(kept: Kept): Promise<void> {
    this.#own.set(kept.id, kept);
  }

  async remove(id: string): Promise<void> {
    this.#own.delete(id);
  }

  adopt(take: (left: readonly Kept[]) => void): void {
    const adopted = this.#left.splice(0);
    for (const kept of adopted) {
      this.#own.set(kept.id, kept);
    }
    if (adopted.length > 0) {
      take(adopted);
    }
  }

  async close(): Promise<void> {
    this.#left.push(...this.#own.values());
    this.#own.clear();
  }
}

function place(server: string, username: string): string {
  return `${origin(server)}\n${foldName(username)}`;
}
