/**
 * A chat as plain lines.
 *
 * @module
 */

import type { Writable } from "node:stream";
import type { Words } from "../language.js";
import { refusalLine, type Surface, type Typed } from "./chat.js";
import { type Line, painted, plain } from "./lines.js";

/** What is drawn below the lines, and has to make room for them. */
export interface Footer {
  erase(): void;
  draw(): void;
}

/** How a transcript looks, and whom it is for. */
export interface TranscriptOptions {
  readonly colour: boolean;
  /**
   * What is said comes from a program: what was not taken is told among the errors, by the number of
   * its line. A person sees it among the other lines.
   */
  readonly fromProgram: boolean;
}

/** Lines, written to a stream. */
export class Transcript implements Surface {
  /** Fulfilled when nobody reads what is written any more. */
  readonly closed: Promise<void>;
  footer: Footer | undefined;
  readonly #words: Words;
  readonly #output: Writable;
  readonly #errors: Writable;
  readonly #paint: (spans: Line) => string;
  readonly #fromProgram: boolean;
  #isClosed = false;

  constructor(
    words: Words,
    output: Writable,
    errors: Writable,
    { colour, fromProgram }: TranscriptOptions,
  ) {
    this.#words = words;
    this.#output = output;
    this.#errors = errors;
    this.#paint = colour ? painted : plain;
    this.#fromProgram = fromProgram;
    this.closed = new Promise((resolve) => {
      // A broken pipe, a terminal that has gone.
      output.on("error", () => {
        this.#isClosed = true;
        resolve();
      });
    });
    errors.on("error", () => undefined);
  }

  show(lines: readonly Line[]): void {
    if (lines.length === 0 || this.#isClosed) return;
    this.footer?.erase();
    this.#output.write(lines.map((spans) => `${this.#paint(spans)}\n`).join(""));
    this.footer?.draw();
  }

  failed(typed: Typed, reason: string, content: string): void {
    if (this.#fromProgram) {
      this.complain(this.#words.say("line-failed", { number: typed.number, reason }));
    } else {
      this.show([refusalLine(this.#words, reason, content)]);
    }
  }

  /** Tells of something that went wrong. */
  complain(sentence: string): void {
    this.footer?.erase();
    this.#errors.write(`causerie: ${sentence}\n`);
    this.footer?.draw();
  }

  /** Waits until all is written. */
  async flushed(): Promise<void> {
    const written = (stream: Writable) =>
      new Promise<void>((resolve) => {
        stream.write("", () => resolve());
      });
    await Promise.race([Promise.all([written(this.#output), written(this.#errors)]), this.closed]);
  }
}
