/** What a machine has to say to the world around it, in order. @module */

import type { Command } from "../generated/frames.js";
import type { Event } from "./events.js";

/** The events and frames that have not been fetched yet. */
export class Output {
  #events: Event[] = [];
  #frames: string[] = [];

  /** Adds an event for the application. */
  tell(event: Event): void {
    this.#events.push(event);
  }

  /** Adds a command for the server. */
  write(command: Command): void {
    this.writeEncoded(JSON.stringify(command));
  }

  /** Adds a command for the server that is encoded already. */
  writeEncoded(frame: string): void {
    this.#frames.push(frame);
  }

  /** Drops what was to go to a connection that is no more. */
  cut(): void {
    this.#frames = [];
  }

  /** The events since the last call. */
  takeEvents(): Event[] {
    const events = this.#events;
    this.#events = [];
    return events;
  }

  /** The frames since the last call, as JSON. */
  takeFrames(): string[] {
    const frames = this.#frames;
    this.#frames = [];
    return frames;
  }
}
