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

  storage(): Storage {
    shared ??= new FileStorage();
    return shared;
  },
};
