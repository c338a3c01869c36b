import { afterEach, beforeEach, expect, test, vi } from "vitest";
import english from "../../catalogue/en.json" with { type: "json" };
import { speak, Words } from "../src/i18n.js";
import { Notifier } from "../src/notifications.js";
import { ChatState, type Room } from "../src/store/chat.js";
import { message } from "./store/entries.js";

/** What Node has not: a desktop that shows notifications. */
class Desktop extends EventTarget {
  static permission: NotificationPermission = "granted";
  static answer: NotificationPermission = "granted";
  static shown: Desktop[] = [];
  static async requestPermission(): Promise<NotificationPermission> {
    Desktop.permission = Desktop.answer;
    return Desktop.answer;
  }
  isClosed = false;
  constructor(
    readonly title: string,
    readonly options: NotificationOptions,
  ) {
    super();
    Desktop.shown.push(this);
  }
  close(): void {
    this.isClosed = true;
  }
}

const page = { visibilityState: "hidden", hasFocus: () => false };
const focus = vi.fn();
const chat = new ChatState("Alice");
const lobby = chat.open("lobby");
const bob = chat.conversation("Bob");

beforeEach(() => {
  speak(new Words("en", english));
  Object.assign(page, { visibilityState: "hidden", hasFocus: () => false });
  Desktop.permission = "granted";
  Desktop.shown = [];
  focus.mockClear();
  vi.stubGlobal("Notification", Desktop);
  vi.stubGlobal("document", page);
  vi.stubGlobal("window", { focus });
});

afterEach(() => {
  vi.unstubAllGlobals();
});

const ignore = (_: Room) => {};

test("a mention and a private message are told of, each in its words", () => {
  const notifier = new Notifier(ignore);
  notifier.notify(lobby, message(1, { username: "Bob", content: "Alice?" }));
  notifier.notify(bob, message(2, { username: "Bob", content: "psst" }));
  expect(Desktop.shown.map(({ title, options }) => [title, options.body])).toEqual([
    ["Bob in lobby", "Alice?"],
    ["Bob (private)", "psst"],
  ]);
  expect(new Set(Desktop.shown.map(({ options }) => options.tag)).size).toBe(2);
});

test("nothing is told while the page is looked at, but it is where another window has the focus", () => {
  page.visibilityState = "visible";
  page.hasFocus = () => true;
  new Notifier(ignore).notify(lobby, message(1, {}));
  expect(Desktop.shown).toEqual([]);
  page.hasFocus = () => false;
  new Notifier(ignore).notify(lobby, message(1, {}));
  expect(Desktop.shown).toHaveLength(1);
});

test.each(["default", "denied"] as const)("nothing is told where the permission is %s", (is) => {
  Desktop.permission = is;
  new Notifier(ignore).notify(bob, message(1, {}));
  expect(Desktop.shown).toEqual([]);
});

test("a click goes to the room, and the notification goes", () => {
  const show = vi.fn();
  new Notifier(show).notify(lobby, message(1, {}));
  const [notification] = Desktop.shown;
  expect(show).not.toHaveBeenCalled();
  notification?.dispatchEvent(new Event("click"));
  expect(show).toHaveBeenCalledWith(lobby);
  expect(focus).toHaveBeenCalled();
  expect(notification?.isClosed).toBe(true);
});

test("only the beginning of a long message is shown, and no character is cut", () => {
  new Notifier(ignore).notify(lobby, message(1, { content: "💥".repeat(300) }));
  expect(Desktop.shown[0]?.options.body).toBe(`${"💥".repeat(199)}…`);
});

test("a flood is cut off, and what comes after it is told again", () => {
  const notifier = new Notifier(ignore);
  for (let number = 0; number < 100; number += 1) {
    notifier.notify(chat.conversation(`Stranger${number}`), message(number + 1, {}), number);
  }
  expect(Desktop.shown).toHaveLength(5);
  notifier.notify(bob, message(1, {}), 10_100);
  expect(Desktop.shown).toHaveLength(6);
});

test("where a page may not make one, nothing happens", () => {
  const android = class {
    static readonly permission = "granted";
    constructor() {
      throw new TypeError("Illegal constructor");
    }
  };
  vi.stubGlobal("Notification", android);
  expect(() => new Notifier(ignore).notify(lobby, message(1, {}))).not.toThrow();
});

test("one is allowed only what the person allows", async () => {
  for (const answer of ["granted", "denied", "default"] as const) {
    Desktop.answer = answer;
    expect(await new Notifier(ignore).ask()).toBe(answer === "granted");
  }
  vi.stubGlobal("Notification", undefined);
  Reflect.deleteProperty(globalThis, "Notification");
  expect(await new Notifier(ignore).ask()).toBe(false);
});
