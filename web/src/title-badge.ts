/**
 * The page's title: the room, and how much waits to be read.
 *
 * @module
 */

import type { ChatState } from "./store/chat.js";

/** The title: `(3) lobby – Causerie`; a dot where what is unread calls for nobody. */
export function titleOf({ current, unread }: Pick<ChatState, "current" | "unread">): string {
  const name = current === undefined ? "Causerie" : `${current.title} – Causerie`;
  if (unread.calls > 0) {
    return `(${unread.calls}) ${name}`;
  }
  return unread.all > 0 ? `• ${name}` : name;
}

/** Shows it. */
export function showBadge(chat: ChatState): void {
  const title = titleOf(chat);
  if (document.title !== title) {
    document.title = title;
  }
}
