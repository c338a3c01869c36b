import {
  link,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  writeFile,
} from "node:fs/promises";
import { platform, tmpdir } from "node:os";
import { join } from "node:path";
import { IDBFactory } from "fake-indexeddb";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { KeyDamaged } from "../src/errors.js";
import { newId } from "../src/ids.js";
import { findOrMakeKey, newKey } from "../src/keys.js";
import { FileStorage } from "../src/storage/files.js";
import { makeFolder } from "../src/storage/folders.js";
import { IndexedDbStorage } from "../src/storage/indexeddb.js";
import { MemoryStorage } from "../src/storage/memory.js";
import type { Kept, Storage, StoredOutbox } from "../src/storage/storage.js";
import { PowerLoss } from "./support/power.js";
import { until } from "./support/server.js";

const SERVER = "ws://localhost:8080";

let folder: string;
let database: IDBFactory;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "causerie-keys-"));
  database = new IDBFactory();
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

/** Each call is another page, or another program, of the same person. */
const STORAGES: [string, () => Storage][] = [
  ["files", () => new FileStorage(folder)],
  [
    "IndexedDB with locks",
    () => new IndexedDbStorage({ indexedDB: database, locks: navigator.locks }),
  ],
  ["IndexedDB without", () => new IndexedDbStorage({ indexedDB: database, locks: undefined })],
];

describe.each(STORAGES)("keys in %s", (_, open) => {
  it("are found by whoever comes later, however the name and the server are written", async () => {
    const key = await findOrMakeKey(open().keys, SERVER, "Straße");
    expect(key).toMatch(/^[\w-]{22}$/u);
    await expect(open().keys.find("http://127.0.0.1:8080/", "STRASSE")).resolves.toBe(key);
    await expect(open().keys.find(SERVER, "Strase")).resolves.toBeUndefined();
    await expect(open().keys.find("ws://localhost:8081", "Straße")).resolves.toBeUndefined();
  });

  it("are never overwritten, and two who make one get the same", async () => {
    const keys = await Promise.all(
      Array.from({ length: 8 }, () => findOrMakeKey(open().keys, SERVER, "Alice")),
    );
    expect(new Set(keys).size).toBe(1);
    await expect(open().keys.keep(SERVER, "alice", newKey())).resolves.toBe(keys[0]);
  });

  it("are replaced where that is asked for, and by the same without a trace", async () => {
    const { keys } = open();
    const [former, key] = [newKey(), newKey()];
    await keys.replace(SERVER, "Alice", former);
    await keys.replace(SERVER, "ALICE", key);
    await keys.replace(SERVER, "alice", key);
    await expect(open().keys.find(SERVER, "Alice")).resolves.toBe(key);
    await expect(open().keys.keep(SERVER, "Alice", former)).resolves.toBe(key);
  });
});

describe("a file of a key", () => {
  it("is only its owner's to read, and no draft is left beside it", async () => {
    const { keys } = new FileStorage(join(folder, "deep", "keys"));
    const key = await findOrMakeKey(keys, SERVER, "Alice");
    const [name, ...others] = await readdir(join(folder, "deep", "keys"));
    expect(others).toEqual([]);
    const path = join(folder, "deep", "keys", name ?? "");
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(JSON.parse(await readFile(path, "utf-8"))).toEqual({
      server: SERVER,
      username: "Alice",
      key,
    });
  });

  it("that is replaced stays beside the new one, under another name", async () => {
    const { keys } = new FileStorage(folder);
    const former = await findOrMakeKey(keys, SERVER, "Alice");
    const [name = ""] = await readdir(folder);
    await keys.replace(SERVER, "Alice", newKey());
    const aside = (await readdir(folder)).filter((one) => one !== name);
    expect(aside).toHaveLength(1);
    expect(await readFile(join(folder, aside[0] ?? ""), "utf-8")).toContain(former);
  });

  it("that holds none is told, and kept", async () => {
    const { keys } = new FileStorage(folder);
    await findOrMakeKey(keys, SERVER, "Alice");
    const path = join(folder, (await readdir(folder))[0] ?? "");
    await writeFile(path, "torn");
    await expect(findOrMakeKey(keys, SERVER, "Alice")).rejects.toThrow(KeyDamaged);
    await expect(readFile(path, "utf-8")).resolves.toBe("torn");
  });
});

