/**
 * Keys in files, as the Python client has them: both are the same person. Only for Node.
 *
 * @module
 */

import { createHash, randomBytes } from "node:crypto";
import { link, open, readFile, rename, rm, stat } from "node:fs/promises";
import { homedir, platform } from "node:os";
import { join } from "node:path";
import { origin } from "../address.js";
import { KeyDamaged } from "../errors.js";
import { foldName, type KeyStore } from "../keys.js";
import { makeFolder, syncFolder } from "./folders.js";
import { MemoryStorage } from "./memory.js";
import type { Storage, StoredOutbox } from "./storage.js";

/** Keeps keys in files of the user's data folder, and the outbox in memory. */
export class FileStorage implements Storage {
  readonly keys: KeyStore;
  readonly #memory = new MemoryStorage();

  /** @param folder - Where the keys are; that of the Python client, unless told otherwise. */
  constructor(folder: string = join(dataFolder(), "keys")) {
    this.keys = new KeyFiles(folder);
  }

  openOutbox(scope: string): Promise<StoredOutbox> {
    return this.#memory.openOutbox(scope);
  }
}

/**
 * The keys in a folder, a file for each server and username, which only its owner may read, and
 * which is never overwritten: one that is replaced gets another name. No server hears of a key before
 * a loss of power can no longer take it away, for the name stays with it.
 */
class KeyFiles implements KeyStore {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  async find(server: string, username: string): Promise<string | undefined> {
    const path = this.#path(server, username);
    let text: string;
    try {
      text = await readFile(path, "utf-8");
    } catch (error) {
      if (hasCode(error, "ENOENT")) {
        return undefined;
      }
      throw error;
    }
    const key = keyIn(text);
    if (key === undefined) {
      throw new KeyDamaged(
        `the key for ${username} on ${origin(server)} cannot be read: put a whole copy of ` +
          `${path} in its place, or take another name`,
      );
    }
    return key;
  }

  async keep(server: string, username: string, key: string): Promise<string> {
    const path = this.#path(server, username);
    await makeFolder(this.#folder);
    const draft = `${path.slice(0, -".json".length)}.${randomBytes(8).toString("hex")}`;
    const content = JSON.stringify({ server: origin(server), username, key });
    try {
      const file = await open(draft, "wx", 0o600);
      try {
        await file.writeFile(content);
        await file.sync();
      } finally {
        await file.close();
      }
      try {
        await publish(draft, path);
      } finally {
        // Also where somebody else was faster, who may not have come so far yet.
        await syncFolder(this.#folder);
      }
      return key;
    } catch (error) {
      const kept = hasCode(error, "EEXIST") ? await this.find(server, username) : undefined;
      if (kept === undefined) {
        throw error;
      }
      return kept;
    } finally {
      await rm(draft, { force: true });
    }
  }

  async replace(server: string, username: string, key: string): Promise<void> {
    const path = this.#path(server, username);
    if ((await this.keep(server, username, key)) !== key) {
      await rename(path, `${path}.${randomBytes(8).toString("hex")}`);
      await this.keep(server, username, key);
    }
  }

  #path(server: string, username: string): string {
    const place = `${origin(server)}\n${foldName(username)}`;
    const name = createHash("sha256").update(place).digest("hex").slice(0, 32);
    return join(this.#folder, `${name}.json`);
  }
}

/** Gives a whole file its name, in one step; fails with EEXIST where the name is taken. */
async function publish(draft: string, path: string): Promise<void> {
  try {
    // Unlike a rename this fails where somebody else was faster.
    await link(draft, path);
  } catch (error) {
    if (hasCode(error, "EEXIST") || (await exists(path))) {
      throw Object.assign(new Error(`${path} exists`), { code: "EEXIST" });
    }
    await rename(draft, path); // there are file systems without links
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch {
    return false;
  }
}

function keyIn(text: string): string | undefined {
  try {
    const { key } = JSON.parse(text) as { key?: unknown };
    return typeof key === "string" ? key : undefined;
  } catch {
    return undefined;
  }
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && (error as NodeJS.ErrnoException).code === code;
}

/** The user's data folder of Causerie, where the Python package platformdirs has it. */
function dataFolder(): string {
  const { LOCALAPPDATA, XDG_DATA_HOME } = process.env;
  switch (platform()) {
    case "darwin":
      return join(homedir(), "Library", "Application Support", "causerie");
    case "win32":
      return join(LOCALAPPDATA ?? join(homedir(), "AppData", "Local"), "causerie");
    default: {
      const data = XDG_DATA_HOME?.trim();
      return join(data || join(homedir(), ".local", "share"), "causerie");
    }
  }
}
