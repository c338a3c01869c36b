/** A machine for Alice, driven by hand. */

import { expect } from "vitest";
import {
  type AppCommand,
  type Command,
  type ErrorFrame,
  type Event,
  type Joined,
  Machine,
  type SendMessage,
  type ServerFrame,
  type Settings,
  type Welcome,
} from "../../src/machine/index.js";
import { joined, replyTo, welcome } from "./frames.js";

export const KEY = "k".repeat(22);

type OfType<Kind extends Command["type"]> = Extract<Command, { readonly type: Kind }> & {
  readonly id: string;
};

/** A machine for Alice with ids `i1`, `i2` …, on a clock that the test moves. */
export class Rig {
  ids = 0;
  now = 0;
  readonly machine: Machine;

  constructor(settings: Partial<Settings> = {}) {
    this.machine = new Machine("Alice", {
      key: KEY,
      newId: () => {
        this.ids += 1;
        return `i${this.ids}`;
      },
      chance: () => 0.5,
      settings,
    });
  }

  /** The events since the last call, without those of the connection itself. */
  events(): Event[] {
    return this.machine
      .events()
      .filter(
        (event) => !("event" in event && ["StateChanged", "LatencyMeasured"].includes(event.event)),
      );
  }

  /** The frames since the last call, or those of these types among them. */
  frames(...types: Command["type"][]): Command[] {
    const frames: Command[] = this.machine.framesToSend().map((frame) => JSON.parse(frame));
    return frames.filter(({ type }) => types.length === 0 || types.includes(type));
  }

  /** The one frame of a type among those since the last call. */
  oneFrame<Kind extends Command["type"]>(kind: Kind): OfType<Kind> {
    const [frame, ...others] = this.frames(kind);
    expect(frame, `no ${kind}`).toBeDefined();
    expect(others).toEqual([]);
    return frame as OfType<Kind>;
  }

  /** The types of the frames since the last call, or those of these types among them. */
  types(...types: Command["type"][]): string[] {
    return this.frames(...types).map(({ type }) => type);
  }

  send(command: AppCommand): string {
    return this.machine.send(command, this.now);
  }

  receive(...frames: readonly ServerFrame[]): void {
    for (const frame of frames) this.machine.receive(JSON.stringify(frame), this.now);
  }

  refuse(id: string | undefined, code: string, fields: Partial<ErrorFrame> = {}): void {
    this.receive(replyTo(id, { type: "error", code, message: `said ${code}`, ...fields }));
  }

  /** Time passes, and the machine is called whenever it wishes. */
  advance(milliseconds: number): void {
    const until = this.now + milliseconds;
    for (;;) {
      const deadline = this.machine.deadline();
      if (deadline === undefined || deadline > until) break;
      this.now = Math.max(this.now, deadline);
      this.machine.tick(this.now);
      const later = this.machine.deadline() ?? Number.POSITIVE_INFINITY;
      expect(later, "it would be called for ever").toBeGreaterThan(this.now);
    }
    this.now = until;
  }

  /** A connection is opened, and the server says welcome at once. */
  connect(fields: Partial<Welcome> = {}): void {
    this.machine.connected(this.now);
    this.welcome(fields);
  }

  /** The hello that has just gone out is answered. */
  welcome(fields: Partial<Welcome> = {}): void {
    this.receive(welcome(this.oneFrame("hello").id, fields));
  }

  /** The question for private conversations is answered: there are none. */
  settle(): void {
    this.receive({ type: "rooms", id: this.oneFrame("rooms").id, rooms: [] });
  }

  /** The connection is lost, and another one opened, on which the server is silent. */
  reopen(): void {
    this.machine.disconnected(this.now, 1006);
    this.advance(1_000);
    this.machine.connected(this.now);
  }

  /** The connection is lost, and another one opened. */
  cut(fields: Partial<Welcome> = {}): void {
    this.reopen();
    this.welcome(fields);
  }

  /** The join that has just gone out is answered. */
  answerJoin(head = 0, fields: Partial<Joined> = {}): void {
    const { id, since } = this.oneFrame("join");
    const recovered = since === undefined ? {} : ({ recovered: "complete" } as const);
    this.receive(joined(id, head, { ...recovered, ...fields }));
  }
}

/** One has connected, and has no private conversations. */
export function connected(settings: Partial<Settings> = {}): Rig {
  const rig = new Rig(settings);
  rig.connect();
  rig.settle();
  rig.events();
  return rig;
}

/** One has joined the lobby, at a head. */
export function inLobby(head = 3, settings: Partial<Settings> = {}): Rig {
  const rig = connected(settings);
  rig.send({ type: "join", room: "lobby" });
  rig.answerJoin(head);
  rig.events();
  return rig;
}

export function hi(room = "lobby", fields: Partial<SendMessage> = {}): SendMessage {
  return { type: "message", room, content: "hi", ...fields };
}