describe.skipIf(platform() === "win32")("a loss of power", () => {
  let home: string;
  beforeEach(async () => {
    home = join(folder, "home");
    await mkdir(home);
  });
  afterEach(() => {
    vi.restoreAllMocks();
  });

  function found(left: string): Promise<string | undefined> {
    return new FileStorage(join(left, "share", "keys")).keys.find(SERVER, "Alice");
  }

  it("takes no key away that was answered, nor the folders that it lies in", async () => {
    const power = await PowerLoss.watch(home);
    const { keys } = new FileStorage(join(home, "share", "keys"));
    const key = await findOrMakeKey(keys, SERVER, "Alice");
    await expect(found(power.leaves(join(folder, "left")))).resolves.toBe(key);
  });

  it("leaves at any time a whole key or none", async () => {
    const power = await PowerLoss.watch(home);
    const left: string[] = [];
    power.beforeSync = () => {
      for (const names of [true, false]) {
        left.push(power.leaves(join(folder, `left-${left.length}`), { names }));
      }
    };
    const { keys } = new FileStorage(join(home, "share", "keys"));
    const key = await findOrMakeKey(keys, SERVER, "Alice");
    const all = await Promise.all(left.map(found));
    expect(all[0]).toBeUndefined();
    expect(new Set(all)).toEqual(new Set([undefined, key]));
  });

  it("takes no key away that another program has made and not synced yet", async () => {
    const { keys } = new FileStorage(join(home, "share", "keys"));
    const key = await findOrMakeKey(keys, SERVER, "Alice");
    const [name = ""] = await readdir(join(home, "share", "keys"));
    await rename(join(home, "share", "keys", name), join(home, "made"));
    const power = await PowerLoss.watch(home);
    await link(join(home, "made"), join(home, "share", "keys", name));
    await expect(keys.keep(SERVER, "Alice", newKey())).resolves.toBe(key);
    await expect(found(power.leaves(join(folder, "left")))).resolves.toBe(key);
  });

  it("is nothing that can be ruled out on a disk that fails: no key is answered", async () => {
    const power = await PowerLoss.watch(home);
    power.beforeSync = () => {
      throw Object.assign(new Error("the disk fails"), { code: "EIO" });
    };
    const { keys } = new FileStorage(join(home, "keys"));
    await expect(findOrMakeKey(keys, SERVER, "Alice")).rejects.toThrow("the disk fails");
    await expect(makeFolder(join(home, "others"))).rejects.toThrow("the disk fails");
  });

  it("is not guarded against by folders that cannot be synced, which do as well", async () => {
    const power = await PowerLoss.watch(home);
    power.beforeSync = () => {
      throw Object.assign(new Error("not here"), { code: "EINVAL" });
    };
    await makeFolder(join(home, "keys"));
    await expect(stat(join(home, "keys"))).resolves.toBeDefined();
  });
});

function said(content: string): Kept {
  const id = newId();
  return { id, at: 1_732_300_000_000, command: { type: "message", room: "lobby", content, id } };
}

const OUTBOXES: [string, () => Storage][] = [
  ["memory", () => inMemory],
  ["IndexedDB", () => new IndexedDbStorage({ indexedDB: database, locks: navigator.locks })],
];
let inMemory: Storage;
beforeEach(() => {
  inMemory = new MemoryStorage();
});

