/**
 * A line that is typed at the bottom of a terminal, below what is shown.
 *
 * @module
 */

import { clearLine, createInterface, cursorTo, type Interface } from "node:readline";
import type { Source, Typed } from "./chat.js";
import { completions } from "./commands.js";
import type { Footer } from "./transcript.js";

/** What a prompt asks about the chat, and tells it. */
export interface PromptListener {
  /** Who could be named. */
  names(): readonly string[];
  rooms(): readonly string[];
  /** The line that is being typed is now this. */
  typing(text: string): void;
  /** Ctrl+C. */
  interrupted(): void;
}

/** A prompt with editing, history, and completion by Tab. */
export class Prompt implements Source, Footer {
  readonly ended: Promise<void>;
  readonly #interface: Interface;
  readonly #lines: Typed[] = [];
  #count = 0;
  #isOver = false;
  #changed: () => void = () => {};

  constructor(listener: PromptListener) {
    const terminal = createInterface({
      input: process.stdin,
      output: process.stdout,
      prompt: "> ",
      completer: (text: string) => {
        const word = text.split(" ").at(-1) ?? "";
        return [completions(text, listener.names(), listener.rooms()), word];
      },
    });
    this.#interface = terminal;
    terminal.on("line", (text) => {
      this.#count += 1;
      this.#lines.push({ text, number: this.#count, fault: "" });
      this.#changed();
      terminal.prompt();
    });
    terminal.on("SIGINT", () => listener.interrupted());
    process.stdin.on("keypress", () => listener.typing(terminal.line));
    this.ended = new Promise((resolve) => {
      terminal.on("close", () => {
        this.#isOver = true;
        resolve();
        this.#changed();
      });
    });
    terminal.prompt();
  }

  get unread(): number {
    return this.#lines.length;
  }

  async next(): Promise<Typed | undefined> {
    for (;;) {
      const typed = this.#lines.shift();
      if (typed !== undefined || this.#isOver) return typed;
      await new Promise<void>((resolve) => {
        this.#changed = resolve;
      });
    }
  }

  end(): void {
    this.erase();
    this.#interface.close();
  }

  erase(): void {
    if (this.#isOver) return;
    cursorTo(process.stdout, 0);
    clearLine(process.stdout, 0);
  }

  draw(): void {
    if (!this.#isOver) this.#interface.prompt(true);
  }
}
