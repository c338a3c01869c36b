/**
 * What is asked of the server: sent when it may be, and answered once.
 *
 * The outbox keeps the commands and their order. Here they are encoded and sent at the rate that
 * the server allows, each answer is matched with its command by the id, and whoever gave the
 * command is told: a message or private message ends in one `Acked` or `SendFailed`, a question in
 * one `Answered` or `Failed`. What the machine asks for itself is sent in the same way, and told to
 * nobody.
 *
 * @module
 */

import {
  type ClientError,
  type CommandRefused,
  type Ended,
  InDoubt,
  InvalidCommand,
} from "../errors.js";
import { ErrorCode } from "../generated/codes.js";
import type { Ack, Hello } from "../generated/frames.js";
import type { Answer } from "./events.js";
import { type Greeted, serverTime } from "./link.js";
import { type Item, isSaying, type Lane, Outbox, type Question, type Saying } from "./outbox.js";
import type { Output } from "./output.js";

/** The lane of those commands that ask for another name. */
export const RENAMES: Lane = "ask:name";

/**
 * The commands of one client that wait for their answers. `now` is in milliseconds, monotonic.
 *
 * `limit`: how many of the application's may wait.
 */
export class Requests {
  readonly #out: Output;
  readonly #outbox: Outbox;

  constructor(limit: number, out: Output) {
    this.#out = out;
    this.#outbox = new Outbox(limit);
  }

  /** How many commands wait. */
  get size(): number {
    return this.#outbox.size;
  }

  /**
   * Keeps a command until it is answered; `own`: the machine's, not the application's.
   *
   * @throws OutboxFull - Too much waits already; nothing was kept.
   */
  add(id: string, lane: Lane, command: Saying | Question, own = false): void {
    this.#outbox.add(id, lane, { ...command, id }, own);
  }

  /** Whether a command with this id is not answered yet. */
  isWaiting(id: string): boolean {
    return this.#outbox.find(id) !== undefined;
  }

  /**
   * Takes a command back, of which nobody is told any more; answers whether it surely has no
   * effect. A message that the server may have taken is not taken back.
   */
  withdraw(id: string): boolean {
    const item = this.#outbox.withdraw(id);
    return item !== undefined && !item.isTried;
  }

  /** Who comes back does not leave any more: a leave would go out after the join. */
  withdrawLeave(room: string): void {
    for (const { id, command } of this.#outbox.items()) {
      if (command.type === "leave" && command.room === room) this.#over(id, room);
    }
  }

  /** Sends what may be sent now, the lanes in turn. */
  send(link: Greeted, maySend: (lane: Lane) => boolean, now: number): void {
    for (;;) {
      const lane = this.#outbox.ready(maySend, now);
      if (lane === undefined || !link.pacer.take(now)) return;
      this.#sendItem(this.#outbox.take(lane), link, now);
    }
  }

  /**
   * The first of the renames that wait, if there is one: it is under way from now on. Those of more
   * bytes than the server takes fail.
   */
  takeRename(most: number, now: number): Hello | undefined {
    for (;;) {
      const lane = this.#outbox.ready((lane) => lane === RENAMES, now);
      if (lane === undefined) return undefined;
      const item = this.#outbox.take(lane);
      const { command } = item;
      const fits = this.#fits(item, JSON.stringify(command), most);
      if (fits && command.type === "hello") return command; // nothing else is in their lane
    }
  }

  /** When `send` has something to do, but for the rate. */
  deadline(maySend: (lane: Lane) => boolean): number | undefined {
    return this.#outbox.deadline(maySend);
  }

  /** What one said is durable. */
  acked(ack: Ack): void {
    const item = this.#outbox.answered(ack.id);
    if (item === undefined) return;
    const { room, seq, timestamp } = ack;
    this.#out.tell({ event: "Acked", receipt: { id: item.id, room, seq, timestamp } });
  }

  /**
   * The server has answered a question; answers the question, if anybody waited for it.
   */
  answered(id: string | undefined, reply: Answer): Item | undefined {
    const item = this.#outbox.answered(id);
    if (item !== undefined) this.#answered(item, reply);
    return item;
  }

  /**
   * The server has refused a command, which is sent again at a time, or fails; answers whether it
   * was one of these.
   *
   * A rename fails in any case: people can choose another name meanwhile. Who leaves a room and is
   * not in it has left it.
   */
  refused(id: string, refused: CommandRefused, againAt: number | undefined): boolean {
    const item = this.#outbox.answered(id);
    if (item === undefined) return false;
    const { command } = item;
    if (command.type === "leave" && refused.code === ErrorCode.NOT_JOINED) {
      this.#answered(item, { type: "left", room: command.room });
    } else if (againAt === undefined || command.type === "hello") this.#fail(item, refused);
    else this.#outbox.again(item, againAt);
    return true;
  }

  /**
   * The connection is lost: what was under way waits for the next one.
   *
   * A leave is over, since the server has taken one out of all rooms; and what the machine has
   * asked for itself it asks anew, if it still wants to know.
   */
  cut(): void {
    for (const { id, command, own } of this.#outbox.items()) {
      if (own) this.#outbox.withdraw(id);
      else if (command.type === "leave") this.#over(id, command.room);
    }
    this.#outbox.cut();
  }

  /** Nothing will be sent any more: what waits fails. */
  end(error: Ended): void {
    for (const item of this.#outbox.clear()) this.#fail(item, error);
  }

  /** A leave need not be sent, or answered, any more. */
  #over(id: string, room: string): void {
    const item = this.#outbox.withdraw(id);
    if (item !== undefined) this.#answered(item, { type: "left", room });
  }

  #sendItem(item: Item, link: Greeted, now: number): void {
    let { command } = item;
    if (item.firstTried === undefined) item.firstTried = serverTime(link, now);
    else if (isSaying(command)) command = { ...command, at: item.firstTried };
    const frame = JSON.stringify(command);
    if (this.#fits(item, frame, link.welcome.limits.frame)) this.#out.writeEncoded(frame);
  }

  /** Whether a command has no more bytes than the server takes; it fails if it has. */
  #fits(item: Item, frame: string, most: number): boolean {
    const size = new TextEncoder().encode(frame).length;
    if (size <= most) return true;
    // The server would close the connection, and after every reconnect again.
    this.#outbox.answered(item.id);
    this.#fail(item, new InvalidCommand(ErrorCode.INVALID, `${size} bytes, of at most ${most}`));
    return false;
  }

  #answered({ id, own }: Item, reply: Answer): void {
    if (!own) this.#out.tell({ event: "Answered", id, reply });
  }

  #fail({ id, command, own, inDoubt }: Item, error: ClientError): void {
    if (isSaying(command)) {
      const told = inDoubt ? new InDoubt(error) : error;
      this.#out.tell({ event: "SendFailed", id, command, error: told });
    } else if (!own) {
      this.#out.tell({ event: "Failed", id, error });
    }
  }
}