describe.each(OUTBOXES)("an outbox in %s", (_, open) => {
  let scope: string;
  let opened: StoredOutbox[];
  beforeEach(() => {
    scope = `server ${newId()}`;
    opened = [];
  });
  afterEach(async () => {
    await Promise.all(opened.map((outbox) => outbox.close()));
  });

  async function page(): Promise<StoredOutbox> {
    const outbox = await open().openOutbox(scope);
    opened.push(outbox);
    return outbox;
  }

  it("leaves to the next client what was added and not removed, in order", async () => {
    const first = await page();
    const [a, b, c] = [said("a"), said("b"), said("c")];
    for (const kept of [a, b, c]) await first.add(kept);
    await first.remove(b.id);
    await first.close();

    const taken: Kept[] = [];
    (await page()).adopt((left) => taken.push(...left));
    await until(() => taken.length > 0, "it is taken over");
    expect(taken).toEqual([a, c]);
  });

  it("gives to one of several what is left, and that one can remove it", async () => {
    const first = await page();
    await first.add(said("once"));
    await first.close();
    const taken: [number, Kept][] = [];
    const pages = await Promise.all([page(), page(), page()]);
    pages.forEach((outbox, number) => {
      outbox.adopt((left) => taken.push(...left.map((kept): [number, Kept] => [number, kept])));
    });
    await until(() => taken.length > 0, "it is taken over");
    const [number, kept] = taken[0] ?? [0, said("")];
    await pages[number]?.remove(kept.id);
    await Promise.all(pages.map((outbox) => outbox.close()));

    const rest: Kept[] = [];
    const probe = await page();
    await probe.add(said("probe"));
    await probe.close();
    (await page()).adopt((left) => rest.push(...left));
    await until(() => rest.length > 0, "the probe is taken over");
    expect(rest.map((one) => one.command.content)).toEqual(["probe"]);
    expect(taken).toHaveLength(1);
  });

  it("is of one identity on one server", async () => {
    const first = await page();
    await first.add(said("mine"));
    await first.close();
    const stranger = await open().openOutbox(`${scope} other`);
    const theirs: Kept[] = [];
    stranger.adopt((left) => theirs.push(...left));
    const mine: Kept[] = [];
    (await page()).adopt((left) => mine.push(...left));
    await until(() => mine.length > 0, "its own takes it over");
    await stranger.close();
    expect(theirs).toEqual([]);
  });
});

describe("pages that share an IndexedDB", () => {
  const page = (scope: string) =>
    new IndexedDbStorage({
      indexedDB: database,
      locks: navigator.locks,
      lookEvery: 20,
    }).openOutbox(scope);

  /** Leaves something as a page does that is gone. */
  const leave = async (scope: string, content: string) => {
    const gone = await page(scope);
    await gone.add(said(content));
    await gone.close();
  };

  it("take nothing from one that lives, and all of it when it is gone, once", async () => {
    const scope = newId();
    const [living, heir] = [await page(scope), await page(scope)];
    await living.add(said("still mine"));
    await leave(scope, "left first");
    const taken: string[] = [];
    heir.adopt((left) => taken.push(...left.map((kept) => kept.command.content)));
    await until(() => taken.length > 0, "the heir has looked at both");
    expect(taken).toEqual(["left first"]);

    await living.add(said("this too"));
    await living.close();
    await until(() => taken.length > 1, "the heir looks again");
    await leave(scope, "left last");
    await until(() => taken.length > 3, "the heir looks once more");
    await heir.close();
    expect(taken).toEqual(["left first", "still mine", "this too", "left last"]);
  });

  it("hand on the looking after when the one that did it is gone", async () => {
    const scope = newId();
    const [first, second, third] = await Promise.all([page(scope), page(scope), page(scope)]);
    const taken: string[] = [];
    first.adopt(() => taken.push("first"));
    second.adopt((left) => taken.push(...left.map((kept) => `second ${kept.command.content}`)));
    await first.close();
    await third.add(said("left behind"));
    await third.close();
    await until(() => taken.length > 0, "the second looks", 8_000);
    await second.close();
    expect(taken).toEqual(["second left behind"]);
  });
});

it("keeps nothing from being sent where a page has no locks: every page takes all", async () => {
  const open = () => new IndexedDbStorage({ indexedDB: database, locks: undefined });
  const scope = newId();
  const first = await open().openOutbox(scope);
  const kept = said("twice sent, once stored");
  await first.add(kept);
  const taken: Kept[] = [];
  const second = await open().openOutbox(scope);
  second.adopt((left) => taken.push(...left));
  await until(() => taken.length > 0, "it is taken");
  expect(taken).toEqual([kept]);
});
