/**
 * The errors of the client.
 *
 * ```
 * ClientError
 * ├── InvalidAddress        what was given as the address of a server is none
 * ├── NoWebSocket           this runtime has no WebSocket, and the package that brings one is missing
 * ├── KeyDamaged            what keeps a key holds none
 * ├── OutboxFull            more waits for the server than the outbox may hold
 * ├── InDoubt               nobody knows whether the server took what one said
 * ├── CommandRefused        the server answered a command with an error
 * │   ├── InvalidCommand    the command itself is at fault, and will be whenever it is sent
 * │   ├── NameRefused       the name is taken, or there were too many new ones
 * │   ├── NotAllowed        one may not do this, or not without a token
 * │   ├── NotJoined         the command is for those who are in the room
 * │   ├── TooManyRooms      leave one first
 * │   ├── RecipientUnknown  there is nobody who could read the private message
 * │   ├── IdReused          the id was used before, for another message
 * │   └── TryAgain          the server could not do it now
 * └── Ended                 the client has ended: nothing can be sent any more
 *     ├── EndedByServer     the server closed the connection with a code that means: for good
 *     ├── GaveUp            as many attempts in a row failed as were allowed
 *     └── HelloRefused      the server does not take the name, key or token
 * ```
 *
 * A command that was refused may be given again, changed; after `Ended` only a new client helps.
 *
 * @module
 */

import { ErrorCode } from "./generated/codes.js";

/** The base of all errors of the client. */
export class ClientError extends Error {
  override name = "ClientError";
}

/** What was given as the address of a server is none; the message says what a right one is like. */
export class InvalidAddress extends ClientError {
  override name = "InvalidAddress";
}

/** This runtime has no WebSocket, and the package that brings one is missing. */
export class NoWebSocket extends ClientError {
  override name = "NoWebSocket";
}

/** What keeps a key holds none: it was written by something else, or damaged. */
export class KeyDamaged extends ClientError {
  override name = "KeyDamaged";
}

/** More waits for the server than the outbox may hold: nothing of the new command was kept. */
export class OutboxFull extends ClientError {
  override name = "OutboxFull";

  constructor(readonly limit: number) {
    super(`${limit} commands wait for the server already`);
  }
}

/**
 * Nobody knows whether the server took what one said.
 *
 * It had been sent when a connection was lost, and then could not be sent again: `why` says what
 * was in the way. To say the same again may be to say it twice.
 */
export class InDoubt extends ClientError {
  override name = "InDoubt";

  constructor(readonly why: ClientError) {
    super(`it may have been sent before this went wrong: ${why.message}`, { cause: why });
  }
}

/** What else the server says when it refuses a command. */
export interface RefusalDetails {
  /** The field at fault. */
  readonly field?: string | undefined;
  /** Milliseconds to wait before the same command may do better. */
  readonly retryAfter?: number | undefined;
}

/** The server answered a command with an error. */
export class CommandRefused extends ClientError {
  override name = "CommandRefused";
  /** The field at fault, where the server said. */
  readonly field: string | undefined;
  /** Milliseconds until the same command may do better, where the server said. */
  readonly retryAfter: number | undefined;

  /**
   * @param code - One of {@link ErrorCode}, or a newer server's.
   * @param message - The server's sentence, in the language of hello.
   */
  constructor(
    readonly code: string,
    message: string,
    details: RefusalDetails = {},
  ) {
    super(message);
    this.field = details.field;
    this.retryAfter = details.retryAfter;
  }
}

/** The command itself is at fault, and will be whenever it is sent. */
export class InvalidCommand extends CommandRefused {
  override name = "InvalidCommand";
}

/** The name is taken, or too many new ones were. */
export class NameRefused extends CommandRefused {
  override name = "NameRefused";
}

/** One may not do this, or not without a token. */
export class NotAllowed extends CommandRefused {
  override name = "NotAllowed";
}

/** The command is for those who are in the room. */
export class NotJoined extends CommandRefused {
  override name = "NotJoined";
}

/** The connection is in as many rooms as it may be. */
export class TooManyRooms extends CommandRefused {
  override name = "TooManyRooms";
}

/** There is nobody who could read the private message. */
export class RecipientUnknown extends CommandRefused {
  override name = "RecipientUnknown";
}

/** The id was used before, for another message. */
export class IdReused extends CommandRefused {
  override name = "IdReused";
}

/** The server could not do it now. */
export class TryAgain extends CommandRefused {
  override name = "TryAgain";
}

/** The client has ended: nothing can be sent any more, and what waited never will be. */
export class Ended extends ClientError {
  override name = "Ended";
}

/** The server closed the connection with a code that means: for good. */
export class EndedByServer extends Ended {
  override name = "EndedByServer";

  constructor(
    readonly code: number,
    readonly reason: string,
  ) {
    super(`the connection has ended for good (${code}): ${reason || "no reason was given"}`);
  }
}

/** As many attempts in a row failed as were allowed; `reason` is what befell the last. */
export class GaveUp extends Ended {
  override name = "GaveUp";

  constructor(
    readonly attempts: number,
    readonly reason: string,
  ) {
    super(`gave up after ${attempts === 1 ? "1 attempt" : `${attempts} attempts`}: ${reason}`);
  }
}

/** The server does not take the name, key or token; `refusal` says why, and in which field. */
export class HelloRefused extends Ended {
  override name = "HelloRefused";

  constructor(readonly refusal: CommandRefused) {
    super(refusal.message, { cause: refusal });
  }
}

type Kind = new (code: string, message: string, details?: RefusalDetails) => CommandRefused;

const KINDS: Readonly<Record<ErrorCode, Kind>> = {
  [ErrorCode.BAD_JSON]: InvalidCommand,
  [ErrorCode.UNKNOWN_TYPE]: InvalidCommand,
  [ErrorCode.INVALID]: InvalidCommand,
  [ErrorCode.NAME_INVALID]: InvalidCommand,
  [ErrorCode.HELLO_REQUIRED]: NotAllowed,
  [ErrorCode.ALREADY_IDENTIFIED]: NotAllowed,
  [ErrorCode.AUTH_REQUIRED]: NotAllowed,
  [ErrorCode.FORBIDDEN]: NotAllowed,
  [ErrorCode.NAME_TAKEN]: NameRefused,
  [ErrorCode.NAME_LIMIT]: NameRefused,
  [ErrorCode.NOT_JOINED]: NotJoined,
  [ErrorCode.TOO_MANY_ROOMS]: TooManyRooms,
  [ErrorCode.RECIPIENT_UNKNOWN]: RecipientUnknown,
  [ErrorCode.RECIPIENT_SELF]: RecipientUnknown,
  [ErrorCode.ID_REUSED]: IdReused,
  [ErrorCode.RATE_LIMITED]: TryAgain,
  [ErrorCode.UNAVAILABLE]: TryAgain,
};

/** Makes the error that fits a code; a newer server's code makes a plain `CommandRefused`. */
export function refusal(
  code: string,
  message: string,
  details: RefusalDetails = {},
): CommandRefused {
  const Kind = Object.hasOwn(KINDS, code) ? KINDS[code as ErrorCode] : CommandRefused;
  return new Kind(code, message, details);
}
