/**
 * Coming and going: the first screen, a key from another device, the session and its end.
 *
 * @module
 */

import type { Client, KeyLink, WireEvent } from "@causerie/client";
import type { ReactiveController, ReactiveControllerHost } from "lit";
import { roomInAddress, showRoom, takeKeyLink } from "../address.js";
import { type Standing, standingOf, take } from "../device.js";
import { say } from "../i18n.js";
import { recall, remember } from "../memory.js";
import { type Arrival, type Said, Session } from "../session.js";
import { explain } from "../text/explain.js";
import type { JoinDetail } from "./join-screen.js";

/**
 * Milliseconds that the first screen waits for a newcomer's name to be taken or refused; the server
 * may be slow, or gone, and then one sees that better in the chat.
 */
const PATIENCE = 1_500;

/** A name that came with a link from another device. */
export interface Offer {
  readonly link: KeyLink;
  readonly standing: Standing;
}

/** What a stay tells. */
export interface StayListener {
  changed(session: Session): void;
  heard(said: Said): void;
  called(said: Said): void;
  troubled(sentence: string): void;
  tapped(event: WireEvent): void;
}

/** One browser's stay: nobody yet, somebody who is asked something, or a session. */
export class Stay implements ReactiveController {
  session: Session | undefined;
  /** A session whose name is neither taken nor refused yet, with nothing to show. */
  isArriving = false;
  /** Why the last session ended, or could not begin. */
  error = "";
  offer: Offer | undefined;
  readonly #host: ReactiveControllerHost & { readonly url: string };
  readonly #listener: StayListener;
  /** The private conversation to go back to, until the server has told of it. */
  #awaited: string | undefined;

  constructor(host: ReactiveControllerHost & { readonly url: string }, listener: StayListener) {
    this.#host = host;
    this.#listener = listener;
    host.addController(this);
  }

  hostConnected(): void {
    window.addEventListener("hashchange", this.#addressed);
  }

  hostDisconnected(): void {
    window.removeEventListener("hashchange", this.#addressed);
    void this.session?.close();
    this.session = undefined;
  }

  /** Begins: asks what a key in the address is for, or goes back to where one was. */
  async begin(): Promise<void> {
    if (!(await this.#takeOffer())) {
      await this.#return();
    }
  }

  /** Goes in under a name that one wishes for. */
  join(detail: JoinDetail): Promise<void> {
    return this.#arrive(detail, { returning: false });
  }

  /** Becomes who the key belongs to. */
  async take({ link }: Offer): Promise<void> {
    const isKept = await take(link);
    const before = recall();
    await this.#leave();
    if (before.username !== link.username) {
      remember({ username: link.username, rooms: [], current: "", seen: {} });
    }
    this.offer = undefined;
    const room = roomInAddress() ?? (recall().current || "lobby");
    const how = { returning: true, key: isKept ? undefined : link.key };
    await this.#arrive({ username: link.username, room }, how);
  }

  /** Stays who one is. */
  async refuse(): Promise<void> {
    this.offer = undefined;
    this.#host.requestUpdate();
    if (this.session === undefined) {
      await this.#return();
    }
  }

  /** Leaves all rooms in this browser. */
  async quit(): Promise<void> {
    remember({ rooms: [] });
    showRoom(undefined);
    await this.#leave();
  }

  /** Goes to another room, which need not be one that one is in. */
  enter(name: string): void {
    const { session } = this;
    this.#awaited = undefined;
    session?.show(session.enter(name));
  }

  async #arrive(
    { username, room }: JoinDetail,
    how: Pick<Arrival, "returning" | "key">,
  ): Promise<void> {
    this.error = "";
    const { rooms } = recall();
    const isNewcomer = rooms.length === 0;
    this.#awaited = room.startsWith("~") ? room : undefined;
    const first = this.#awaited === undefined ? room : (rooms[0] ?? "lobby");
    this.isArriving = isNewcomer;
    this.#host.requestUpdate();
    try {
      const url = this.#host.url || location.origin;
      const arrival = { username, rooms, ...how };
      const session = await Session.open(url, arrival, (event) => this.#listener.tapped(event));
      this.session = session;
      this.#listen(session);
      remember({ username });
      session.show(session.enter(first));
      if (isNewcomer) {
        await settled(session.client);
      }
    } catch (error) {
      this.#ended(error, username);
    }
    this.isArriving = false;
    this.#host.requestUpdate();
  }

  async #leave(): Promise<void> {
    const { session } = this;
    this.session = undefined;
    this.#host.requestUpdate();
    await session?.close();
  }

  async #return(): Promise<void> {
    const { username, rooms, current } = recall();
    if (username !== "" && rooms.length > 0) {
      const room = roomInAddress() ?? (current || "lobby");
      await this.#arrive({ username, room }, { returning: true });
    }
  }

  /** Asks what a key in the address is for, if there is one; answers whether. */
  async #takeOffer(): Promise<boolean> {
    const current = this.session?.chat.current;
    const link = takeKeyLink(current?.isPrivate ? undefined : current?.name);
    if (link === undefined) {
      return false;
    }
    const standing = await standingOf(link);
    const present = this.session?.chat.username ?? recall().username;
    if (standing === "this key" && present === link.username) {
      return this.session !== undefined; // one is that already
    }
    try {
      await import("./device-import.js");
      this.offer = { link, standing };
    } catch {
      this.#listener.troubled(say("web-not-loaded-now"));
    }
    this.#host.requestUpdate();
    return this.offer !== undefined || this.session !== undefined;
  }

  readonly #addressed = async (): Promise<void> => {
    if (await this.#takeOffer()) {
      return;
    }
    const name = roomInAddress();
    if (this.session === undefined) {
      this.#host.requestUpdate(); // the first screen says which room it is
    } else if (name !== undefined && name !== this.session.chat.current?.name) {
      this.enter(name);
    }
  };

  #listen(session: Session): void {
    const tell = <T>(type: string, told: (detail: T) => void) =>
      session.addEventListener(type, (event) => {
        if (session === this.session) {
          told((event as CustomEvent<T>).detail);
        }
      });
    tell<Said>("hear", (said) => this.#listener.heard(said));
    tell<Said>("call", (said) => this.#listener.called(said));
    tell<string>("trouble", (sentence) => this.#listener.troubled(sentence));
    tell<undefined>("change", () => this.#changed(session));
  }

  #changed(session: Session): void {
    const { state } = session.chat;
    const awaited = this.#awaited === undefined ? undefined : session.chat.room(this.#awaited);
    if (awaited !== undefined) {
      this.#awaited = undefined;
      session.show(awaited);
    }
    this.#listener.changed(session);
    if (state.state === "Closed") {
      this.#ended(state.error, session.chat.username);
    }
  }

  #ended(error: unknown, username: string): void {
    this.session = undefined;
    this.error = explain(error, { username });
    this.#host.requestUpdate();
  }
}

/** Waits until a client is connected or has ended, but not for long. */
async function settled(client: Client): Promise<void> {
  const patience = new Promise((resolve) => setTimeout(resolve, PATIENCE));
  await Promise.race([client.connected().catch(() => undefined), patience]);
}
