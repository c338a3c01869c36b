/**
 * The rooms and private conversations of one client, and which of them are still to be joined.
 *
 * @module
 */

import type { Join, Joined, RoomSummary } from "../generated/frames.js";
import { assert } from "./assert.js";
import { earliest, NOW } from "./earliest.js";
import type { Entry, Gap } from "./events.js";
import { RoomView, type Step } from "./room-view.js";

/** What became of a join: the room, what of it is lost for good, and who waited to be in it. */
export interface JoinEnded {
  readonly view: RoomView;
  readonly gap: Gap | undefined;
  /** Ids of the application's commands. */
  readonly askers: readonly string[];
}

/**
 * The rooms and conversations of one client. `now` is in milliseconds, monotonic.
 *
 * A room goes by the name that was asked for until the server has told its canonical name.
 * `most` and `privateReplay`: how many entries a join asks for, to catch up and in a conversation
 * that is new to this client.
 */
export class Rooms {
  readonly #most: number;
  readonly #privateReplay: number;
  readonly #views = new Map<string, RoomView>();
  readonly #aliases = new Map<string, string>();
  readonly #absent = new Set<string>();
  // Joins under way: id -> the room's name.
  readonly #joins = new Map<string, string>();
  // Whom to tell when a room is joined: name -> ids of the application's commands.
  readonly #askers = new Map<string, string[]>();
  // Conversations that this client knows of, and the server has not told of yet.
  readonly #unlisted = new Set<string>();

  constructor(most: number, privateReplay: number) {
    this.#most = most;
    this.#privateReplay = privateReplay;
  }

  /** The canonical name of a room, where it is known. */
  resolve(name: string): string {
    return this.#aliases.get(name) ?? name;
  }

  /** The view of a room. */
  find(name: string): RoomView | undefined {
    return this.#views.get(this.resolve(name));
  }

  /** Tells whether something can be said in a room: either it is joined, or it need not be. */
  isOpen(name: string): boolean {
    const kind = this.find(name)?.phase.kind;
    return kind !== "absent" && kind !== "joining";
  }

  /** Tells whether this connection follows a room. */
  isJoined(name: string): boolean {
    return this.find(name) !== undefined && this.isOpen(name);
  }

  /**
   * The application joins a room; answers whether it is joined already.
   *
   * Where it is not, `asker` (the id of the command) is told in `joined` or `refused`.
   */
  want({ room, limit = 0, since, epoch }: Join, asker: string): boolean {
    const name = this.resolve(room);
    let view = this.#views.get(name);
    if (view === undefined) {
      view = this.#follow(name, limit);
      view.cursor = since;
      view.epoch = epoch;
      this.#leaveBehind(view, NOW);
    } else if (this.isOpen(name)) {
      if (view.wanted) return true;
      this.#leaveBehind(view, NOW);
    }
    view.wanted = true;
    this.#ask(name, [asker]);
    return false;
  }

  /** The application leaves a room; answers those who still waited to be in it. */
  leave(room: string): readonly string[] {
    const name = this.resolve(room);
    this.#views.delete(name);
    this.#absent.delete(name);
    for (const [id, joining] of this.#joins) {
      if (joining === name) this.#joins.delete(id);
    }
    return this.#answer(name);
  }

  /**
   * The server has taken one out of a room; if one has come back meanwhile, it was behind that, and
   * one joins once more.
   */
  left(name: string): void {
    const view = this.#views.get(name);
    if (view !== undefined && this.isOpen(name)) this.#leaveBehind(view, NOW);
  }

  /** A room that is to be joined now. */
  nextJoin(now: number): RoomView | undefined {
    return this.#absentViews().find(({ notBefore }) => notBefore <= now)?.view;
  }

  /** The command that joins a room; it is under way. */
  join(view: RoomView, id: string): Join {
    this.#absent.delete(view.name);
    this.#joins.set(id, view.name);
    return view.join(id);
  }

  /** The server has answered a join; undefined: nobody wants the room any more. */
  joined(reply: Joined): JoinEnded | undefined {
    const asked = this.#joinUnderWay(reply.id);
    if (asked === undefined) return undefined;
    const { view, name } = asked;
    const askers = this.#answer(name);
    if (name !== reply.room) {
      this.#aliases.set(name, reply.room);
      this.#views.delete(name);
      const known = this.#views.get(reply.room);
      if (known !== undefined) {
        // The same room by two names. The server now goes on from its head: back to where this
        // client stands.
        known.wanted = true;
        if (known.phase.kind === "joining") {
          this.#ask(known.name, askers);
          return undefined;
        }
        this.#leaveBehind(known, NOW);
        return { view: known, gap: undefined, askers };
      }
      view.name = reply.room;
      this.#views.set(reply.room, view);
    }
    return { view, gap: view.joined(reply), askers };
  }

