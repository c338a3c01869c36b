/**
 * Storage in a browser's IndexedDB: it outlives the page, and all pages of an origin share it.
 *
 * @module
 */

import { origin } from "../address.js";
import { KeyDamaged } from "../errors.js";
import { newId } from "../ids.js";
import { foldName, type KeyStore } from "../keys.js";
import type { Kept, Storage, StoredOutbox } from "./storage.js";

const LOOK_EVERY = 5_000;

const DATABASE = "causerie";
const VERSION = 1;

interface KeyRecord {
  readonly server: string;
  readonly folded: string;
  readonly username: string;
  readonly key: string;
  /** What was put aside for it, the oldest first. */
  readonly former?: readonly string[];
}

interface OutboxRecord {
  /** Counts up: the order in which things were said. */
  readonly number?: number;
  readonly scope: string;
  /** Which client sends it: the name of a lock that this client holds while it lives. */
  readonly owner: string;
  readonly kept: Kept;
}

/** What the storage needs of the browser; of a page, its globals. */
export interface IndexedDbParts {
  readonly indexedDB: IDBFactory;
  /**
   * The page's Web Locks; undefined where there are none, which is so on a page that came over
   * plain HTTP from another computer. Then nobody can tell whether another page lives, and what is
   * kept is sent by every page that finds it: it is stored once all the same, since the server
   * knows it by its id.
   */
  readonly locks: LockManager | undefined;
  /** Milliseconds between two looks for what other pages have left; 5,000 unless told otherwise. */
  readonly lookEvery?: number;
}

/** Keeps keys and outboxes in the page's IndexedDB. */
export class IndexedDbStorage implements Storage {
  readonly keys: KeyStore;
  readonly #parts: IndexedDbParts;
  #opening: Promise<IDBDatabase> | undefined;

  constructor(parts: IndexedDbParts = { indexedDB, locks: navigator.locks }) {
    this.#parts = parts;
    this.keys = new IndexedDbKeys(() => this.#open());
  }

  async openOutbox(scope: string): Promise<StoredOutbox> {
    const database = await this.#open();
    const outbox = new IndexedDbOutbox(database, scope, this.#parts);
    await outbox.open();
    return outbox;
  }

  #open(): Promise<IDBDatabase> {
    this.#opening ??= this.#openAnew();
    return this.#opening;
  }

  async #openAnew(): Promise<IDBDatabase> {
    const request = this.#parts.indexedDB.open(DATABASE, VERSION);
    request.onupgradeneeded = () => {
      request.result.createObjectStore("keys", { keyPath: ["server", "folded"] });
      const outbox = request.result.createObjectStore("outbox", {
        keyPath: "number",
        autoIncrement: true,
      });
      outbox.createIndex("scope", "scope");
    };
    try {
      const database = await settled(request);
      // A later version of this library may want to change it, in another page.
      database.onversionchange = () => database.close();
      database.onclose = () => {
        this.#opening = undefined;
      };
      return database;
    } catch (error) {
      this.#opening = undefined;
      throw error;
    }
  }
}

class IndexedDbKeys implements KeyStore {
  readonly #open: () => Promise<IDBDatabase>;

  constructor(open: () => Promise<IDBDatabase>) {
    this.#open = open;
  }

  async find(server: string, username: string): Promise<string | undefined> {
    const keys = (await this.#open()).transaction("keys").objectStore("keys");
    const found: unknown = await settled(keys.get(place(server, username)));
    return found === undefined ? undefined : keyOf(found, username);
  }

  async keep(server: string, username: string, key: string): Promise<string> {
    const transaction = (await this.#open()).transaction("keys", "readwrite", {
      durability: "strict",
    });
    const keys = transaction.objectStore("keys");
    const found: unknown = await settled(keys.get(place(server, username)));
    if (found !== undefined) {
      return keyOf(found, username);
    }
    const [host, folded] = place(server, username);
    keys.add({ server: host, folded, username, key } satisfies KeyRecord);
    await completed(transaction);
    return key;
  }

  async replace(server: string, username: string, key: string): Promise<void> {
    const transaction = (await this.#open()).transaction("keys", "readwrite", {
      durability: "strict",
    });
    const keys = transaction.objectStore("keys");
    const found: KeyRecord | undefined = await settled(keys.get(place(server, username)));
    const aside = [...(found?.former ?? []), ...(found === undefined ? [] : [found.key])];
    const former = aside.filter((one) => one !== key);
    const [host, folded] = place(server, username);
    keys.put({ server: host, folded, username, key, former } satisfies KeyRecord);
    await completed(transaction);
  }
}

