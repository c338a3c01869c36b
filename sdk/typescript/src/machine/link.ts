/**
 * The client's connection: its state, its first words, its signs of life, and when to try again.
 *
 * @module
 */

import { type CommandRefused, type Ended, EndedByServer, GaveUp, HelloRefused } from "../errors.js";
import { CloseCode, ErrorCode, reconnects } from "../generated/codes.js";
import type { Hello, Pong, Welcome } from "../generated/frames.js";
import { assert } from "./assert.js";
import { Backoff, wishOf } from "./backoff.js";
import { Liveness } from "./liveness.js";
import type { Output } from "./output.js";
import { Pacer } from "./pacer.js";
import { type State, TRANSITIONS, type Trigger } from "./states.js";

/** Milliseconds that the server has to answer hello. */
export const WELCOME_TIMEOUT = 15_000;

/** Milliseconds. A connection that was lost sooner does not end an outage. */
export const STABLE_AFTER = 10_000;

/** How one proves who one is: by a key or a token. `locale` is that of the server's sentences. */
export interface Credentials {
  readonly key?: string | undefined;
  readonly token?: string | undefined;
  readonly locale: string;
}

/** There is no connection, though there may be an attempt to open one. */
export interface NoConnection {
  readonly kind: "none";
}

/** A connection on which hello has been said. */
export interface Greeting {
  readonly kind: "greeting";
  readonly id: string;
  readonly saidAt: number;
  /** What it is again if hello is refused, which asks for another name than the one had last. */
  readonly insteadOf?: Holding;
}

/** A connection on which hello is to be said again at a time. */
export interface Holding {
  readonly kind: "holding";
  readonly againAt: number;
  /** Somebody else has the name, for now. */
  readonly isForName: boolean;
}

/** A connection on which the server has said welcome. */
export interface Greeted {
  readonly kind: "greeted";
  readonly welcome: Welcome;
  readonly since: number;
  readonly liveness: Liveness;
  readonly pacer: Pacer;
}

/** What there is of a connection. */
export type Connection = NoConnection | Greeting | Holding | Greeted;

/** What the machine is given from outside. */
export interface Sources {
  /** Answers a new random id. */
  readonly newId: () => string;
  /** Answers numbers in [0, 1). */
  readonly chance: () => number;
}

/** The reasons that the machine itself gives for a lost connection, in words. */
export interface Reasons {
  /** The server does not answer hello. */
  readonly noWelcome: string;
  /** Nothing comes from the server any more. */
  readonly silent: string;
}

/** Those of whoever gives none. */
export const REASONS: Reasons = {
  noWelcome: "the server does not answer hello",
  silent: "the server has fallen silent",
};

/** Milliseconds since 1970 on the server's clock; early by the time that welcome took. */
export function serverTime({ welcome, since }: Greeted, now: number): number {
  return welcome.time + Math.floor(now - since);
}

/**
 * The command that says who one is; `returning`: under the name had last, which may have become
 * another meanwhile.
 */
export function hello(
  { key, token, locale }: Credentials,
  id: string,
  username: string,
  returning: boolean,
): Hello {
  return {
    type: "hello",
    id,
    username,
    ...(returning && { returning }),
    ...(key !== undefined && { key }),
    ...(token !== undefined && { token }),
    locale,
  };
}

/**
 * The connection of one client. `now` is in milliseconds, monotonic.
 *
 * `maxAttempts`: how many attempts in a row may fail; undefined: any number.
 */
export class Link {
  /** As the server writes it, once it has said welcome. */
  username: string;
  /** The name is the one had last, and no wish (any more). */
  returning = false;
  state: State = { state: "Connecting" };
  connection: Connection = { kind: "none" };
  /** The last one. */
  welcome: Welcome | undefined;
  /** The last round trip that was measured on this connection. */
  rttMs: number | undefined;
  // A private field: a key in a picture of this object is a key in a log.
  readonly #credentials: Credentials;
  readonly #maxAttempts: number | undefined;
  readonly #sources: Sources;
  readonly #out: Output;
  readonly #reasons: Reasons;
  readonly #backoff: Backoff;
  #failures = 0;

