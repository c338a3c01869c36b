/**
 * The machine against a model of the server, over links that are cut at any time.
 *
 * Whatever happens: what the application was shown of a room is the room's log, in its order,
 * nothing twice; whatever is missing was told; all that it said ends acked or failed, and acked means
 * that it is in the log once; and nobody is renamed who was not to be.
 */

import fc from "fast-check";
import { expect, test } from "vitest";
import {
  type Entry,
  ErrorCode,
  type Gap,
  InDoubt,
  type Joined,
  Machine,
} from "../../src/machine/index.js";
import { Driver } from "./driver.js";
import { keyOf, ModelServer } from "./model-server.js";

const MANY = 1_000;

/** How a run begins. */
interface Setup {
  readonly catchUp: number;
  readonly outbox: number;
  readonly privateReplay: number;
  readonly quickly: boolean;
}

/** Alice's client, her server, and everything that can come between them. */
class World {
  readonly server = new ModelServer();
  readonly driver: Driver;
  readonly #catchUp: number;
  #restored = false;
  #left = false;
  readonly #joined = new Set<string>();
  readonly #saidInside = new Set<string>();
  readonly #renames = new Set<string | undefined>();
  #names = 0;
  #welcomed = false;

  constructor({ catchUp, outbox, privateReplay, quickly }: Setup) {
    this.#catchUp = catchUp;
    let ids = 0;
    const newId = () => {
      ids += 1;
      return `a${ids}`;
    };
    const settings = { catchUp, outbox, privateReplay };
    const options = { key: "k".repeat(22), newId, chance: () => 0.5, settings };
    this.driver = new Driver(new Machine("Alice", options), () => this.server.connect());
    if (quickly) {
      this.join("lobby");
      this.othersSay("~bob", 2);
      this.driver.settle();
    }
  }

  // The application.

  join(room: string, limit?: number): void {
    this.driver.give({ type: "join", room, ...(limit !== undefined && { limit }) });
    this.#joined.add(room);
  }

