/**
 * What one says, from when it is stored until it is durable elsewhere or will never be.
 *
 * @module
 */

import { ClientError } from "./errors.js";
import { newId } from "./ids.js";
import { foldName } from "./keys.js";
import type { Machine } from "./machine/core.js";
import type { Receipt, SendFailed } from "./machine/events.js";
import type { Delivery, Sending } from "./sending.js";
import type { Shell } from "./shell.js";
import type { Kept, Saying, StoredOutbox } from "./storage/storage.js";

/** What is told of it besides what the machine tells. */
type Tell = (event: Sending | SendFailed) => void;

/** All that one client has said and taken over, and knows no end of. */
export class Said {
  readonly #machine: Machine;
  readonly #shell: Shell;
  readonly #outbox: StoredOutbox | undefined;
  readonly #tell: Tell;
  /** Fulfilled when the machine has everything said so far: what is said next comes after it. */
  #handedOver: Promise<void> = Promise.resolve();
  /** Rooms that were joined, by their folded names. */
  readonly #joined = new Set<string>();
  /** What was taken over and is for rooms that were not joined yet. */
  #adopted: Kept[] = [];

  constructor(machine: Machine, shell: Shell, outbox: StoredOutbox | undefined, tell: Tell) {
    this.#machine = machine;
    this.#shell = shell;
    this.#outbox = outbox;
    this.#tell = tell;
  }

  /** Takes over what clients that are gone have left, from now on. */
  begin(): void {
    this.#outbox?.adopt((left) => this.#adopt(left));
  }

  /** Says something; `at`, milliseconds since 1970, is the server's time. */
  say(saying: Saying, at: number): Delivery {
    const id = newId();
    const kept: Kept = { id, at, command: { ...saying, id } };
    const handedOver = this.#handOver(kept, this.#store(kept), this.#handedOver);
    this.#handedOver = handedOver.then(
      () => undefined,
      () => undefined,
    );
    const receipt = handedOver.then(({ answer }) => answer);
    receipt.catch(() => undefined); // who does not wait for it is told by SendFailed
    return Object.assign(receipt, { id });
  }

  /** Takes it back; answers whether it surely has no effect. */
  withdraw(id: string): boolean {
    const adopted = this.#adopted.length;
    this.#adopted = this.#adopted.filter((kept) => kept.id !== id);
    const withdrawn = this.#machine.withdraw(id);
    if (withdrawn || this.#adopted.length < adopted) {
      this.#shell.forget(id);
      this.forget(id);
    }
    return withdrawn;
  }

  /** Waits until the machine has everything said so far. */
  handedOver(): Promise<void> {
    return this.#handedOver;
  }

  /** It needs to be stored no longer. */
  forget(id: string): void {
    this.#outbox?.remove(id).catch(() => undefined); // sent again, it is known by its id
  }

  /** A room is joined: what was taken over for it goes out. */
  entered(room: string): void {
    const folded = foldName(room);
    this.#joined.add(folded);
    const isFor = ({ command }: Kept) =>
      command.type === "message" && foldName(command.room) === folded;
    const [here, elsewhere] = [this.#adopted.filter(isFor), this.#adopted.filter((k) => !isFor(k))];
    this.#adopted = elsewhere;
    for (const kept of here) {
      this.#sendAgain(kept);
    }
  }

  /** A room is left. */
  left(room: string): void {
    this.#joined.delete(foldName(room));
  }

  /** Lets go of what is stored: others may take it over. */
  async close(): Promise<void> {
    await this.#outbox?.close();
  }

  /** Stores a command; answers whether that could be done. */
  async #store(kept: Kept): Promise<boolean> {
    try {
      await this.#outbox?.add(kept);
      return this.#outbox !== undefined;
    } catch {
      return false; // no space, say: it is sent all the same
    }
  }

  /** Gives a command to the machine when it is stored, and after what was said before it. */
  async #handOver(
    { id, at, command }: Kept,
    storing: Promise<boolean>,
    before: Promise<void>,
  ): Promise<{ readonly answer: Promise<Receipt> }> {
    await before;
    const kept = await storing;
    try {
      const answer = this.#shell.call<Receipt>(command, () =>
        this.#tell({ event: "Sending", id, command, at, kept, adopted: false }),
      );
      return { answer };
    } catch (error) {
      this.forget(id);
      throw error;
    }
  }

  /** Takes over what clients that are gone have said; what is for a room waits until it is joined. */
  #adopt(left: readonly Kept[]): void {
    for (const kept of left) {
      const { id, at, command } = kept;
      this.#tell({ event: "Sending", id, command, at, kept: true, adopted: true });
      if (command.type === "message" && !this.#joined.has(foldName(command.room))) {
        this.#adopted.push(kept);
      } else {
        this.#sendAgain(kept);
      }
    }
  }

  #sendAgain({ id, at, command }: Kept): void {
    try {
      this.#shell.step((now) => this.#machine.send({ ...command, id, at }, now));
    } catch (error) {
      if (!(error instanceof ClientError)) {
        throw error;
      }
      // Too much waits already, or the client has ended: it stays stored, for the next one.
      this.#tell({ event: "SendFailed", id, command, error });
    }
  }
}