  constructor(
    username: string,
    credentials: Credentials,
    maxAttempts: number | undefined,
    sources: Sources,
    out: Output,
    reasons: Reasons = REASONS,
  ) {
    this.username = username;
    this.#credentials = credentials;
    this.#maxAttempts = maxAttempts;
    this.#sources = sources;
    this.#out = out;
    this.#reasons = reasons;
    this.#backoff = new Backoff(sources.chance);
  }

  /** Whether there is to be a connection, or an attempt to open one. */
  get wanted(): boolean {
    return this.state.state !== "Disconnected" && this.state.state !== "Closed";
  }

  /** Whether there is a connection. */
  get isOpen(): boolean {
    return this.connection.kind !== "none";
  }

  /** Whether there is a connection, and somebody else has the name, for now. */
  get waitsForName(): boolean {
    return this.connection.kind === "holding" && this.connection.isForName;
  }

  /** The command that asks for another name. */
  rename(id: string, username: string): Hello {
    return hello(this.#credentials, id, username, false);
  }

  /** There is a connection: says hello. */
  opened(now: number): void {
    const { state } = this.state;
    assert(state === "Connecting" || state === "Reconnecting", "nobody wanted a connection");
    this.#sayHello(now);
  }

  /** Says hello under another name than the one that is waited for. */
  takeOther(hello: Hello, now: number): void {
    const { id } = hello;
    assert(this.connection.kind === "holding" && id !== undefined, "a name is waited for");
    this.connection = { kind: "greeting", id, saidAt: now, insteadOf: this.connection };
    this.#out.write(hello);
  }

  /** The server has answered a hello; answers whether it was the one of this connection. */
  welcomed(welcome: Welcome, now: number): boolean {
    const greeting = this.connection;
    if (greeting.kind !== "greeting" || welcome.id !== greeting.id) return false;
    this.connection = {
      kind: "greeted",
      welcome,
      since: now,
      liveness: new Liveness(welcome.heartbeat, this.#sources.chance, now),
      pacer: new Pacer(welcome.limits.rate, welcome.limits.burst, now),
    };
    this.#failures = 0;
    this.#move("welcomed", { state: "Connected", since: now });
    this.knownAs(welcome);
    this.#measured(Math.round(now - greeting.saidAt));
    return true;
  }

  /** Takes the name that the server gives in a welcome. */
  knownAs(welcome: Welcome): void {
    this.welcome = welcome;
    this.returning = true;
    if (welcome.username !== this.username) {
      this.username = welcome.username;
      this.#out.tell({ event: "Renamed", username: welcome.username });
    }
  }

  /**
   * The server has refused a command; answers whether it was this connection's own hello.
   *
   * Hello is said again at a time, or this is the end.
   * Who has been here before waits for the name as long as it takes, or takes another; a newcomer
   * had better hear at once that somebody else has it.
   */
  helloRefused(id: string, refused: CommandRefused, againAt: number | undefined): boolean {
    const greeting = this.connection;
    if (greeting.kind !== "greeting" || id !== greeting.id) return false;
    if (greeting.insteadOf !== undefined) {
      this.connection = greeting.insteadOf;
      return false;
    }
    const { code } = refused;
    const isForName = code === ErrorCode.NAME_TAKEN || code === ErrorCode.NAME_LIMIT;
    if (againAt === undefined || (this.welcome === undefined && isForName)) {
      this.end(new HelloRefused(refused));
    } else {
      this.connection = { kind: "holding", againAt, isForName };
      this.#out.tell({ event: "ServerError", error: refused });
    }
    return true;
  }

  /** Something came, or would have come if anybody had read it. */
  heard(now: number): void {
    if (this.connection.kind === "greeted") this.connection.liveness.heard(now);
  }

  /** The server has answered a ping. */
  pong(pong: Pong, now: number): void {
    if (this.connection.kind !== "greeted") return;
    const rttMs = this.connection.liveness.pong(pong.id, now);
    if (rttMs !== undefined) this.#measured(rttMs);
  }

  /** Time has passed. */
  tick(now: number): void {
    if (this.state.state === "Disconnected" && this.state.retryAt <= now) this.#tryAgain();
    const { connection } = this;
    switch (connection.kind) {
      case "none":
        break;
      case "greeting":
        if (connection.saidAt + WELCOME_TIMEOUT <= now) {
          this.lost(now, CloseCode.ABNORMAL, this.#reasons.noWelcome);
        }
        break;
      case "holding":
        if (connection.againAt <= now) this.#sayHello(now);
        break;
      case "greeted":
        this.#check(connection, now);
    }
  }

  /** The computer was asleep, or the network is another: nothing waits any longer. */
  woke(now: number): void {
    if (this.state.state === "Disconnected") this.#tryAgain();
    if (this.connection.kind === "greeted") this.connection.liveness.probe(now);
  }

  /**
   * The connection is lost, or could not be opened: another attempt is made in a while, or this is
   * the end.
   */
  lost(now: number, code: number, reason: string): void {
    this.#out.cut();
    this.connection = { kind: "none" };
    if (this.state.state !== "Connected") this.#failures += 1;
    else if (now - this.state.since >= STABLE_AFTER) this.#backoff.settled();
    if (!reconnects(code)) {
      this.end(new EndedByServer(code, reason));
    } else if (this.#maxAttempts !== undefined && this.#failures >= this.#maxAttempts) {
      this.end(new GaveUp(this.#failures, reason || `close code ${code}`));
    } else {
      const retryAt = now + this.#backoff.delay(now, wishOf(reason));
      const attempt = this.#failures + 1;
      this.#move("lost", { state: "Disconnected", code, reason, attempt, retryAt });
    }
  }

  /** This is the end. */
  end(error: Ended): void {
    this.connection = { kind: "none" };
    this.#move("ended", { state: "Closed", error });
  }

  /** When `tick` has something to do. */
  deadline(): number | undefined {
    if (this.state.state === "Disconnected") return this.state.retryAt;
    const { connection } = this;
    switch (connection.kind) {
      case "none":
        return undefined;
      case "greeting":
        return connection.saidAt + WELCOME_TIMEOUT;
      case "holding":
        return connection.againAt;
      case "greeted":
        return connection.liveness.deadline();
    }
  }

  #sayHello(now: number): void {
    const id = this.#sources.newId();
    this.connection = { kind: "greeting", id, saidAt: now };
    this.#out.write(hello(this.#credentials, id, this.username, this.returning));
  }

  #check({ liveness, pacer }: Greeted, now: number): void {
    switch (liveness.check(now)) {
      case "alive":
        break;
      case "ping": {
        const id = this.#sources.newId();
        pacer.force(now);
        liveness.pinged(id, now);
        this.#out.write({ type: "ping", id });
        break;
      }
      case "dead":
        this.lost(now, CloseCode.ABNORMAL, this.#reasons.silent);
    }
  }

  #tryAgain(): void {
    assert(this.state.state === "Disconnected", "only who has no connection tries to get one");
    this.#move("due", { state: "Reconnecting", attempt: this.state.attempt });
  }

  #measured(rttMs: number): void {
    this.rttMs = rttMs;
    this.#out.tell({ event: "LatencyMeasured", rttMs });
  }

  #move(trigger: Trigger, state: State): void {
    const leadsTo = TRANSITIONS[this.state.state][trigger];
    assert(leadsTo === state.state, "the table has all transitions");
    this.state = state;
    this.#out.tell({ event: "StateChanged", state });
  }
}
