import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { WebSocketServer, WebSocket as WsWebSocket } from "ws";
import { platform } from "../../src/platform/node.js";
import { unexplained } from "../../src/transport/failure.js";
import type { Transport, TransportListener } from "../../src/transport/transport.js";
import {
  OPEN_TIMEOUT,
  type WebSocketClass,
  webSocketOpener,
} from "../../src/transport/websocket.js";

let http: Server;
let peers: WebSocketServer;
let url: string;
let transport: Transport | undefined;

beforeEach(async () => {
  http = createServer();
  await new Promise<void>((resolve) => http.listen(0, "localhost", resolve));
  url = `ws://localhost:${(http.address() as AddressInfo).port}/ws`;
});
afterEach(async () => {
  vi.useRealTimers();
  transport?.abort();
  for (const peer of peers?.clients ?? []) peer.terminate();
  http.closeAllConnections();
  await new Promise((resolve) => http.close(resolve));
});

function serve(protocol: string | false = "causerie.v1"): void {
  peers = new WebSocketServer({ server: http, handleProtocols: () => protocol });
}

type Told = ["opened"] | ["received", string] | ["closed", number, string];

/**
 * Opens a transport; answers what it tells, and a promise of the next of a kind.
 *
 * @param explain - Who has words; in a page, nobody.
 */
function open(WebSocket: WebSocketClass, explain = platform.explainer("en")?.explain) {
  const told: Told[] = [];
  let wake = () => {};
  const put = (event: Told) => {
    told.push(event);
    wake();
  };
  const listener: TransportListener = {
    opened: () => put(["opened"]),
    received: (text) => put(["received", text]),
    closed: (code, reason) => put(["closed", code, reason]),
  };
  transport = webSocketOpener(WebSocket, explain)(url, listener);
  const next = async (kind: Told[0]): Promise<Told> => {
    for (;;) {
      const event = told.find(([name]) => name === kind);
      if (event !== undefined) return event;
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  };
  return { told, next, opened: transport };
}

describe.each([
  ["the runtime's WebSocket", WebSocket],
  ["the package ws", WsWebSocket as unknown as WebSocketClass],
])("over %s", (_, WebSocketOf) => {
  it("sends and receives text, and passes binary messages over", async () => {
    serve();
    peers.on("connection", (peer) =>
      peer.on("message", (data) => {
        peer.send(Buffer.from("binary"));
        peer.send(`echo ${data}`);
      }),
    );
    const { told, next, opened } = open(WebSocketOf);
    opened.send("too early");
    await next("opened");
    opened.send("hello");
    await expect(next("received")).resolves.toEqual(["received", "echo hello"]);
    expect(told).toHaveLength(2);
  });

  it("tells the server's close code and reason", async () => {
    serve();
    peers.on("connection", (peer) => peer.close(1012, "retry-after=500"));
    const { next } = open(WebSocketOf);
    await expect(next("closed")).resolves.toEqual(["closed", 1012, "retry-after=500"]);
  });

  it("stays away from a server that speaks another protocol", async () => {
    serve(false);
    const { told, next } = open(WebSocketOf);
    const [, code] = await next("closed");
    expect(code === 1008 || code === 1006).toBe(true); // ws itself refuses such a handshake
    expect(told).toHaveLength(1);
  });

  it("says goodbye with 1000, and waits for the server's", async () => {
    serve();
    const goodbye = new Promise<number>((resolve) => {
      peers.on("connection", (peer) => peer.on("close", resolve));
    });
    const { told, next, opened } = open(WebSocketOf);
    await next("opened");
    await opened.close();
    await expect(goodbye).resolves.toBe(1000);
    expect(told).toEqual([["opened"]]);
  });

  it("tells nothing of a connection that it was to drop", async () => {
    serve();
    const gone = new Promise<void>((resolve) => {
      peers.on("connection", (peer) => peer.on("close", () => resolve()));
    });
    const { told, next, opened } = open(WebSocketOf);
    await next("opened");
    opened.abort();
    await gone;
    expect(told).toEqual([["opened"]]);
  });
});

/** Never answers by itself. */
class Silent extends EventTarget {
  readonly protocol = "";
  send(): void {}
  close(): void {}
}

it("uses no connection on which another protocol, or none, is spoken", async () => {
  const sockets: Silent[] = [];
  class Stranger extends Silent {
    constructor() {
      super();
      sockets.push(this);
    }
  }
  const { next, told } = open(Stranger as unknown as WebSocketClass);
  sockets[0]?.dispatchEvent(new Event("open"));
  const [, code, reason] = await next("closed");
  expect(code).toBe(1008);
  expect(reason).toContain("does not speak causerie.v1");
  expect(told).toHaveLength(1);
});

it("tells, and does not throw, that a page may not even try", async () => {
  class Forbidden {
    constructor() {
      throw new DOMException("insecure", "SecurityError");
    }
  }
  const { next, told } = open(Forbidden as unknown as WebSocketClass);
  expect(told).toEqual([]);
  const [, code, reason] = await next("closed");
  expect([code, reason]).toEqual([1008, ""]);
});

it("gives an attempt up that nobody answers", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  const { next } = open(Silent as unknown as WebSocketClass);
  vi.advanceTimersByTime(OPEN_TIMEOUT);
  const [, code, reason] = await next("closed");
  expect(code).toBe(1006);
  expect(reason).toContain("does not answer within 10 s");
});

it("says nothing of why where nobody has words for it", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  const { next } = open(Silent as unknown as WebSocketClass, unexplained);
  vi.advanceTimersByTime(OPEN_TIMEOUT);
  await expect(next("closed")).resolves.toEqual(["closed", 1006, ""]);
  await expect(unexplained(url, { failure: "stranger" })).resolves.toEqual({
    code: 1008,
    reason: "",
  });
});