class IndexedDbOutbox implements StoredOutbox {
  readonly #database: IDBDatabase;
  readonly #scope: string;
  readonly #locks: LockManager | undefined;
  readonly #lookEvery: number;
  readonly #owner = `causerie client ${newId()}`;
  readonly #numbers = new Map<string, number>();
  readonly #closing = new AbortController();
  #letGo: () => void = () => {};
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(database: IDBDatabase, scope: string, parts: IndexedDbParts) {
    this.#database = database;
    this.#scope = scope;
    this.#locks = parts.locks;
    this.#lookEvery = parts.lookEvery ?? LOOK_EVERY;
  }

  /** Takes the lock that says that this client lives; nothing may be added before. */
  async open(): Promise<void> {
    const locks = this.#locks;
    if (locks === undefined) {
      return;
    }
    await new Promise<void>((granted, refused) => {
      locks
        .request(this.#owner, () => {
          granted();
          return new Promise<void>((letGo) => {
            this.#letGo = letGo;
          });
        })
        .catch(refused);
    });
  }

  async add(kept: Kept): Promise<void> {
    const transaction = this.#database.transaction("outbox", "readwrite", { durability: "strict" });
    const record: OutboxRecord = { scope: this.#scope, owner: this.#owner, kept };
    const request = transaction.objectStore("outbox").add(record);
    await completed(transaction);
    this.#numbers.set(kept.id, Number(request.result));
  }

  async remove(id: string): Promise<void> {
    const number = this.#numbers.get(id);
    if (number === undefined) {
      return;
    }
    this.#numbers.delete(id);
    const transaction = this.#database.transaction("outbox", "readwrite");
    transaction.objectStore("outbox").delete(number);
    await completed(transaction);
  }

  adopt(take: (left: readonly Kept[]) => void): void {
    if (this.#locks === undefined) {
      this.#adoptFrom(undefined, take).catch(nothing);
      return;
    }
    // One client of the scope looks after what the others leave; when it is gone, the next does.
    const looking = this.#locks.request(
      `causerie outbox ${this.#scope}`,
      { signal: this.#closing.signal },
      async () => {
        await this.#lookAfter(take);
        this.#timer = setInterval(() => this.#lookAfter(take).catch(nothing), this.#lookEvery);
        await new Promise<void>((ended) => {
          this.#closing.signal.addEventListener("abort", () => ended());
        });
      },
    );
    looking.catch(nothing); // it was closed before it was its turn
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    this.#closing.abort();
    this.#letGo();
  }

  async #lookAfter(take: (left: readonly Kept[]) => void): Promise<void> {
    const index = this.#database.transaction("outbox").objectStore("outbox").index("scope");
    const records: OutboxRecord[] = await settled(index.getAll(this.#scope));
    const owners = new Set(records.map((record) => record.owner));
    owners.delete(this.#owner);
    for (const owner of owners) {
      // Whose lock is free is gone.
      await this.#locks?.request(owner, { ifAvailable: true }, async (lock) => {
        if (lock !== null) {
          await this.#adoptFrom(owner, take);
        }
      });
    }
  }

  /** Makes one's own what an owner has left, or any; then it is given away. */
  async #adoptFrom(
    owner: string | undefined,
    take: (left: readonly Kept[]) => void,
  ): Promise<void> {
    if (this.#closing.signal.aborted) {
      return;
    }
    const transaction = this.#database.transaction("outbox", "readwrite", { durability: "strict" });
    const outbox = transaction.objectStore("outbox");
    const records: OutboxRecord[] = await settled(outbox.index("scope").getAll(this.#scope));
    const left = records.filter((record) =>
      owner === undefined ? record.owner !== this.#owner : record.owner === owner,
    );
    for (const record of left) {
      outbox.put({ ...record, owner: this.#owner });
    }
    await completed(transaction);
    for (const { kept, number } of left) {
      this.#numbers.set(kept.id, Number(number));
    }
    if (left.length > 0 && !this.#closing.signal.aborted) {
      take(left.map((record) => record.kept));
    }
  }
}

/** The browser has closed the database, say: what is left stays for a later page. */
function nothing(): void {}

function place(server: string, username: string): [string, string] {
  return [origin(server), foldName(username)];
}

function keyOf(record: unknown, username: string): string {
  const key = (record as Partial<KeyRecord>).key;
  if (typeof key !== "string") {
    throw new KeyDamaged(`the key for ${username} cannot be read: take another name`);
  }
  return key;
}

function settled<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

function completed(transaction: IDBTransaction): Promise<void> {
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onerror = () => reject(transaction.error);
    transaction.onabort = () => reject(transaction.error);
  });
}
