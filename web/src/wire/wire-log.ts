/**
 * What this page and the server have exchanged, the newest of it.
 *
 * @module
 */

import type { State, WireEvent } from "@causerie/client";
import { bytesOf, inline, typeOf } from "./describe.js";
import { isControl, nameOf, readTrace, type TracedFrame } from "./trace.js";

/** How much is kept: older records are forgotten. */
interface Bounds {
  readonly records: number;
  /** Characters in all of them together. */
  readonly characters: number;
}

/** What is kept while somebody looks. */
const WATCHED: Bounds = { records: 1_000, characters: 4 * 1024 * 1024 };
/** What is kept for somebody who may look later: the handshake and the last frames. */
const UNWATCHED: Bounds = { records: 60, characters: 256 * 1024 };
/** Changes of state that are kept. */
const MOST_TRANSITIONS = 30;

/** Where a browser's WebSocket is in its life: its `readyState` by name. */
export const SOCKET_STATES = ["CONNECTING", "OPEN", "CLOSING", "CLOSED"] as const;

/** One of them. */
export type SocketState = (typeof SOCKET_STATES)[number];

/** A change of state: of the client, or of the WebSocket below it. */
export interface Transition {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly to: SocketState | State["state"];
  /** Why, where there is something to say: a close code and its reason. */
  readonly why: string;
}

/** What happened: something that the page saw itself, or a frame that the server told of. */
export type Happening =
  | WireEvent
  | { readonly wire: "control"; readonly at: number; readonly frame: TracedFrame };

/** What is said of a frame in one line. */
export interface Summary {
  readonly type: string;
  /** The frame without secrets. */
  readonly line: string;
  readonly bytes: number;
}

/** Something that happened on the wire. */
export class WireRecord {
  /** In the order in which it was noted. */
  readonly number: number;
  readonly event: Happening;
  /** The mask with which the browser sent it, if the server told. */
  mask = "";
  #summary: Summary | undefined;

  constructor(number: number, event: Happening) {
    this.number = number;
    this.event = event;
  }

  /** The direction of a frame, seen from the page; undefined for what is no frame. */
  get direction(): "sent" | "received" | undefined {
    switch (this.event.wire) {
      case "sent":
      case "received":
        return this.event.wire;
      case "control":
        return this.event.frame.direction === "in" ? "sent" : "received";
      default:
        return undefined;
    }
  }

  /** What it says; worked out when it is first asked for. */
  get summary(): Summary {
    this.#summary ??= summaryOf(this.event);
    return this.#summary;
  }

  /** Characters that it keeps alive. */
  get characters(): number {
    return "text" in this.event ? this.event.text.length : 0;
  }
}

/**
 * The log of one page's wire. Tells `change` whenever something was added.
 *
 * Nothing is parsed until somebody reads it, and only little is kept while nobody watches.
 */
export class WireLog extends EventTarget {
  /** The state of the WebSocket; undefined before there is one. */
  socket: SocketState | undefined;
  readonly #records: WireRecord[] = [];
  readonly #transitions: Transition[] = [];
  #client: State["state"] | undefined;
  #characters = 0;
  #number = 0;
  #watchers = 0;

  /** What is kept, from old to new. */
  get records(): readonly WireRecord[] {
    return this.#records;
  }

  /** The last changes of state, from old to new. */
  get transitions(): readonly Transition[] {
    return this.#transitions;
  }

  /** Keeps much from now on, until the answer is called. */
  watch(): () => void {
    this.#watchers += 1;
    let isWatching = true;
    return () => {
      if (isWatching) {
        isWatching = false;
        this.#watchers -= 1;
        this.#forget();
      }
    };
  }

  /** Notes what the page saw, and what a frame of the server tells of others. */
  add(event: WireEvent): void {
    const told = event.wire === "received" ? readTrace(event.text) : undefined;
    this.#move(event);
    this.#keep(event);
    this.#note(told ?? []);
    this.#changed();
  }

  /** Notes frames that the server has seen: masks of those that were sent, and control frames. */
  traced(frames: readonly TracedFrame[]): void {
    this.#note(frames);
    this.#changed();
  }

  /** Notes the state that the client is in. */
  moved({ state }: State, at: number): void {
    if (state !== this.#client) {
      this.#client = state;
      this.#transition({ at, to: state, why: "" });
      this.#changed();
    }
  }

  /** Forgets all frames; where the connection stands is still known. */
  clear(): void {
    this.#records.length = 0;
    this.#characters = 0;
    this.#changed();
  }

  #keep(event: Happening): void {
    this.#number += 1;
    const record = new WireRecord(this.#number, event);
    this.#records.push(record);
    this.#characters += record.characters;
    this.#forget();
  }

  #forget(): void {
    const { records, characters } = this.#watchers > 0 ? WATCHED : UNWATCHED;
    let excess = 0;
    for (const record of this.#records.slice(0, -1)) {
      // the newest stays, however long it is
      if (this.#records.length - excess <= records && this.#characters <= characters) {
        break;
      }
      this.#characters -= record.characters;
      excess += 1;
    }
    this.#records.splice(0, excess);
  }

  #note(frames: readonly TracedFrame[]): void {
    for (const frame of frames) {
      if (isControl(frame)) {
        this.#keep({ wire: "control", at: frame.at, frame });
      } else if (frame.direction === "in" && frame.mask !== "") {
        this.#unmask(frame);
      }
    }
  }

  /**
   * Gives a mask to the frame that it was sent with: TCP keeps the order, so it is the first one of
   * that length after the last whose mask is known, and after the server was asked for them.
   */
  #unmask(frame: TracedFrame): void {
    const last = this.#records.findLastIndex(
      ({ event, mask }) => mask !== "" || (event.wire === "sent" && typeOf(event.text) === "trace"),
    );
    for (const record of this.#records.slice(last + 1)) {
      if (record.event.wire === "sent" && record.summary.bytes === frame.length) {
        record.mask = frame.mask;
        return;
      }
    }
  }

  #move(event: WireEvent): void {
    const to = socketAfter(event);
    if (to !== undefined && to !== this.socket) {
      this.socket = to;
      const why = event.wire === "closed" ? `${event.code} ${event.reason}`.trim() : "";
      this.#transition({ at: event.at, to, why });
    }
  }

  #transition(transition: Transition): void {
    this.#transitions.push(transition);
    if (this.#transitions.length > MOST_TRANSITIONS) {
      this.#transitions.shift();
    }
  }

  #changed(): void {
    this.dispatchEvent(new Event("change"));
  }
}

/** The state that a WebSocket is in after something has happened to it. */
function socketAfter(event: WireEvent): SocketState | undefined {
  switch (event.wire) {
    case "opening":
      return "CONNECTING";
    case "opened":
      return "OPEN";
    case "dropped":
      return "CLOSING"; // and the client listens to it no more
    case "closed":
      return "CLOSED";
    default:
      return undefined;
  }
}

function summaryOf(event: Happening): Summary {
  if ("text" in event) {
    return { type: typeOf(event.text), line: inline(event.text), bytes: bytesOf(event.text) };
  }
  if (event.wire === "control") {
    const { opcode, length, mask } = event.frame;
    return { type: nameOf(opcode), line: mask === "" ? "" : `mask ${mask}`, bytes: length };
  }
  return { type: "", line: "", bytes: 0 };
}
