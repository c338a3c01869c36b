/**
 * Watches for what a socket does not tell: that the computer slept, or that the network is another.
 *
 * @module
 */

/** Milliseconds between two looks at the clocks. */
export const WATCHED_EVERY = 5_000;

/**
 * Milliseconds. By so much a look may be late, or the wall clock run ahead of the monotonic one,
 * which in some browsers stands still in sleep, before that is taken for sleep.
 */
export const SLEPT = 5_000;

/** A page's events that say that nothing may be as it was. */
const SIGNS = ["online", "visibilitychange", "pageshow", "resume"] as const;

/** What tells of such events: a page's `window`. */
type Source = Pick<EventTarget, "addEventListener" | "removeEventListener">;

/**
 * Calls back when a connection is in doubt. It watches from when it is made until `end`.
 *
 * Besides, whoever drives a machine asks it at every tick whether the computer has `slept`.
 */
export class Vigil {
  readonly #sources: readonly Source[];
  readonly #signal: () => void;
  #drift: number;
  #lookedAt: number;

  /**
   * @param woke - Called when the page says that something has changed.
   * @param sources - Where pages say so; outside of a page there are none.
   */
  constructor(woke: () => void, sources: readonly Source[] = pageSources()) {
    this.#drift = drift();
    this.#lookedAt = performance.now();
    this.#sources = sources;
    this.#signal = () => {
      // Who hides a page, or loses the network, can learn nothing new by asking.
      if (typeof document === "undefined" || document.visibilityState === "visible") {
        woke();
      }
    };
    for (const source of sources) {
      for (const sign of SIGNS) {
        source.addEventListener(sign, this.#signal);
      }
    }
  }

  /**
   * Tells whether the computer has slept since this was asked last.
   *
   * @param dueAt - When this was to be asked, in milliseconds on the clock of `performance`.
   */
  slept(dueAt: number): boolean {
    const before = this.#drift;
    this.#drift = drift();
    const lookedAt = this.#lookedAt;
    this.#lookedAt = performance.now();
    const late = this.#lookedAt - Math.max(dueAt, lookedAt);
    return this.#drift - before > SLEPT || late > SLEPT;
  }

  /** Watches no more. */
  end(): void {
    for (const source of this.#sources) {
      for (const sign of SIGNS) {
        source.removeEventListener(sign, this.#signal);
      }
    }
  }
}

function drift(): number {
  return Date.now() - performance.now();
}

// What a document tells bubbles up to its window.
function pageSources(): Source[] {
  return typeof window === "undefined" ? [] : [window];
}