  /**
   * The server has refused a join: it is tried again at a time, or given up.
   *
   * Answers the room that is given up, if one is. A conversation is followed on, as well as it
   * goes.
   */
  refused(id: string, againAt: number | undefined): JoinEnded | undefined {
    const asked = this.#joinUnderWay(id);
    if (asked === undefined) return undefined;
    const { view, name } = asked;
    if (againAt !== undefined) {
      this.#leaveBehind(view, againAt);
      return undefined;
    }
    const askers = this.#answer(name);
    if (!view.wanted) return { view, gap: view.giveUp(), askers };
    this.#views.delete(name);
    return { view, gap: undefined, askers };
  }

  /** Takes an entry; answers whether it is to be shown, and what is missing before it. */
  follow(entry: Entry): Step {
    const view = this.#views.get(entry.room);
    if (view === undefined) return { followed: "skipped" };
    const step = view.follow(entry);
    if (step.followed === "broken") this.#leaveBehind(view, NOW);
    return step;
  }

  /**
   * A private entry came: its conversation is followed from now on, if it was not already.
   *
   * Unless it is the conversation's first, what was said before it is asked for.
   */
  meet({ room, prev }: Entry): void {
    if (this.#views.has(room)) return;
    const view = this.#follow(room, this.#privateReplay);
    if (prev > 0 && this.#privateReplay > 0) this.#leaveBehind(view, NOW);
  }

  /** The server told of a conversation: it is joined where there is more than was shown. */
  listed(summary: RoomSummary): void {
    this.#unlisted.delete(summary.room);
    const view = this.#views.get(summary.room);
    if (view !== undefined) {
      if (view.isBehind(summary)) this.#leaveBehind(view, NOW);
      return;
    }
    const met = this.#follow(summary.room, this.#privateReplay);
    if (summary.head.seq > 0 && this.#privateReplay > 0) this.#leaveBehind(met, NOW);
    else met.beginAt(summary);
  }

  /**
   * The server has told of all conversations; answers what is lost for good.
   *
   * A conversation that it does not know any more is another when it begins again.
   */
  allListed(): Gap[] {
    const lost = [...this.#unlisted].sort().map((name) => this.#views.get(name));
    this.#unlisted.clear();
    return lost.flatMap((view) => (view === undefined || view.wanted ? [] : [view.giveUp()]));
  }

  /** The connection is lost. */
  cut(): void {
    this.#joins.clear();
    this.#absent.clear();
    this.#unlisted.clear();
    for (const [name, view] of this.#views) {
      if (view.wanted) this.#absent.add(name);
      else if (view.cursor !== undefined) this.#unlisted.add(name);
      else this.#views.delete(name); // nothing of it was shown yet: it is as good as new
      view.cut();
    }
  }

  /** Whether who waits to be in a room is not told yet. */
  isWaiting(asker: string): boolean {
    return [...this.#askers.values()].some((waiting) => waiting.includes(asker));
  }

  /** Nothing will be joined any more; answers those who still waited to be in a room. */
  end(): string[] {
    const askers = [...this.#askers.values()].flat();
    this.#askers.clear();
    return askers;
  }

  /** When the next room is to be joined. */
  deadline(): number | undefined {
    return earliest(this.#absentViews().map(({ notBefore }) => notBefore));
  }

  #absentViews(): { readonly view: RoomView; readonly notBefore: number }[] {
    return [...this.#absent].flatMap((name) => {
      const view = this.#views.get(name);
      return view?.phase.kind === "absent" ? [{ view, notBefore: view.phase.notBefore }] : [];
    });
  }

  #follow(name: string, replay: number): RoomView {
    const view = new RoomView(name, { wanted: false, replay, most: this.#most });
    this.#views.set(name, view);
    return view;
  }

  #leaveBehind(view: RoomView, notBefore: number): void {
    view.leaveBehind(notBefore);
    this.#absent.add(view.name);
  }

  /** The room that a join which is answered now was for. */
  #joinUnderWay(
    id: string | undefined,
  ): { readonly name: string; readonly view: RoomView } | undefined {
    const name = id === undefined ? undefined : this.#joins.get(id);
    if (id === undefined || name === undefined) return undefined;
    this.#joins.delete(id);
    const view = this.#views.get(name);
    assert(view !== undefined, "who leaves a room forgets the joins under way, too");
    return { name, view };
  }

  #ask(name: string, askers: readonly string[]): void {
    this.#askers.set(name, [...(this.#askers.get(name) ?? []), ...askers]);
  }

  #answer(name: string): readonly string[] {
    const askers = this.#askers.get(name) ?? [];
    this.#askers.delete(name);
    return askers;
  }
}
