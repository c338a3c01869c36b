/**
 * The rate at which commands go out, so that the server need refuse none.
 *
 * A token bucket like the server's, a little smaller: what leaves evenly may arrive bunched.
 *
 * @module
 */

/** Of the server's limits. */
export const SHARE = 0.9;

/** A token, but for what the rounding of times takes off it. */
const WHOLE = 0.9999;

/** How many commands may still go out. `now` is in milliseconds, monotonic. */
export class Pacer {
  /** Tokens a millisecond. */
  readonly #rate: number;
  readonly #burst: number;
  #tokens: number;
  #at: number;

  /** `rate` (commands a second; 0: no limit) and `burst` are as in welcome. */
  constructor(rate: number, burst: number, now: number) {
    this.#rate = (rate * SHARE) / 1_000;
    this.#burst = Math.max(1, burst * SHARE);
    // The hello that was just answered was a command, too.
    this.#tokens = this.#burst - 1;
    this.#at = now;
  }

  /** Counts a command, if one may go out now. */
  take(now: number): boolean {
    if (this.#rate === 0) return true;
    this.#refill(now);
    if (this.#tokens < WHOLE) return false;
    this.#tokens -= 1;
    return true;
  }

  /** Counts a command that goes out in any case. */
  force(now: number): void {
    this.#refill(now);
    this.#tokens -= 1;
  }

  /** When `take` will answer yes, as far as is known. */
  readyAt(): number {
    if (this.#rate === 0 || this.#tokens >= WHOLE) return this.#at;
    return this.#at + (1 - this.#tokens) / this.#rate;
  }

  #refill(now: number): void {
    this.#tokens = Math.min(this.#burst, this.#tokens + (now - this.#at) * this.#rate);
    this.#at = now;
  }
}
