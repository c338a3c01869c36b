/**
 * What a screen reader is told of what comes: politely, and never a flood.
 *
 * @module
 */

/** Lines that are told at once; of more, only how many. */
const MOST = 3;

/** Lines that wait to be told together. */
export class Announcements {
  #waiting: string[] = [];
  readonly #several: (count: number) => string;

  /** @param several - Says that so many messages came. */
  constructor(several: (count: number) => string) {
    this.#several = several;
  }

  /** Adds a line; answers whether it is the first that waits. */
  add(line: string): boolean {
    this.#waiting.push(line);
    return this.#waiting.length === 1;
  }

  /** What is to be told now; nothing waits any more. */
  take(): readonly string[] {
    const lines = this.#waiting;
    this.#waiting = [];
    return lines.length > MOST ? [this.#several(lines.length)] : lines;
  }
}
