/**
 * Those who are told what happens: readers, each with a queue of its own, and listeners.
 *
 * @module
 */

import { EventQueue, type SnapshotOf } from "./event-queue.js";
import { type ClientEvent, type EventName, nameOf } from "./sending.js";

/** What is told of an event. */
export type Listener<E> = (event: E) => void;

/** All who are told of a client's events. */
export class Audience {
  readonly #limit: number;
  readonly #snapshotOf: SnapshotOf;
  readonly #readers = new Set<EventQueue>();
  readonly #listeners = new Map<EventName | "*", Set<Listener<never>>>();
  /** What was told before anybody read or listened. */
  #backlog: EventQueue | undefined;
  #end: { readonly error: Error | undefined } | undefined;

  /** @param limit - Events that may wait for each reader. */
  constructor(limit: number, snapshotOf: SnapshotOf) {
    this.#limit = limit;
    this.#snapshotOf = snapshotOf;
    this.#backlog = this.#newQueue();
  }

  /** A reader of all that is told from now on; the first also reads what was told before. */
  read(): EventQueue {
    const backlog = this.#backlog;
    this.#backlog = undefined;
    const reader = this.#newQueue((queue) => this.#readers.delete(queue));
    for (const event of backlog?.drain() ?? []) {
      reader.put(event);
    }
    this.#readers.add(reader);
    if (this.#end !== undefined) {
      reader.end(this.#end.error);
    }
    return reader;
  }

  /** Calls a listener at every event of a name, or at every event; answers what ends this. */
  listen(name: EventName | "*", listener: Listener<never>): () => void {
    this.#backlog = undefined;
    const listeners = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, listeners.add(listener));
    return () => void listeners.delete(listener);
  }

  /** Tells all of an event. */
  tell(event: ClientEvent): void {
    this.#backlog?.put(event);
    for (const reader of this.#readers) {
      reader.put(event);
    }
    for (const name of [nameOf(event), "*"] as const) {
      for (const listener of this.#listeners.get(name) ?? []) {
        call(listener as Listener<ClientEvent>, event);
      }
    }
  }

  /** Nothing more is told. Readers end, with an error if there is one. */
  end(error: Error | undefined): void {
    this.#end = { error };
    for (const reader of this.#readers) {
      reader.end(error);
    }
  }

  #newQueue(left?: (queue: EventQueue) => void): EventQueue {
    const queue: EventQueue = new EventQueue(this.#limit, this.#snapshotOf, () => left?.(queue));
    return queue;
  }
}

/** Calls a listener; what it throws is its own, and told as an uncaught error. */
export function call<E>(listener: Listener<E>, event: E): void {
  try {
    listener(event);
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}
