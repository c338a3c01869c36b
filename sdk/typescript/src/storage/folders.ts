/**
 * Folders of which a loss of power takes nothing away. Only for Node.
 *
 * A file that was synced is safe, but its name is not: that stands in the folder, which has to be
 * synced too, and so has the folder above one that was made.
 *
 * @module
 */

import { mkdir, open } from "node:fs/promises";
import { platform } from "node:os";
import { dirname, resolve } from "node:path";

/** Makes a folder, for this user alone, and what is missing above it; all of it is safe then. */
export async function makeFolder(path: string): Promise<void> {
  const first = await mkdir(path, { recursive: true, mode: 0o700 });
  if (first === undefined) {
    return;
  }
  const shortest = resolve(first).length;
  for (let folder = resolve(path); folder.length >= shortest; folder = dirname(folder)) {
    await syncFolder(dirname(folder));
  }
}

/** Makes safe which files are in a folder, under which names. */
export async function syncFolder(path: string): Promise<void> {
  if (platform() === "win32") {
    return; // where folders cannot be opened
  }
  const folder = await open(path, "r");
  try {
    await folder.sync();
  } catch (error) {
    // There are file systems that sync no folders.
    if ((error as NodeJS.ErrnoException).code !== "EINVAL") {
      throw error;
    }
  } finally {
    await folder.close();
  }
}
