/**
 * How long to wait before the next attempt.
 *
 * Full jitter: a delay is anything between nothing and a ceiling that doubles, so that the clients
 * of a server that has come back do not come back in step (Brooker, "Exponential Backoff And
 * Jitter", AWS 2015). For the first minute the ceiling stays low: most cuts are short, and people
 * wait.
 *
 * @module
 */

/** Milliseconds; doubled with every attempt. */
export const FIRST_CEILING = 1_000;

/** Milliseconds; the ceiling grows no further in the first minute of an outage. */
export const EARLY_CEILING = 4_000;

/** Milliseconds from the beginning of an outage. */
export const EARLY = 60_000;

/** Milliseconds; the ceiling never grows further. */
export const LAST_CEILING = 30_000;

/** Milliseconds; a server that asks for a longer delay is given no more. */
export const LONGEST_WISH = 3_600_000;

const WISH = /\bretry-after=(\d{1,12})\b/;

/** The delays of one client's attempts. `chance` answers numbers in [0, 1). */
export class Backoff {
  readonly #chance: () => number;
  #attempts = 0;
  #beganAt: number | undefined;

  constructor(chance: () => number) {
    this.#chance = chance;
  }

  /**
   * Milliseconds to wait from `now`, when an attempt has failed or a connection was lost.
   *
   * `wish` is the least delay that the server asks for; the jitter comes on top of it.
   */
  delay(now: number, wish = 0): number {
    this.#beganAt ??= now;
    const limit = now - this.#beganAt < EARLY ? EARLY_CEILING : LAST_CEILING;
    const ceiling = Math.min(limit, FIRST_CEILING * 2 ** this.#attempts);
    this.#attempts += 1;
    return wish + this.#chance() * ceiling;
  }

  /** Ends the outage: the next delay is a first one again. */
  settled(): void {
    this.#attempts = 0;
    this.#beganAt = undefined;
  }
}

/** The delay in milliseconds that a close reason asks for (`retry-after=<ms>`), or 0. */
export function wishOf(reason: string): number {
  return Math.min(Number(WISH.exec(reason)?.[1] ?? 0), LONGEST_WISH);
}
