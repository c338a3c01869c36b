/** What a loss of power would leave of a folder: what was synced, and nothing else. */

import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { join } from "node:path";
import { vi } from "vitest";

/**
 * Watches what is synced under a folder, and makes what the disk would hold after a loss.
 *
 * It takes the worst for granted: the bytes of a file are lost that were not synced since, and so
 * are the names in a folder that was not. What there was at the beginning is safe.
 */
export class PowerLoss {
  readonly #root: string;
  readonly #contents = new Map<number, Buffer>();
  readonly #names = new Map<number, Map<string, number>>();
  /** Called before anything is synced. */
  beforeSync: () => void = () => {};

  private constructor(root: string) {
    this.#root = root;
    for (const place of this.#places()) {
      this.#note(place);
    }
  }

  /** Watches until the mocks are restored. */
  static async watch(root: string): Promise<PowerLoss> {
    const power = new PowerLoss(root);
    const handle = await open(root, "r");
    const prototype: FileHandle = Object.getPrototypeOf(handle);
    await handle.close();
    vi.spyOn(prototype, "sync").mockImplementation(async function (this: FileHandle) {
      await power.#sync(this);
    });
    return power;
  }

  /**
   * Makes what would be left, in another folder.
   *
   * @param names - Those that were not synced are there as well: a disk may write them of its own
   *   accord, and before the bytes.
   */
  leaves(target: string, { names = false } = {}): string {
    this.#restore(this.#root, inode(this.#root), target, names);
    return target;
  }

  #restore(place: string, folder: number, target: string, names: boolean): void {
    mkdirSync(target);
    const found = names ? namesIn(place) : (this.#names.get(folder) ?? new Map<string, number>());
    for (const [name, number] of found) {
      const stats = statSync(join(place, name), { throwIfNoEntry: false });
      if (this.#names.has(number) || stats?.isDirectory()) {
        this.#restore(join(place, name), number, join(target, name), names);
      } else {
        writeFileSync(join(target, name), this.#contents.get(number) ?? "");
      }
    }
  }

  async #sync(handle: FileHandle): Promise<void> {
    this.beforeSync();
    const { ino } = await handle.stat();
    this.#note(this.#places().find((place) => inode(place) === ino) ?? "nowhere");
  }

  #places(): string[] {
    const below = readdirSync(this.#root, { recursive: true, encoding: "utf-8" });
    return [this.#root, ...below.map((place) => join(this.#root, place))];
  }

  #note(path: string): void {
    if (statSync(path).isDirectory()) {
      this.#names.set(inode(path), namesIn(path));
    } else {
      this.#contents.set(inode(path), readFileSync(path));
    }
  }
}

function inode(path: string): number {
  return statSync(path).ino;
}

function namesIn(folder: string): Map<string, number> {
  return new Map(readdirSync(folder).map((name) => [name, inode(join(folder, name))]));
}
