/**
 * What a tab shows of a page that nobody looks at: its title and its icon.
 *
 * @module
 */

import type { ChatState } from "./store/chat.js";

/** The page's icon, and the one with a dot; both lie beside the page. */
const ICONS = { plain: "favicon.svg", dotted: "favicon-unread.svg" };

/** What is shown of a chat. */
type Shown = Pick<ChatState, "current" | "unread">;

/** The title: `(3) lobby – Causerie`; a dot where what is unread calls for nobody. */
export function titleOf({ current, unread }: Shown): string {
  const name = current === undefined ? "Causerie" : `${current.title} – Causerie`;
  if (unread.calls > 0) {
    return `(${unread.calls}) ${name}`;
  }
  return unread.all > 0 ? `• ${name}` : name;
}

/** The address of the icon: with a dot, while something calls. Another page's icon stays. */
export function iconOf(address: string, { unread }: Shown): string {
  const wanted = unread.calls > 0 ? ICONS.dotted : ICONS.plain;
  return address.replace(/(^|\/)favicon(-unread)?\.svg$/, `$1${wanted}`);
}

/** Shows both. */
export function showBadge(chat: Shown): void {
  const title = titleOf(chat);
  if (document.title !== title) {
    document.title = title;
  }
  const link = document.querySelector<HTMLLinkElement>('link[rel="icon"]');
  const address = link?.getAttribute("href") ?? "";
  const wanted = iconOf(address, chat);
  if (wanted !== address) {
    link?.setAttribute("href", wanted);
  }
}