  joinByAnotherSpelling(room: string): void {
    this.driver.give({ type: "join", room: room.toUpperCase() });
    // What is said in it by its own name before that is known to be the same room may fail.
    if (this.#isKnown(room)) this.#joined.add(room);
  }

  leave(room: string): void {
    // Known by the name under which it was last joined; the machine knows the others too, once the
    // server has told them.
    if (!this.#joined.has(room) || !this.#isKnown(room)) return;
    this.driver.give({ type: "leave", room });
    this.#left = true;
    if (!this.#isKnown(room)) {
      this.#joined.delete(room);
      this.driver.shown.delete(room);
    }
  }

  say(room: string): void {
    const id = this.driver.give({ type: "message", room, content: "hi" });
    if (id !== undefined && this.#joined.has(room)) this.#saidInside.add(id);
  }

  rename(): void {
    this.#renames.add(this.driver.give({ type: "hello", username: this.#newName() }));
  }

  // The others, and the server's own faults.

  renameOnAnotherDevice(): void {
    if (this.server.name !== "") this.server.rename(this.#newName());
  }

  othersSay(room: string, count: number): void {
    for (let said = 0; said < count; said += 1) {
      this.server.othersSay(room, room.startsWith("~") ? "private" : "message");
    }
  }

  restoreAnOlderCopy(keep: number): void {
    this.#restored = true;
    this.server.restore(keep);
  }

  // What holds.

  /** What was shown so far is the log. */
  check(): void {
    for (const [room, told] of this.driver.shown) this.#checkRoom(room, told);
    const wishes = this.server.wishes.splice(0).filter((id) => !this.#renames.has(id));
    if (this.#welcomed) expect(wishes, "a name of before was taken for a wish").toEqual([]);
    this.#welcomed = this.driver.machine.welcome !== undefined;
  }

  /** Everything runs its course, and in the end all is as it should be. */
  finish(): void {
    const { driver, server } = this;
    server.refusals.length = 0;
    driver.settle();
    // The newest entry has no successor that could betray its loss.
    for (const room of server.logs.keys()) this.othersSay(room, 2);
    driver.settle();
    expect(driver.machine.state.state).not.toBe("Closed");
    this.check();
    expect(driver.machine.username).toBe(server.name);
    for (const room of this.#joined) {
      expect(driver.machine.position(room).cursor).toEqual(server.log(room).head);
    }
    if (server.log("~bob").entries.length > 0 && driver.shown.has("~bob")) {
      expect(driver.machine.position("~bob").cursor).toEqual(server.log("~bob").head);
    }
    const ended = [...driver.acked.keys(), ...driver.failed.keys()];
    expect(new Set(ended)).toEqual(new Set(driver.sent.keys()));
    for (const { command } of driver.failed.values()) expect(command.type).toBe("message");
    if (!this.#left) {
      for (const id of this.#saidInside)
        expect(driver.acked.has(id), "one was in there").toBe(true);
    }
    if (this.#restored) return;
    const said = [...server.logs.values()].flatMap(({ entries }) => entries.map(({ id }) => id));
    for (const id of driver.acked.keys()) expect(said.filter((one) => one === id)).toEqual([id]);
    for (const [id, { error }] of driver.failed) {
      expect(error instanceof InDoubt || !said.includes(id), "what failed was not said").toBe(true);
    }
  }

  #newName(): string {
    this.#names += 1;
    return `Alice${this.#names}`;
  }

  #isKnown(room: string): boolean {
    const { epoch, cursor } = this.driver.machine.position(room);
    return epoch !== undefined || cursor !== undefined;
  }

  #checkRoom(room: string, told: readonly (Entry | Gap | Joined)[]): void {
    const shown: string[] = [];
    let head = { seq: 0, id: "" };
    let gap: Gap | undefined;
    for (const event of told) {
      if ("event" in event && event.event === "Gap") {
        expect(gap === undefined || this.#restored, "two gaps without an entry between").toBe(true);
        expect(event.missing !== null || this.#restored, "this could be filled").toBe(true);
        gap = event;
      } else if ("type" in event && event.type === "joined") {
        if (event.recovered === undefined) head = event.head;
      } else {
        if (!this.#restored) this.#checkPlace(event, shown, head, gap);
        shown.push(keyOf(event));
        gap = undefined;
      }
    }
    // An older copy may hold entries that were shown too long ago to be remembered.
    if (!this.#restored || this.#catchUp === MANY) {
      expect(new Set(shown).size, `${room}: shown twice`).toBe(shown.length);
    }
  }

  /** An entry follows the one shown last, or a gap that is as large as was told. */
  #checkPlace(
    entry: Entry,
    shown: readonly string[],
    head: { readonly seq: number; readonly id: string },
    gap: Gap | undefined,
  ): void {
    const before = this.server.before.get(keyOf(entry));
    const start = [...this.server.before.keys()].find((key) => key.split(" ")[1] === head.id);
    const last = shown.at(-1) ?? start;
    if (entry.room.startsWith("~") && shown.length === 0) return; // it may begin anywhere
    if (gap !== undefined) {
      expect(this.#distance(last, before)).toBe(gap.missing);
    } else if (shown.length > 0 || entry.seq > head.seq) {
      expect(before, `a hole before ${keyOf(entry)} was not told`).toBe(last);
    }
  }

  /** How many entries there are between the last one shown and the next. */
  #distance(last: string | undefined, next: string | undefined): number {
    let count = 0;
    for (let before = next; before !== last; count += 1) {
      if (before === undefined) throw new Error("the order is wrong");
      before = this.server.before.get(before);
    }
    return count;
  }
}

/** Something that happens, and its name for whoever reads a counterexample. */
class Happening {
  constructor(
    readonly name: string,
    readonly happen: (world: World) => void,
  ) {}

  toString(): string {
    return this.name;
  }
}

/** An arbitrary that makes something happen out of drawn values. */
function happening<T extends readonly unknown[]>(
  name: string,
  draws: { [Index in keyof T]: fc.Arbitrary<T[Index]> },
  happen: (world: World, ...drawn: T) => void,
): fc.Arbitrary<Happening> {
  return fc
    .tuple<[...T]>(...draws)
    .map(
      (drawn) =>
        new Happening(`${name}(${drawn})`, (world) => happen(world, ...(drawn as unknown as T))),
    );
}

const room = fc.constantFrom("lobby", "garden");
const log = fc.constantFrom("lobby", "garden", "~bob");
const some = fc.integer({ min: 1, max: 4 });
const few = fc.nat(6);

const happenings = fc.oneof(
  // The application.
  happening("join", [room, fc.constantFrom(undefined, 3)], (world, name, limit) =>
    world.join(name, limit),
  ),
  happening("joinByAnotherSpelling", [room], (world, name) => world.joinByAnotherSpelling(name)),
  happening("leave", [room], (world, name) => world.leave(name)),
  happening("say", [room], (world, name) => world.say(name)),
  happening("sayPrivately", [], (world) => {
    world.driver.give({ type: "private", to: "Bob", content: "psst" });
  }),
  happening("type", [room], (world, name) => {
    world.driver.give({ type: "typing", room: name, isTyping: true });
  }),
  happening("rename", [], (world) => world.rename()),
  // The others.
  happening("renameOnAnotherDevice", [], (world) => world.renameOnAnotherDevice()),
  happening("othersSay", [log, some], (world, name, count) => world.othersSay(name, count)),
  happening("othersReact", [room], (world, name) => world.server.othersSay(name, "reaction")),
  // The network.
  happening("settle", [], (world) => world.driver.settle()),
  happening("goOn", [few, few], ({ driver }, up, down) => {
    driver.open();
    driver.deliverUp(up);
    driver.deliverDown(down);
  }),
  happening("goOnAndBeCut", [few, few, few], ({ driver }, up, down, thenUp) => {
    driver.open();
    driver.deliverUp(up);
    driver.deliverDown(down);
    driver.deliverUp(thenUp);
    driver.lose();
  }),
  happening("failToOpen", [], (world) => world.driver.failToOpen()),
  happening("deliverTwice", [], (world) => world.driver.repeatDown()),
  happening("wait", [fc.constantFrom(100, 1_000, 5_000, 20_000, 100_000)], (world, time) =>
    world.driver.advance(time),
  ),
  happening("wake", [], (world) => world.driver.wake()),
  // The server's own faults.
  happening(
    "refuse",
    [fc.constantFrom(ErrorCode.RATE_LIMITED, ErrorCode.UNAVAILABLE), some],
    (world, code, count) => {
      world.server.refusals.push(...Array<string>(count).fill(code));
    },
  ),
  happening("loseOnTheWay", [log], (world, name) => world.driver.link?.loseNext(name)),
  happening("close", [fc.constantFrom(1001, 1012, 1013, 4008)], (world, code) =>
    world.driver.link?.close(code, "retry-after=1500"),
  ),
  happening("restart", [], (world) => world.server.restart()),
  happening("restoreAnOlderCopy", [fc.nat(6)], (world, keep) => world.restoreAnOlderCopy(keep)),
);

const setup: fc.Arbitrary<Setup> = fc.record({
  catchUp: fc.constantFrom(2, 5, MANY),
  outbox: fc.constantFrom(3, MANY),
  privateReplay: fc.constantFrom(0, 2, MANY),
  quickly: fc.boolean(),
});

test("whatever happens, what is shown is the log, and what is said ends once", () => {
  fc.assert(
    fc.property(setup, fc.array(happenings, { maxLength: 40, size: "max" }), (begin, course) => {
      const world = new World(begin);
      for (const { happen } of course) {
        happen(world);
        world.check();
      }
      world.finish();
    }),
    { numRuns: 1_500 },
  );
}, 60_000);
