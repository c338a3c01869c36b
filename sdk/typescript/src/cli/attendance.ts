/**
 * Who has come and gone in one room, as it is worth telling people.
 *
 * The server tells of each who comes or goes. Told as they come, these would be mostly noise:
 * whoever was cut off together with oneself, as all are when a server restarts, comes back a moment
 * later; and who comes and goes at once need not be mentioned. So changes are gathered for a moment,
 * and those who were there before a cut are given time to come back.
 *
 * All times are in milliseconds, monotonic.
 *
 * @module
 */

/** Changes of so long are told together. */
const GATHERED_FOR = 500;

/** Whoever was there before a cut, and is not after it, has not left before this. */
const BACK_WITHIN = 15_000;

/** What is to be told. */
export interface News {
  readonly joined: readonly string[];
  readonly left: readonly string[];
}

/** One room's people, by name, save oneself. */
export class Attendance {
  /** Who is there, as people have been told, or will be with the news. */
  #here = new Set<string>();
  /** Of those, who has not come back yet since a cut, and until when that is no news. */
  readonly #missed = new Map<string, number>();
  /** Of each name, whether it has come or gone. */
  readonly #news = new Map<string, boolean>();
  #due: number | undefined;

  /** One has come to the room and found these there. */
  begin(names: readonly string[]): void {
    this.#here = new Set(names);
    this.#missed.clear();
    this.#news.clear();
    this.#due = undefined;
  }

  /**
   * After a cut, or having been too slow for the news, one finds these there. Where not all are
   * named, nothing can be said of who has gone.
   */
  resume(names: readonly string[], allNamed: boolean, now: number): void {
    if (!allNamed) {
      this.begin(names);
      return;
    }
    for (const name of this.#here) {
      if (!names.includes(name) && !this.#missed.has(name)) {
        this.#missed.set(name, now + BACK_WITHIN);
      }
    }
    this.change(names, [], now);
  }

  /** These have come and gone. */
  change(joined: readonly string[], left: readonly string[], now: number): void {
    for (const name of left) this.#leave(name, now);
    for (const name of joined) {
      this.#missed.delete(name);
      if (!this.#here.has(name)) {
        this.#here.add(name);
        this.#tell(name, true, now);
      }
    }
  }

  /** Time has passed; answers what is to be told now, if anything is. */
  tick(now: number): News | undefined {
    for (const [name, until] of [...this.#missed]) {
      if (until <= now) this.#leave(name, now);
    }
    return this.#due !== undefined && this.#due <= now ? this.flush() : undefined;
  }

  /** Answers what there is to be told, however fresh. */
  flush(): News | undefined {
    const news = [...this.#news];
    this.#news.clear();
    this.#due = undefined;
    if (news.length === 0) return undefined;
    return {
      joined: news.filter(([, came]) => came).map(([name]) => name),
      left: news.filter(([, came]) => !came).map(([name]) => name),
    };
  }

  /** When `tick` has something to do. */
  deadline(): number | undefined {
    const times = [...this.#missed.values(), this.#due ?? Number.POSITIVE_INFINITY];
    const first = Math.min(...times);
    return first === Number.POSITIVE_INFINITY ? undefined : first;
  }

  #leave(name: string, now: number): void {
    this.#missed.delete(name);
    if (this.#here.delete(name)) this.#tell(name, false, now);
  }

  #tell(name: string, came: boolean, now: number): void {
    const before = this.#news.get(name);
    this.#news.delete(name);
    if (before !== undefined && before !== came) return; // it takes back what was to be told
    this.#news.set(name, came);
    this.#due ??= now + GATHERED_FOR;
  }
}
