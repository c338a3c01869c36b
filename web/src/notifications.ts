/**
 * Desktop notifications of what calls for somebody who does not look: opt-in.
 *
 * @module
 */

import type { Message, Private } from "@causerie/client";
import { say } from "./i18n.js";
import type { Room } from "./store/chat.js";
import { excerpt } from "./text/plain.js";

/** Characters of a message that are shown. */
const SHOWN = 200;

/** So many notifications may come in so many milliseconds: strangers can begin any number of rooms. */
const MOST = 5;
const WITHIN = 10_000;

/** Notifies; a click goes to the room. */
export class Notifier {
  readonly #show: (room: Room) => void;
  /** When the last ones came. */
  #shownAt: readonly number[] = [];

  constructor(show: (room: Room) => void) {
    this.#show = show;
  }

  /** Asks to be allowed; answers whether one is. */
  async ask(): Promise<boolean> {
    return "Notification" in globalThis && (await Notification.requestPermission()) === "granted";
  }

  /**
   * Tells of a message, if the page is not looked at, and may.
   *
   * A room has one notification at a time: what comes later takes the place of what came before. Of a
   * flood only the first are shown.
   *
   * @param now - Milliseconds.
   */
  notify(room: Room, entry: Message | Private, now: number = performance.now()): void {
    const isLookedAt = document.visibilityState === "visible" && document.hasFocus();
    const isAllowed = "Notification" in globalThis && Notification.permission === "granted";
    if (isLookedAt || !isAllowed) {
      return;
    }
    this.#shownAt = this.#shownAt.filter((at) => now - at < WITHIN);
    if (this.#shownAt.length >= MOST) {
      return;
    }
    this.#shownAt = [...this.#shownAt, now];
    const title = room.isPrivate
      ? say("web-notify-private", { name: entry.username })
      : say("web-notify-mention", { name: entry.username, room: room.title });
    const notification = shown(title, {
      body: excerpt(entry.content, SHOWN),
      tag: room.name,
      icon: "/favicon.svg",
    });
    notification?.addEventListener("click", () => {
      window.focus();
      this.#show(room);
      notification.close();
    });
  }
}

/**
 * Shows a notification; undefined where a page may not: on Android only service workers do, and the
 * constructor throws, whatever the permission says.
 */
function shown(title: string, options: NotificationOptions): Notification | undefined {
  try {
    return new Notification(title, options);
  } catch {
    return undefined;
  }
}
