/**
 * The page's address: it names a room, or brings the key to a name.
 *
 * @module
 */

import { type KeyLink, readKeyLink } from "@causerie/client";

/** The room that an address names: `#/room=lobby`. */
export function roomIn(hash: string): string | undefined {
  return new URLSearchParams(hash.replace(/^#\/?/, "")).get("room")?.trim() || undefined;
}

/** The fragment that names a room. */
export function fragmentOf(room: string): string {
  return `#/room=${encodeURIComponent(room)}`;
}

/** The room that the page's address names. */
export function roomInAddress(): string | undefined {
  return roomIn(location.hash);
}

/** A link to a room, for others. */
export function linkTo(room: string): string {
  return `${location.origin}${location.pathname}${location.search}${fragmentOf(room)}`;
}

/** Has the page's address name a room, or none. It leaves no step to go back to. */
export function showRoom(room: string | undefined): void {
  const fragment = room === undefined ? "" : fragmentOf(room);
  if (location.hash !== fragment) {
    history.replaceState(null, "", `${location.pathname}${location.search}${fragment}`);
  }
}

/** The key that the page's address brings. It is not to stay where others can see it. */
export function takeKeyLink(room: string | undefined): KeyLink | undefined {
  const found = readKeyLink(location.href);
  if (found !== undefined) {
    showRoom(room);
  }
  return found;
}
