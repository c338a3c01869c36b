/**
 * What a client tells its application.
 *
 * Entries come as the wire has them: `Message` and `Private`, each once, in the order of the room's
 * log; `Joined` and `Notice` too are the wire's own, and have a `type`. The others are here, and
 * have an `event`. Times in milliseconds are the server's, since 1970.
 *
 * @module
 */

import type { ClientError, CommandRefused } from "../errors.js";
import type {
  Joined,
  Left,
  MembersPage,
  Message,
  Notice,
  Private,
  RoomsPage,
  SendMessage,
  SendPrivate,
  Tracing,
  Welcome,
} from "../generated/frames.js";
import type { State } from "./states.js";

/** The client's state is another. */
export interface StateChanged {
  readonly event: "StateChanged";
  readonly state: State;
}

/** How long the server took to answer, in milliseconds. */
export interface LatencyMeasured {
  readonly event: "LatencyMeasured";
  readonly rttMs: number;
}

/** One's own name, as the server writes it, is another. */
export interface Renamed {
  readonly event: "Renamed";
  readonly username: string;
}

/**
 * An entry of a type that this client does not know: it has its place in the room, but cannot be
 * shown.
 */
export interface Unknown {
  readonly event: "Unknown";
  readonly room: string;
  readonly seq: number;
  readonly prev: number;
  readonly id: string;
  readonly username: string;
  readonly timestamp: number;
  /** The JSON text, for an application that knows more. */
  readonly frame: string;
}

/**
 * Entries between the last one shown in a room and the next are missing, and will not come by
 * themselves. `history` may have them.
 */
export interface Gap {
  readonly event: "Gap";
  readonly room: string;
  /** The seq of the last entry shown before. */
  readonly after: number;
  /** How many; null: unknown. */
  readonly missing: number | null;
}

/** The server lets one into a room no more. */
export interface RoomLost {
  readonly event: "RoomLost";
  readonly room: string;
  readonly error: CommandRefused;
}

/** Others have begun or stopped typing in a room; `usernames` are all who type now. */
export interface TypingChanged {
  readonly event: "TypingChanged";
  readonly room: string;
  readonly usernames: readonly string[];
}

/**
 * Others have come to a room or gone. In a large room only their number is known.
 *
 * `snapshot`: what was known before is void, and `joined` names (at most 200 of) those who are
 * there.
 */
export interface PresenceChanged {
  readonly event: "PresenceChanged";
  readonly room: string;
  readonly members: number;
  readonly joined: readonly string[];
  readonly left: readonly string[];
  readonly snapshot: boolean;
}

/** The proof that what one said is durable, and where in the log it is. */
export interface Receipt {
  readonly id: string;
  /** A private message: the conversation. */
  readonly room: string;
  readonly seq: number;
  readonly timestamp: number;
}

/** What one said is durable. Comes once for each, before or after the entry itself. */
export interface Acked {
  readonly event: "Acked";
  readonly receipt: Receipt;
}

/** What one said was not taken: surely, unless the error is `InDoubt`. */
export interface SendFailed {
  readonly event: "SendFailed";
  readonly id: string;
  readonly command: SendMessage | SendPrivate;
  readonly error: ClientError;
}

/** A page of a room's log, in the order of the log. */
export interface History {
  readonly type: "history";
  readonly room: string;
  readonly epoch: string;
  readonly entries: readonly Entry[];
  /** There are further entries in the direction asked for. */
  readonly more: boolean;
}

/** A command that says nothing was answered: join, leave, history, members, rooms, trace, hello. */
export interface Answered {
  readonly event: "Answered";
  readonly id: string;
  readonly reply: Answer;
}

/** A command that says nothing was refused, or can be answered no more. */
export interface Failed {
  readonly event: "Failed";
  readonly id: string;
  readonly error: ClientError;
}

/** The server complains of something that is no command's answer, or lets hello wait. */
export interface ServerError {
  readonly event: "ServerError";
  readonly error: CommandRefused;
}

/** What stands in a room's log. */
export type Entry = Message | Private | Unknown;

/** What answers a command that says nothing. */
export type Answer = Joined | Left | History | MembersPage | RoomsPage | Tracing | Welcome;

/** What an application is told. */
export type Event =
  | Message
  | Private
  | Unknown
  | Gap
  | StateChanged
  | LatencyMeasured
  | Renamed
  | Joined
  | RoomLost
  | TypingChanged
  | PresenceChanged
  | Notice
  | Acked
  | SendFailed
  | Answered
  | Failed
  | ServerError;
