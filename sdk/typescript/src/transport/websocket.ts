/**
 * A transport over a WebSocket: the runtime's own, or that of the package `ws`, which has the same
 * face.
 *
 * @module
 */

import { CloseCode } from "../generated/codes.js";
import { type Explain, type Failure, unexplained } from "./failure.js";
import type { OpenTransport, Transport, TransportListener } from "./transport.js";

/** The subprotocol of the v1 profile. */
export const SUBPROTOCOL = "causerie.v1";

/** Milliseconds that an attempt to open a connection may take. */
export const OPEN_TIMEOUT = 10_000;

/** Milliseconds that the server has to answer our close frame. */
const GOODBYE_TIMEOUT = 2_000;

/** A WebSocket's close event. */
export interface WebSocketClosed {
  readonly code: number;
  readonly reason: string;
}

/** What is used of a WebSocket. */
export interface WebSocketLike {
  readonly protocol: string;
  readonly extensions?: string;
  addEventListener(type: "open", listener: () => void): void;
  addEventListener(type: "message", listener: (event: { readonly data: unknown }) => void): void;
  addEventListener(type: "error", listener: (event: object) => void): void;
  addEventListener(type: "close", listener: (event: WebSocketClosed) => void): void;
  send(text: string): void;
  close(code?: number, reason?: string): void;
  /** Only the package `ws` has it. */
  terminate?(): void;
}

/** The class of such WebSockets. */
export type WebSocketClass = new (url: string, protocols: string[]) => WebSocketLike;

/** Makes the function that opens transports over WebSockets of this class. */
export function webSocketOpener(
  WebSocket: WebSocketClass,
  explain: Explain = unexplained,
): OpenTransport {
  return (url, listener) => {
    try {
      return new WebSocketTransport(WebSocket, explain, url, listener);
    } catch {
      return new Refused(listener);
    }
  };
}

/** A connection that the runtime refuses to try: from a page with TLS to a server without. */
class Refused implements Transport {
  #listener: TransportListener | undefined;

  constructor(listener: TransportListener) {
    this.#listener = listener;
    queueMicrotask(() => this.#listener?.closed(CloseCode.POLICY_VIOLATION, ""));
  }

  send(): void {}

  async close(): Promise<void> {
    this.abort();
  }

  abort(): void {
    this.#listener = undefined;
  }
}

class WebSocketTransport implements Transport {
  readonly #socket: WebSocketLike;
  readonly #explain: Explain;
  readonly #url: string;
  readonly #opening: ReturnType<typeof setTimeout>;
  #listener: TransportListener | undefined;
  #isOpen = false;
  #hasFailed = false;
  /** What went wrong, where the runtime says. */
  #error: unknown;
  #ended: () => void = () => {};

  constructor(
    WebSocket: WebSocketClass,
    explain: Explain,
    url: string,
    listener: TransportListener,
  ) {
    const socket = new WebSocket(url, [SUBPROTOCOL]);
    this.#socket = socket;
    this.#explain = explain;
    this.#url = url;
    this.#listener = listener;
    this.#opening = setTimeout(() => this.#timedOut(), OPEN_TIMEOUT);
    socket.addEventListener("open", () => this.#opened());
    socket.addEventListener("message", ({ data }) => this.#received(data));
    socket.addEventListener("error", (event) => {
      this.#error = event;
    });
    socket.addEventListener("close", ({ code, reason }) => this.#closed(code, reason));
  }

  send(text: string): void {
    if (this.#isOpen) {
      this.#socket.send(text);
    }
  }

  async close(): Promise<void> {
    this.#listener = undefined;
    clearTimeout(this.#opening);
    if (!this.#isOpen) {
      this.#drop();
      return;
    }
    const goodbye = new Promise<void>((resolve) => {
      this.#ended = resolve;
    });
    const timer = setTimeout(() => {
      this.#drop();
      this.#ended();
    }, GOODBYE_TIMEOUT);
    this.#socket.close(CloseCode.NORMAL);
    await goodbye;
    clearTimeout(timer);
  }

  abort(): void {
    this.#listener = undefined;
    clearTimeout(this.#opening);
    this.#drop();
  }

  #opened(): void {
    clearTimeout(this.#opening);
    if (this.#socket.protocol !== SUBPROTOCOL) {
      void this.#fail({ failure: "stranger" });
      this.#drop();
      return;
    }
    this.#isOpen = true;
    this.#listener?.opened(this.#socket.extensions ?? "");
  }

  #received(data: unknown): void {
    // A binary message is none of the protocol's.
    if (typeof data === "string") {
      this.#listener?.received(data);
    }
  }

  #timedOut(): void {
    void this.#fail({ failure: "mute", seconds: OPEN_TIMEOUT / 1000 });
    this.#drop();
  }

  #closed(code: number, reason: string): void {
    clearTimeout(this.#opening);
    if (this.#isOpen) {
      this.#isOpen = false;
      this.#tellClosed(code, reason);
    } else if (this.#listener !== undefined) {
      void this.#fail({ failure: "error", error: this.#error });
    }
    this.#ended();
  }

  /** The connection could not be opened: the first reason is the one that counts. */
  async #fail(failure: Failure): Promise<void> {
    if (this.#hasFailed) {
      return;
    }
    this.#hasFailed = true;
    const { code, reason } = await this.#explain(this.#url, failure);
    this.#tellClosed(code, reason);
  }

  #tellClosed(code: number, reason: string): void {
    const listener = this.#listener;
    this.#listener = undefined;
    listener?.closed(code, reason);
  }

  #drop(): void {
    this.#isOpen = false;
    if (this.#socket.terminate) {
      this.#socket.terminate();
    } else {
      // A page can drop nothing: it says goodbye, and hears no more of it.
      this.#socket.close();
    }
  }
}
