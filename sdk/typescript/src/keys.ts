/**
 * The keys that hold one's names.
 *
 * A key is all that proves who one is: whoever has it has the name and its private conversations.
 *
 * @module
 */

import { origin } from "./address.js";
import { newId } from "./ids.js";

const KEY = /^[A-Za-z0-9_-]{22,64}$/u;

/** Where keys are kept: one for each server and username. None is ever lost. */
export interface KeyStore {
  /**
   * The key for a name on a server, if there is one.
   *
   * @throws `KeyDamaged` when there is something in its place that is none.
   */
  find(server: string, username: string): Promise<string | undefined>;

  /**
   * Keeps a key, unless there is one for this server and name already.
   *
   * Of two who do this at the same time one is first; both are answered its key.
   *
   * @returns The key that is kept: the given one, or the one that was there.
   */
  keep(server: string, username: string, key: string): Promise<string>;

  /**
   * Keeps a key in the place of any other, which is put aside: from there only a person brings it
   * back. To be called when a person has been asked, or the server has said whose the name is.
   */
  replace(server: string, username: string, key: string): Promise<void>;
}

/** Somebody's name on a server, with the key that holds it. */
export interface KeyLink {
  /** The server, as {@link origin} writes it. */
  readonly server: string;
  readonly username: string;
  readonly key: string;
}

/** Makes a key: 128 random bits in base64url. */
export function newKey(): string {
  return newId();
}

/** The key for a name on a server; a new one is kept, if there is none. */
export async function findOrMakeKey(
  keys: KeyStore,
  server: string,
  username: string,
): Promise<string> {
  return (await keys.find(server, username)) ?? (await keys.keep(server, username, newKey()));
}

/**
 * A link that carries the key for a name to another device.
 *
 * The key is in the fragment, which browsers do not send to servers.
 */
export function keyLink({ server, username, key }: KeyLink): string {
  const page = origin(server).replace("ws", "http");
  return `${page}/#${new URLSearchParams({ username, key })}`;
}

/** Reads a link that {@link keyLink} made; undefined, if it is no such link. */
export function readKeyLink(link: string): KeyLink | undefined {
  const [server = "", fragment = ""] = link.trim().split(/#(.*)/su);
  const fields = new URLSearchParams(fragment);
  const [username, key] = [fields.get("username") ?? "", fields.get("key") ?? ""];
  if (username === "" || !KEY.test(key) || !server.includes("://")) {
    return undefined;
  }
  try {
    return { server: origin(server), username, key };
  } catch {
    return undefined;
  }
}

/**
 * A name as keys are kept under it: names that differ only in case or form are one.
 *
 * The server alone knows for sure which names are the same; this is close enough for a place to
 * keep a key, and the same as the Python client's.
 */
export function foldName(username: string): string {
  return Array.from(username.normalize("NFKC"), foldCharacter).join("");
}

// Unicode's case folding, which JavaScript does not offer: small letters by way of capital ones, so
// that ß becomes ss; save where that leads to another letter (CaseFolding.txt).
function foldCharacter(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  if (character === "ı") {
    return character;
  }
  if ((code >= 0x13a0 && code <= 0x13fd) || (code >= 0xab70 && code <= 0xabbf)) {
    return character.toUpperCase(); // Cherokee folds to its capital letters
  }
  return character.toLowerCase().toUpperCase().toLowerCase();
}
