/**
 * What was given to the client and is not answered yet.
 *
 * A command stays here from the moment it is given until the server has answered it, across any
 * number of connections: when a connection is lost, whatever was under way waits again, in its old
 * order.
 *
 * @module
 */

import { OutboxFull } from "../errors.js";
import type {
  GetHistory,
  Hello,
  Leave,
  Members,
  Rooms,
  SendMessage,
  SendPrivate,
  Trace,
} from "../generated/frames.js";
import { assert } from "./assert.js";
import { earliest, NOW } from "./earliest.js";

/** A command that becomes an entry. */
export type Saying = SendMessage | SendPrivate;

/** A command that does no harm if it is sent twice. */
export type Question = GetHistory | Hello | Leave | Members | Rooms | Trace;

/**
 * A sequence of commands that keep their order: all for one `room`, private messages `to` one
 * person, or questions (`ask`).
 */
export type Lane = `room:${string}` | `to:${string}` | `ask:${string}`;

/** A command that waits for its answer. */
export interface Item {
  readonly number: number;
  readonly id: string;
  readonly lane: Lane;
  readonly command: Saying | Question;
  /** The machine asks for itself: its application is not to be told. */
  readonly own: boolean;
  /** It has been sent once. */
  isTried: boolean;
  /**
   * When that was, in milliseconds since 1970 by the server's clock; undefined before, and of what
   * is sent before the server has said welcome.
   */
  firstTried: number | undefined;
  /** It was under way on a connection that was lost: the server may have taken it. */
  inDoubt: boolean;
}

/** Tells whether a command becomes an entry. */
export function isSaying(command: Saying | Question): command is Saying {
  return command.type === "message" || command.type === "private";
}

/** The commands that wait, bounded. `now` is in milliseconds, monotonic. */
export class Outbox {
  readonly #limit: number;
  #number = 0;
  // Lanes with something to send, the one that was served last at the end.
  readonly #lanes = new Map<Lane, Item[]>();
  readonly #heldUntil = new Map<Lane, number>();
  readonly #underWay = new Map<string, Item>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** How many commands wait. */
  get size(): number {
    let size = this.#underWay.size;
    for (const queue of this.#lanes.values()) size += queue.length;
    return size;
  }

  /** All that waits, in the order in which it was given. */
  items(): Item[] {
    const items = [...this.#underWay.values(), ...[...this.#lanes.values()].flat()];
    return items.sort((one, other) => one.number - other.number);
  }

  /**
   * Keeps a command; one of the machine's `own` even beyond the limit.
   *
   * @throws OutboxFull - The limit is reached, and nothing was kept.
   */
  add(id: string, lane: Lane, command: Saying | Question, own = false): void {
    if (!own && this.size >= this.#limit) throw new OutboxFull(this.#limit);
    this.#number += 1;
    const item = {
      number: this.#number,
      id,
      lane,
      command,
      own,
      isTried: false,
      firstTried: undefined,
      inDoubt: false,
    };
    this.#putBack(item);
  }

  /** The command with this id, if it waits here. */
  find(id: string): Item | undefined {
    return (
      this.#underWay.get(id) ?? [...this.#lanes.values()].flat().find((item) => item.id === id)
    );
  }

  /** The lane that is next to send something, of those that may. */
  ready(maySend: (lane: Lane) => boolean, now: number): Lane | undefined {
    for (const lane of this.#lanes.keys()) {
      if ((this.#heldUntil.get(lane) ?? now) <= now && maySend(lane)) return lane;
    }
    return undefined;
  }

  /** The next command of a ready lane; it is under way from now on. */
  take(lane: Lane): Item {
    const queue = this.#lanes.get(lane) ?? [];
    const item = queue.shift();
    assert(item !== undefined, "a lane without commands is not kept");
    this.#lanes.delete(lane);
    this.#heldUntil.delete(lane);
    if (queue.length > 0) this.#lanes.set(lane, queue);
    this.#underWay.set(item.id, item);
    item.isTried = true;
    return item;
  }

  /** Ends the wait of a command that is under way; undefined if there is none with this id. */
  answered(id: string | undefined): Item | undefined {
    if (id === undefined) return undefined;
    const item = this.#underWay.get(id);
    this.#underWay.delete(id);
    return item;
  }

  /** Puts a command whose wait had ended back into its place; its lane rests a while. */
  again(item: Item, notBefore: number): void {
    this.#putBack(item);
    this.#heldUntil.set(item.lane, Math.max(notBefore, this.#heldUntil.get(item.lane) ?? NOW));
  }

  /**
   * Forgets a command; answers it. One that the server may have taken is kept, unless it is a
   * question.
   */
  withdraw(id: string): Item | undefined {
    const item = this.find(id);
    if (item === undefined) return undefined;
    if (isSaying(item.command) && (item.inDoubt || this.#underWay.has(id))) return undefined;
    if (!this.#underWay.delete(id)) {
      const others = (this.#lanes.get(item.lane) ?? []).filter((other) => other !== item);
      if (others.length > 0) {
        this.#lanes.set(item.lane, others);
      } else {
        this.#lanes.delete(item.lane);
        this.#heldUntil.delete(item.lane);
      }
    }
    return item;
  }

  /** The connection is lost: whatever was under way waits again, in its old place. */
  cut(): void {
    for (const item of this.#underWay.values()) {
      item.inDoubt = true;
      this.#putBack(item);
    }
    this.#underWay.clear();
    this.#heldUntil.clear();
  }

  /** Forgets all, and answers it in the order in which it was given. */
  clear(): Item[] {
    const items = this.items();
    this.#lanes.clear();
    this.#underWay.clear();
    this.#heldUntil.clear();
    return items;
  }

  /** When the first lane of those that may has something to send; undefined where none has. */
  deadline(maySend: (lane: Lane) => boolean): number | undefined {
    return earliest(
      [...this.#lanes.keys()].filter(maySend).map((lane) => this.#heldUntil.get(lane) ?? NOW),
    );
  }

  #putBack(item: Item): void {
    const queue = this.#lanes.get(item.lane) ?? [];
    const place = queue.findIndex((other) => other.number > item.number);
    queue.splice(place < 0 ? queue.length : place, 0, item);
    this.#lanes.set(item.lane, queue);
  }
}
