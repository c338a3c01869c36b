/**
 * What a client tells besides what its machine does.
 *
 * @module
 */

import type { Event, Receipt } from "./machine/events.js";
import type { Saying } from "./storage/storage.js";

/**
 * Something that one said is on its way: it may be shown as sending. One `Acked` or `SendFailed`
 * with the same id follows, from this client or, if it is gone before, from one that takes over.
 */
export interface Sending {
  readonly event: "Sending";
  readonly id: string;
  readonly command: Saying;
  /** Milliseconds since 1970: when it was first said. */
  readonly at: number;
  /** It is stored, as far as this client's storage can: what is lost now is sent all the same. */
  readonly kept: boolean;
  /** It was said in a client that is gone, and this one has taken it over. */
  readonly adopted: boolean;
}

/** What a client tells. */
export type ClientEvent = Event | Sending;

/** What an event is called: its `event`, or of those that are the wire's own the `type`. */
export type EventName = NameOf<ClientEvent>;

/** The event of a name. */
export type EventNamed<Name extends EventName> = Extract<
  ClientEvent,
  { readonly event: Name } | { readonly type: Name }
>;

type NameOf<E> = E extends { readonly event: infer Name }
  ? Name
  : E extends { readonly type: infer Name }
    ? Name
    : never;

/** What an event is called. */
export function nameOf(event: ClientEvent): EventName {
  return "event" in event ? event.event : event.type;
}

/** Something said that is on its way to the server: the promise of its receipt. */
export interface Delivery extends Promise<Receipt> {
  /** The id under which it is said, the same in `Sending`, `Acked` and `SendFailed`. */
  readonly id: string;
}
