/**
 * The keys that this browser keeps, and those that come from another device.
 *
 * @module
 */

import { IndexedDbStorage, type KeyLink, MemoryStorage, type Storage } from "@causerie/client";

/** Where keys are, and what is said and not acked yet: as long as the page, where nothing is kept. */
export const storage: Storage =
  typeof indexedDB === "undefined" ? new MemoryStorage() : new IndexedDbStorage();

/** What this browser has for the name that a key belongs to. */
export type Standing = "nothing" | "this key" | "another key";

/** Looks at what there is for the name of a key. */
export async function standingOf({ server, username, key }: KeyLink): Promise<Standing> {
  try {
    const found = await storage.keys.find(server, username);
    return found === undefined ? "nothing" : found === key ? "this key" : "another key";
  } catch {
    return "nothing"; // nothing can be read here
  }
}

/**
 * Keeps a key that came from another device; a person has been asked whether it is to take the place
 * of another. Answers whether it is kept beyond the page.
 */
export async function take({ server, username, key }: KeyLink): Promise<boolean> {
  try {
    await storage.keys.replace(server, username, key);
    return true;
  } catch {
    return false;
  }
}
