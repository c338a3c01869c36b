/**
 * Node.
 *
 * @module
 */

import { NoWebSocket } from "../errors.js";
import { FileStorage } from "../storage/files.js";
import type { Storage } from "../storage/storage.js";
import type { WebSocketClass } from "../transport/websocket.js";
import type { Platform } from "./platform.js";

/** Milliseconds. */
const DIAGNOSED_WITHIN = 2_000;

let shared: Storage | undefined;

/** Node: with a WebSocket of its own from version 22 on, before that with the package `ws`. */
export const platform: Platform = {
  async webSocket(): Promise<WebSocketClass> {
    if (typeof WebSocket !== "undefined") {
      return WebSocket;
    }
    try {
      return (await import("ws")).WebSocket as unknown as WebSocketClass;
    } catch (error) {
      throw new NoWebSocket(
        "Node has a WebSocket from version 22 on; for this one, npm install ws",
        { cause: error },
      );
    }
  },

  async diagnose(url: string): Promise<unknown> {
    // Node's own WebSocket says nothing. Its fetch does, of the same place.
    try {
      const { status } = await fetch(url.replace("ws", "http"), {
        redirect: "manual",
        signal: AbortSignal.timeout(DIAGNOSED_WITHIN),
      });
      return new Error(`Unexpected server response: ${status}`);
    } catch (error) {
      return error;
    }
  },

  storage(): Storage {
    shared ??= new FileStorage();
    return shared;
  },
};
