/**
 * One machine and its link to a server, in a world where everything takes time and can be cut.
 *
 * What the machine sends waits on the way up, what the server sends on the way down, until it is
 * delivered; a cut loses the tail of both, as TCP does, and never anything in the middle.
 *
 * @module
 */

import { expect } from "vitest";
import {
  type Acked,
  type AppCommand,
  CloseCode,
  type Entry,
  type Event,
  type Gap,
  type Joined,
  type Machine,
  OutboxFull,
  type SendFailed,
} from "../../src/machine/index.js";
import type { ModelLink } from "./model-server.js";

/** A machine, its link, and what its application has been told. `now` is the machine's. */
export class Driver {
  now = 0;
  link: ModelLink | undefined;
  /** What was told of each room, in order. */
  readonly shown = new Map<string, (Entry | Gap | Joined)[]>();
  readonly sent = new Map<string, AppCommand>();
  readonly acked = new Map<string, Acked>();
  readonly failed = new Map<string, SendFailed>();
  readonly #openLink: () => ModelLink;
  #up: string[] = [];
  #down: string[] = [];

  constructor(
    readonly machine: Machine,
    openLink: () => ModelLink,
  ) {
    this.#openLink = openLink;
  }

  /**
   * The application gives a command; answers its id, or undefined when the outbox is full.
   */
  give(command: AppCommand): string | undefined {
    try {
      const id = this.machine.send(command, this.now);
      if (command.type === "message" || command.type === "private") this.sent.set(id, command);
      this.#react();
      return id;
    } catch (error) {
      if (error instanceof OutboxFull) return undefined;
      throw error;
    }
  }

  /** Time passes; the machine is called whenever it wishes, and never for ever. */
  advance(milliseconds: number): void {
    const until = this.now + milliseconds;
    for (;;) {
      const deadline = this.machine.deadline();
      if (deadline === undefined || deadline > until) break;
      this.now = Math.max(this.now, deadline);
      this.machine.tick(this.now);
      this.#react();
      const later = this.machine.deadline() ?? Number.POSITIVE_INFINITY;
      expect(later, "the machine would be called for ever").toBeGreaterThan(this.now);
    }
    this.now = until;
  }

  /** The machine is told that it has slept. */
  wake(): void {
    this.machine.woke(this.now);
    this.#react();
  }

  /** Opens a connection, if the machine wants one and there is none; answers whether. */
  open(): boolean {
    if (this.link !== undefined || !this.machine.wantsConnection) return false;
    this.link = this.#openLink();
    this.machine.connected(this.now);
    this.#react();
    return true;
  }

  /** An attempt to open a connection fails. */
  failToOpen(): void {
    if (this.link !== undefined || !this.machine.wantsConnection) return;
    this.machine.disconnected(this.now, CloseCode.ABNORMAL, "refused");
    this.#react();
  }

  /** Delivers the next so many frames to the server, or all; answers how many. */
  deliverUp(count = Number.POSITIVE_INFINITY): number {
    let delivered = 0;
    while (this.link !== undefined && delivered < count) {
      const frame = this.#up.shift();
      if (frame === undefined) break;
      this.#fetch();
      this.link.send(frame);
      delivered += 1;
    }
    return delivered;
  }

  /** Delivers the next so many frames to the machine, or all; answers how many. */
  deliverDown(count = Number.POSITIVE_INFINITY): number {
    let delivered = 0;
    this.#fetch();
    while (delivered < count) {
      const frame = this.#down.shift();
      if (frame === undefined) break;
      this.machine.receive(frame, this.now);
      this.#react();
      delivered += 1;
    }
    const { link } = this;
    if (link !== undefined && !link.isOpen && this.#down.length === 0) {
      this.lose(link.closeCode ?? CloseCode.ABNORMAL, link.closeReason);
    }
    return delivered;
  }

  /** The server's last frame comes a second time, as from a broker that delivers twice. */
  repeatDown(): void {
    this.#fetch();
    this.#down.push(...this.#down.slice(-1));
  }

  /** The connection is cut: what was on the way is lost. */
  lose(code: number = CloseCode.ABNORMAL, reason = ""): void {
    if (this.link === undefined) return;
    this.#drop();
    this.machine.disconnected(this.now, code, reason);
    this.#react();
  }

  /** Lets everything run its course. */
  settle(): void {
    for (let turn = 0; turn < 10_000; turn += 1) {
      if (this.open() || this.deliverUp() > 0 || this.deliverDown() > 0) continue;
      const deadline = this.machine.deadline();
      const connected = this.machine.state.state === "Connected";
      // What is left to wait for is the next ping.
      if (deadline === undefined || (connected && deadline - this.now > 9_000)) return;
      this.advance(deadline - this.now);
    }
    throw new Error("it never comes to rest");
  }

  #fetch(): void {
    if (this.link !== undefined) this.#down.push(...this.link.take());
  }

  #drop(): void {
    this.link?.hangUp();
    this.link = undefined;
    this.#up = [];
    this.#down = [];
  }

  #react(): void {
    for (const event of this.machine.events()) this.#told(event);
    const frames = this.machine.framesToSend();
    if (this.link === undefined) expect(frames, "there is nowhere to send them").toEqual([]);
    this.#up.push(...frames);
    if (!this.machine.wantsConnection) this.#drop();
  }

  #told(event: Event): void {
    if ("type" in event) {
      if (event.type === "joined") {
        // Where one begins: the room may be known by another name already, and then goes on from
        // there and not from the head.
        const head = this.machine.position(event.room).cursor ?? event.head;
        this.#show(event.room, { ...event, head });
      } else if (event.type !== "notice") {
        this.#show(event.room, event);
      }
      return;
    }
    switch (event.event) {
      case "Unknown":
      case "Gap":
        this.#show(event.room, event);
        break;
      case "Acked": {
        const { id } = event.receipt;
        expect(this.sent.has(id), "an ack for what was never said").toBe(true);
        expect(this.acked.has(id), "acked twice").toBe(false);
        expect(this.failed.has(id), "acked after it had failed").toBe(false);
        this.acked.set(id, event);
        break;
      }
      case "SendFailed":
        expect(this.acked.has(event.id), "failed after it was acked").toBe(false);
        expect(this.failed.has(event.id), "failed twice").toBe(false);
        this.failed.set(event.id, event);
    }
  }

  #show(room: string, event: Entry | Gap | Joined): void {
    this.shown.set(room, [...(this.shown.get(room) ?? []), event]);
  }
}
