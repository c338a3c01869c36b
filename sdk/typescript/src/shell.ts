/**
 * The machine's shell: a connection and a timer for the machine, and calls for the client.
 *
 * It does nothing clever. After every step it dispatches the machine's events, writes what there is
 * to write, opens or drops the connection as the machine wants, and sets the timer anew.
 *
 * @module
 */

import { Ended } from "./errors.js";
import { CloseCode } from "./generated/codes.js";
import type { AppCommand, Machine } from "./machine/core.js";
import type { Answer, Event, Receipt } from "./machine/events.js";
import type { OpenTransport, Transport } from "./transport/transport.js";
import { SUBPROTOCOL } from "./transport/websocket.js";
import { Vigil, WATCHED_EVERY } from "./vigil.js";
import type { WireEvent } from "./wire-tap.js";

interface Call {
  resolve(reply: Answer | Receipt): void;
  reject(error: Error): void;
}

/** What a shell tells its client. */
export interface ShellListener {
  /** Something happened, in the machine's order. Must not throw. */
  told(event: Event): void;
  /** Something went over the wire. Must not throw. */
  tapped(event: WireEvent): void;
}

/** What a machine needs of the world: it runs from `start` until `close`. */
export class Shell {
  readonly #machine: Machine;
  readonly #open: OpenTransport;
  readonly #listener: ShellListener;
  readonly #vigil: Vigil;
  readonly url: string;
  /** Calls that wait for an answer, by the id of their command. */
  readonly #calls = new Map<string, Call>();
  /** Woken after every step. */
  #waiters: (() => void)[] = [];
  #transport: Transport | undefined;
  /** Whether the present connection, or attempt, has been open. */
  #wasOpen = false;
  #timer: { readonly handle: ReturnType<typeof setTimeout>; readonly dueAt: number } | undefined;
  #isTelling = false;

  constructor(url: string, machine: Machine, open: OpenTransport, listener: ShellListener) {
    this.url = url;
    this.#machine = machine;
    this.#open = open;
    this.#listener = listener;
    this.#vigil = new Vigil(() => this.step((now) => machine.woke(now)));
  }

  /** Begins to connect. */
  start(): void {
    this.#settle();
  }

  /** Milliseconds, on the machine's clock. */
  now(): number {
    return performance.now();
  }

  /** Drives the machine, and does what it says. */
  step<T>(drive: (now: number) => T): T {
    try {
      return drive(this.now());
    } finally {
      this.#settle();
    }
  }

  /**
   * Gives the machine a command; answers the promise of its answer.
   *
   * @param taken - Called when the machine has taken it, before anything more is told.
   * @throws `ClientError` at once when it cannot be given; the promise is rejected with one when it
   * fails later.
   */
  call<Reply extends Answer | Receipt>(
    command: AppCommand,
    taken: () => void = () => {},
  ): Promise<Reply> {
    const id = this.#machine.send(command, this.now());
    const answer = new Promise<Reply>((resolve, reject) => {
      this.#calls.set(id, { resolve: (reply) => resolve(reply as Reply), reject });
    });
    taken();
    this.#settle();
    return answer;
  }

  /** Waits until the machine has been driven once more. */
  stepped(): Promise<void> {
    return new Promise((resolve) => this.#waiters.push(resolve));
  }

  /** Says goodbye, and ends the machine. What still waits for an answer fails. */
  async close(): Promise<void> {
    const transport = this.#transport;
    this.#transport = undefined;
    this.step(() => this.#machine.close());
    await transport?.close();
  }

  #settle(): void {
    this.#tell();
    this.#connect();
    this.#write();
    this.#setTimer();
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const wake of waiters) {
      wake();
    }
  }

  #tell(): void {
    if (this.#isTelling) {
      return; // who is being told has done something; the rest is told after that
    }
    this.#isTelling = true;
    try {
      for (let events = this.#machine.events(); events.length > 0; ) {
        for (const event of events) {
          this.#settleCall(event);
          this.#listener.told(event);
        }
        events = this.#machine.events();
      }
    } finally {
      this.#isTelling = false;
    }
  }

  #settleCall(event: Event): void {
    if (!("event" in event)) {
      return;
    }
    switch (event.event) {
      case "Answered":
        this.#take(event.id)?.resolve(event.reply);
        break;
      case "Acked":
        this.#take(event.receipt.id)?.resolve(event.receipt);
        break;
      case "Failed":
      case "SendFailed":
        this.#take(event.id)?.reject(event.error);
        break;
    }
  }

  #take(id: string): Call | undefined {
    const call = this.#calls.get(id);
    this.#calls.delete(id);
    return call;
  }

  /** Forgets a call whose command was withdrawn. */
  forget(id: string): void {
    this.#take(id)?.reject(new Ended("the command was withdrawn"));
  }

  #connect(): void {
    const wanted = this.#machine.wantsConnection;
    if (wanted && this.#transport === undefined) {
      this.#tap({ wire: "opening", at: Date.now(), url: this.url });
      this.#wasOpen = false;
      this.#transport = this.#open(this.url, {
        opened: (extensions) => this.#opened(extensions),
        received: (text) => this.#received(text),
        closed: (code, reason) => this.#closed(code, reason),
      });
    } else if (!wanted && this.#transport !== undefined) {
      const transport = this.#transport;
      this.#transport = undefined;
      this.#tap({ wire: "dropped", at: Date.now() });
      transport.abort();
    }
    if (this.#machine.state.state === "Closed") {
      this.#vigil.end();
    }
  }

  #write(): void {
    for (const frame of this.#machine.framesToSend()) {
      this.#tap({ wire: "sent", at: Date.now(), text: frame });
      this.#transport?.send(frame);
    }
  }

  #setTimer(): void {
    const deadline = this.#machine.deadline();
    if (deadline === undefined) {
      clearTimeout(this.#timer?.handle);
      this.#timer = undefined;
      return;
    }
    const dueAt = Math.min(deadline, this.now() + WATCHED_EVERY);
    if (this.#timer !== undefined) {
      if (this.#timer.dueAt <= dueAt) {
        return; // early does no harm
      }
      clearTimeout(this.#timer.handle);
    }
    const delay = Math.max(0, Math.ceil(dueAt - this.now()));
    this.#timer = { handle: setTimeout(() => this.#tick(dueAt), delay), dueAt };
  }

  #tick(dueAt: number): void {
    this.#timer = undefined;
    const slept = this.#vigil.slept(dueAt);
    this.step((now) => (slept ? this.#machine.woke(now) : this.#machine.tick(now)));
  }

  #tap(event: WireEvent): void {
    this.#listener.tapped(event);
  }

  // What the transport tells; one that was given up tells nothing any more.

  #opened(extensions: string): void {
    this.#wasOpen = true;
    this.#tap({ wire: "opened", at: Date.now(), protocol: SUBPROTOCOL, extensions });
    this.step((now) => this.#machine.connected(now));
  }

  #received(text: string): void {
    this.#tap({ wire: "received", at: Date.now(), text });
    this.step((now) => this.#machine.receive(text, now));
  }

  #closed(code: number, reason: string): void {
    this.#transport = undefined;
    this.#tap({ wire: "closed", at: Date.now(), code, reason });
    // Whom a server has let in once it will let in again, whatever stands before it now.
    const again = !this.#wasOpen && this.#machine.welcome !== undefined;
    const told = again ? CloseCode.TRY_AGAIN_LATER : code;
    this.step((now) => this.#machine.disconnected(now, told, reason));
  }
}
