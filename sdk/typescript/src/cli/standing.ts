/**
 * How one stands with the server: connected or not, and since when one tries again.
 *
 * Moments are in milliseconds, monotonic.
 *
 * @module
 */

import type { Words } from "../language.js";
import type { State } from "../machine/states.js";
import { type Line, line, restyled } from "./lines.js";
import { explainClose } from "./wording.js";

/** The state of the connection, in words. */
export class Standing {
  readonly #words: Words;
  readonly #maxAttempts: number | undefined;
  #state: State = { state: "Connecting" };
  #rttMs: number | undefined;

  constructor(words: Words, maxAttempts: number | undefined) {
    this.#words = words;
    this.#maxAttempts = maxAttempts;
  }

  /** The state is another; returns the lines that tell of it. */
  changed(state: State, now: number): Line[] {
    const before = this.#state;
    this.#state = state;
    switch (state.state) {
      case "Connecting":
        return [this.words(now)];
      case "Connected":
        // Told with the first measurement, which is about to come.
        this.#rttMs = undefined;
        return [];
      case "Disconnected": {
        const { code } = state;
        const reason = explainClose(this.#words, code, state.reason);
        const next = restyled(this.words(now), "waiting");
        if (before.state === "Connected") {
          const text =
            reason === ""
              ? this.#words.say("disconnected")
              : this.#words.say("disconnected-because", { reason });
          return [line(text, "bad"), next];
        }
        if (before.state === "Connecting") {
          const why = reason || this.#words.say("no-reason", { code });
          return [line(this.#words.say("no-connection", { reason: why }), "bad"), next];
        }
        return [next];
      }
      default:
        return [];
    }
  }

  /** The server took so long to answer; tells that one is connected, if that has not been told. */
  measured(rttMs: number): Line[] {
    const isFirst = this.#rttMs === undefined;
    this.#rttMs = rttMs;
    return isFirst ? [line(this.#words.say("connected", { ms: rttMs }), "good")] : [];
  }

  /** Returns how things stand. */
  words(now: number): Line {
    const state = this.#state;
    switch (state.state) {
      case "Connecting":
        return line(this.#words.say("connecting"), "waiting");
      case "Connected":
        return line(this.#words.say("connected", { ms: this.#rttMs ?? 0 }), "good");
      case "Disconnected": {
        const seconds = this.#words.decimal(Math.max(0, state.retryAt - now) / 1000);
        const attempt = this.#attempt(state.attempt);
        return line(this.#words.say("reconnecting", { seconds, attempt }), "bad");
      }
      case "Reconnecting": {
        const attempt = this.#attempt(state.attempt);
        return line(this.#words.say("reconnecting-now", { attempt }), "waiting");
      }
      case "Closed":
        return line(this.#words.say("closed"), "bad");
    }
  }

  #attempt(attempt: number): string {
    return this.#maxAttempts === undefined
      ? this.#words.say("attempt", { attempt })
      : this.#words.say("attempt-of", { attempt, most: this.#maxAttempts });
  }
}
