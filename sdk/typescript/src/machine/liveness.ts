/** Whether a connection still lives, and how far away the server is. @module */

/** Milliseconds. A proxy cuts an idle connection at 60 seconds. */
export const LONGEST_QUIET = 25_000;

/** Of the longest quiet: pings come at random, so that a room's clients do not ping in step. */
export const SHORTEST_SHARE = 0.4;

/** Milliseconds. The round trip is measured that often in a busy room, too. */
export const MEASURED_EVERY = 60_000;

/**
 * Milliseconds on average, until a new connection is measured. What passed before its welcome says
 * more about a program that starts, and a server that looks a name up, than about the way between.
 */
export const FIRST_MEASURED = 2_000;

/** Milliseconds that the server has to answer when it is doubtful whether the connection lives. */
export const PROBE = 5_000;

/** Milliseconds. Whoever is asked for its verdict later than that after its deadline was asleep. */
export const LATE = 5_000;

/** What to do about a connection: nothing, send a ping, or give it up. */
export type Verdict = "alive" | "ping" | "dead";

/**
 * The signs of life of one connection. `now` is in milliseconds, monotonic.
 *
 * `heartbeat` is the server's, in milliseconds; two of them without a byte mean a dead link.
 * `chance` answers numbers in [0, 1).
 */
export class Liveness {
  readonly #heartbeat: number;
  readonly #chance: () => number;
  #quiet: number;
  #measuredAt: number;
  #ping: { readonly id: string; readonly sentAt: number } | undefined;
  #pingAt = 0;
  #deadAt = 0;

  constructor(heartbeat: number, chance: () => number, now: number) {
    this.#heartbeat = heartbeat;
    this.#chance = chance;
    this.#quiet = this.#draw();
    this.#measuredAt = now + FIRST_MEASURED * (0.5 + chance()) - MEASURED_EVERY;
    this.heard(now);
  }

  /** Something came, or would have come if anybody had read it. */
  heard(now: number): void {
    this.#deadAt = now + 2 * this.#heartbeat;
    this.#pingAt = Math.min(now + this.#quiet, this.#measuredAt + MEASURED_EVERY);
  }

  /** Tells what to do: nothing, send a ping (and say `pinged`), or give the link up. */
  check(now: number): Verdict {
    if (now - this.deadline() > LATE) this.probe(now);
    if (now >= this.#deadAt) return "dead";
    return now >= this.#pingAt ? "ping" : "alive";
  }

  /** A ping went out. */
  pinged(id: string, now: number): void {
    this.#ping = { id, sentAt: now };
    // Whatever becomes of this one, the next is not sent at once.
    this.#measuredAt = now;
    this.#quiet = this.#draw();
    this.#pingAt = now + this.#quiet;
  }

  /** Milliseconds of the round trip, if this answers the last ping. */
  pong(id: string | undefined, now: number): number | undefined {
    const ping = this.#ping;
    if (ping === undefined || ping.id !== id) return undefined;
    this.#ping = undefined;
    return Math.ceil(now - ping.sentAt);
  }

  /** Makes the link prove at once that it lives. */
  probe(now: number): void {
    this.#pingAt = now;
    this.#deadAt = now + PROBE;
  }

  /** When `check` has something to say. */
  deadline(): number {
    return Math.min(this.#pingAt, this.#deadAt);
  }

  #draw(): number {
    const longest = Math.min(LONGEST_QUIET, this.#heartbeat);
    return longest * (SHORTEST_SHARE + (1 - SHORTEST_SHARE) * this.#chance());
  }
}
