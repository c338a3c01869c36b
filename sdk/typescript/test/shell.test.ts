import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { GaveUp } from "../src/errors.js";
import type { Hello } from "../src/generated/frames.js";
import { Machine } from "../src/machine/core.js";
import type { Event } from "../src/machine/events.js";
import { Shell } from "../src/shell.js";
import type { Transport, TransportListener } from "../src/transport/transport.js";
import type { WireEvent } from "../src/wire-tap.js";

/** A server's end of a connection, as the test writes it. */
class Peer implements Transport {
  readonly sent: string[] = [];
  isDropped = false;
  readonly listener: TransportListener;

  constructor(listener: TransportListener) {
    this.listener = listener;
  }

  send(text: string): void {
    this.sent.push(text);
  }

  async close(): Promise<void> {
    this.isDropped = true;
  }

  abort(): void {
    this.isDropped = true;
  }

  /** Opens the connection, and lets the client in. */
  welcome(): void {
    this.listener.opened("");
    const { id } = JSON.parse(this.sent[0] ?? "{}") as Hello;
    const limits = {
      frame: 65_536,
      reply: 262_144,
      content: 4_000,
      rooms: 100,
      rate: 0,
      burst: 0,
      dedupe: null,
      page: 100,
    };
    const welcome = {
      type: "welcome",
      id,
      username: "Alice",
      kept: true,
      server: "test",
      time: 0,
      heartbeat: 25_000,
      grace: 15_000,
      limits,
    };
    this.listener.received(JSON.stringify(welcome));
  }
}

let peers: Peer[];
let told: Event[];
let tapped: WireEvent[];
let shell: Shell;
let machine: Machine;

beforeEach(() => {
  vi.useFakeTimers();
  peers = [];
  told = [];
  tapped = [];
  begin();
});
afterEach(async () => {
  await shell.close();
  vi.useRealTimers();
});

function begin(maxAttempts?: number): void {
  let ids = 0;
  machine = new Machine("Alice", {
    key: "k".repeat(22),
    newId: () => `id${ids++}`,
    chance: () => 0.5,
    settings: maxAttempts === undefined ? {} : { maxAttempts },
  });
  const open = (_: string, listener: TransportListener) => {
    const peer = new Peer(listener);
    peers.push(peer);
    return peer;
  };
  shell = new Shell("ws://server/ws", machine, open, {
    told: (event) => told.push(event),
    tapped: (event) => tapped.push(event),
  });
  shell.start();
}

const last = (): Peer => peers.at(-1) ?? expect.unreachable("there was an attempt");

it("opens one connection, and another when it is lost and the delay is over", async () => {
  expect(peers).toHaveLength(1);
  last().welcome();
  expect(machine.state.state).toBe("Connected");
  last().listener.closed(1006, "");
  expect(machine.state.state).toBe("Disconnected");
  expect(peers).toHaveLength(1);
  await vi.advanceTimersByTimeAsync(600);
  expect(peers).toHaveLength(2);
  last().welcome();
  expect(machine.state.state).toBe("Connected");
});

it("comes back to a server that had let it in, whatever stands before it now", async () => {
  last().welcome();
  last().listener.closed(1006, "");
  await vi.advanceTimersByTimeAsync(600);
  last().listener.closed(1008, "HTTP 404");
  expect(machine.state).toMatchObject({ state: "Disconnected", code: 1013 });
});

it("believes a server that had let it in and then sends it away for good", () => {
  last().welcome();
  last().listener.closed(1008, "no more");
  expect(machine.state.state).toBe("Closed");
});

it("ends what waits when no attempts are left", async () => {
  await shell.close();
  begin(1);
  const asked = shell.call({ type: "rooms" });
  last().listener.closed(1006, "nobody there");
  await expect(asked).rejects.toThrow(GaveUp);
});

it("drops a connection that has fallen silent", async () => {
  last().welcome();
  const silent = last();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(silent.isDropped).toBe(true);
  expect(told).toContainEqual(
    expect.objectContaining({ state: expect.objectContaining({ state: "Disconnected" }) }),
  );
  expect(tapped.some((event) => event.wire === "dropped")).toBe(true);
});

it("asks at once whether the server is there when the computer has slept", async () => {
  last().welcome();
  last().sent.length = 0;
  vi.setSystemTime(Date.now() + 60_000); // the wall clock alone went on
  await vi.advanceTimersByTimeAsync(5_000);
  expect(last().sent.map((text) => JSON.parse(text).type)).toEqual(["ping"]);
});

it("tries at once when it is woken, and needs no timer to close", async () => {
  last().listener.closed(1006, "");
  shell.step((now) => machine.woke(now));
  expect(peers).toHaveLength(2);
  await shell.close();
  expect(vi.getTimerCount()).toBe(0);
});
