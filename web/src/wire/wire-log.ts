/**
 * What this page and the server have exchanged, the newest of it.
 *
 * @module
 */

import {
  readTraced,
  type State,
  type Traced,
  type TracedFrame,
  type WireEvent,
} from "@causerie/client";
import { bytesOf, inline, typeOf } from "./describe.js";
import { carried, isControl, nameOf, wireSize } from "./trace.js";

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

/**
 * What happened: something that the page saw itself, or a frame that the server told of (`at` is on
 * the server's clock then), or so many that it could not tell of.
 */
export type Happening =
  | WireEvent
  | { readonly wire: "control"; readonly at: number; readonly frame: TracedFrame }
  | { readonly wire: "missed"; readonly at: number; readonly count: number };

/** What is said of a frame in one line. */
export interface Summary {
  readonly type: string;
  /** The frame without secrets. */
  readonly line: string;
  /** On the wire. */
  readonly bytes: number;
  /** It may have been compressed, and so less: nobody has told. */
  readonly isAtMost: boolean;
}

/** Something that happened on the wire. */
export class WireRecord {
  /** In the order in which it was noted. */
  readonly number: number;
  readonly event: Happening;
  /** Of what was sent: which message of its connection it is, counted from 1. */
  readonly message: number;
  /** On its connection messages may be compressed. */
  readonly mayBeCompressed: boolean;
  #frames: readonly TracedFrame[] = [];
  #summary: Summary | undefined;

  constructor(number: number, event: Happening, message = 0, mayBeCompressed = false) {
    this.number = number;
    this.event = event;
    this.message = message;
    this.mayBeCompressed = mayBeCompressed;
    if (event.wire === "control") {
      this.#frames = [event.frame];
    }
  }

  /** What the server has told of the frames that it went out in: more than one are fragments. */
  get frames(): readonly TracedFrame[] {
    return this.#frames;
  }

  /**
   * The key that the first bytes of the text were masked with; empty, where that is not known, and
   * where it was others that were masked, because the text had been compressed.
   */
  get mask(): string {
    const first = this.#frames[0];
    return first?.rsv1 ? "" : (first?.maskingKey ?? "");
  }

  /** The server has told of one more frame of it. */
  add(frame: TracedFrame): void {
    this.#frames = [...this.#frames, frame];
    this.#summary = undefined;
  }

  /** The direction of a frame, seen from the page; undefined for what is no frame. */
  get direction(): "sent" | "received" | undefined {
    switch (this.event.wire) {
      case "sent":
      case "received":
        return this.event.wire;
      case "control":
        return this.event.frame.sender === "client" ? "sent" : "received";
      default:
        return undefined;
    }
  }

  /** What it says; worked out when it is first asked for. */
  get summary(): Summary {
    this.#summary ??= summaryOf(this);
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
  /** How many messages were sent on the present connection. */
  #messages = 0;
  /** Whether messages of the present connection may be compressed. */
  #compresses = false;
  /** The first record of the present connection, by its number. */
  #connection = 0;
  /** The last message that the server has surely read: it told of it, or was asked to tell by it. */
  #read = 0;

  /** The newest message whose masking key the server has told. */
  get lastMasked(): WireRecord | undefined {
    return this.#records.findLast(({ event, mask }) => event.wire === "sent" && mask !== "");
  }

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

  /** Notes what the page saw; or what the server tells that it saw, in the place of the telling. */
  add(event: WireEvent): void {
    const traced = event.wire === "received" ? readTraced(event.text) : undefined;
    if (traced === undefined) {
      this.#move(event);
      this.#count(event);
      this.#keep(event, this.#records.length, event.wire === "sent" ? this.#messages : 0);
    } else {
      this.#note(traced, event.at);
    }
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

  /** Counts as the server does. */
  #count(event: WireEvent): void {
    if (event.wire === "opening") {
      this.#messages = this.#read = 0;
      this.#connection = this.#number + 1;
      this.#compresses = false;
    } else if (event.wire === "opened") {
      this.#compresses = event.extensions.includes("permessage-deflate");
    } else if (event.wire === "sent") {
      this.#messages += 1;
      if (event.text.includes('"trace"') && typeOf(event.text) === "trace") {
        this.#read = this.#messages;
      }
    }
  }

  #keep(event: Happening, place = this.#records.length, message = 0): void {
    this.#number += 1;
    const record = new WireRecord(this.#number, event, message, this.#compresses);
    this.#records.splice(place, 0, record);
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

  #note({ frames, missed = 0 }: Traced, at: number): void {
    for (const frame of frames) {
      if (isControl(frame)) {
        this.#keep({ wire: "control", at: frame.time, frame }, this.#placeOf(frame));
      } else if (frame.message !== undefined) {
        this.#sent(frame.message)?.add(frame);
        this.#read = frame.message;
      }
    }
    if (missed > 0) {
      this.#keep({ wire: "missed", at, count: missed });
    }
  }

  /** A message that was sent on the present connection, if it is kept. */
  #sent(message: number): WireRecord | undefined {
    return this.#records.findLast(
      (record) => record.message === message && record.number >= this.#connection,
    );
  }

  /**
   * Where a control frame belongs. The server's has come just now. The page's was read after what
   * the server has read by now, and so, since TCP keeps the order, sent before all that it has not;
   * but not before the ping that it may answer.
   */
  #placeOf({ sender }: TracedFrame): number {
    const end = this.#records.length;
    if (sender === "server" || this.#read === 0) {
      return end;
    }
    const next = this.#records.findIndex(
      ({ message, number }) => message > this.#read && number >= this.#connection,
    );
    const ping = this.#records.findLastIndex(
      ({ event }) => event.wire === "control" && event.frame.sender === "server",
    );
    return next < 0 ? end : Math.max(next, ping + 1);
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

function summaryOf({ event, frames, mayBeCompressed }: WireRecord): Summary {
  if ("text" in event) {
    const isTold = frames.length > 0;
    const bytes = isTold
      ? frames.reduce((sum, frame) => sum + frame.size, 0)
      : wireSize(bytesOf(event.text), event.wire === "sent");
    const isAtMost = mayBeCompressed && !isTold;
    return { type: typeOf(event.text), line: inline(event.text), bytes, isAtMost };
  }
  if (event.wire === "control") {
    const { frame } = event;
    const line = carried(frame);
    return { type: nameOf(frame.opcode), line, bytes: frame.size, isAtMost: false };
  }
  return { type: "", line: "", bytes: 0, isAtMost: false };
}
