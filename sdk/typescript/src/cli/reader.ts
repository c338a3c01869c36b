/**
 * Lines from a stream: a pipe, a file, a terminal that is read without a prompt.
 *
 * @module
 */

import type { Readable } from "node:stream";
import type { Source, Typed } from "./chat.js";

/** Bytes. What is longer is no line of text, whatever a server's limits are. */
export const LONGEST_LINE = 1024 * 1024;

const NEWLINE = 0x0a;
const RETURN = 0x0d;

/** Reads lines, no further ahead than a stream does that is paused when there are some. */
export class LineReader implements Source {
  readonly ended: Promise<void>;
  readonly #input: Readable;
  readonly #endless: string;
  readonly #lines: Typed[] = [];
  #rest: Buffer[] = [];
  #restLength = 0;
  #isEndless = false;
  #count = 0;
  #isOver = false;
  #over: () => void = () => {};
  #changed: () => void = () => {};

  /** @param endless - What is wrong with a line that is too long. */
  constructor(input: Readable, endless: string) {
    this.#input = input;
    this.#endless = endless;
    this.ended = new Promise((resolve) => {
      this.#over = resolve;
    });
    input.on("data", (chunk: Buffer | string) => this.#take(Buffer.from(chunk)));
    input.on("end", () => this.#finish());
    input.on("error", () => this.#finish()); // a terminal that has gone
  }

  get unread(): number {
    return this.#lines.length;
  }

  async next(): Promise<Typed | undefined> {
    for (;;) {
      const typed = this.#lines.shift();
      if (this.#lines.length === 0 && !this.#isOver) this.#input.resume();
      if (typed !== undefined || this.#isOver) return typed;
      await new Promise<void>((resolve) => {
        this.#changed = resolve;
      });
    }
  }

  end(): void {
    this.#input.pause();
    this.#stop();
  }

  #take(chunk: Buffer): void {
    if (this.#isOver) return;
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      this.#keep(chunk.subarray(start, end));
      this.#add();
      start = end + 1;
    }
    this.#keep(chunk.subarray(start));
    if (this.#lines.length > 0) this.#input.pause();
    this.#changed();
  }

  /** A part of a line; of one that is too long nothing is kept. */
  #keep(part: Buffer): void {
    if (part.length === 0) return;
    this.#restLength += part.length;
    if (this.#restLength > LONGEST_LINE) {
      this.#isEndless = true;
      this.#rest = [];
    } else {
      this.#rest.push(part);
    }
  }

  #add(): void {
    this.#count += 1;
    let bytes = Buffer.concat(this.#rest);
    if (bytes.at(-1) === RETURN) bytes = bytes.subarray(0, -1);
    const fault = this.#isEndless ? this.#endless : "";
    const text = fault === "" ? new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes) : "";
    this.#lines.push({ text, number: this.#count, fault });
    this.#rest = [];
    this.#restLength = 0;
    this.#isEndless = false;
  }

  #finish(): void {
    if (this.#isOver) return;
    if (this.#restLength > 0) this.#add();
    this.#stop();
  }

  #stop(): void {
    this.#isOver = true;
    this.#over();
    this.#changed();
  }
}
