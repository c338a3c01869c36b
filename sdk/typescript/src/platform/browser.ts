/**
 * Browsers, and whatever else has their globals.
 *
 * @module
 */

import { NoWebSocket } from "../errors.js";
import { IndexedDbStorage } from "../storage/indexeddb.js";
import { MemoryStorage } from "../storage/memory.js";
import type { Storage } from "../storage/storage.js";
import type { WebSocketClass } from "../transport/websocket.js";
import type { Platform } from "./platform.js";

let shared: Storage | undefined;

/** A browser. */
export const platform: Platform = {
  async webSocket(): Promise<WebSocketClass> {
    if (typeof WebSocket === "undefined") {
      throw new NoWebSocket("this runtime has no WebSocket: give connect one, as its webSocket");
    }
    return WebSocket;
  },

  explainer(): undefined {}, // a page is told nothing, and has words of its own

  storage(): Storage {
    // One for all clients of the page: in memory they would not find each other's keys otherwise.
    shared ??= typeof indexedDB === "undefined" ? new MemoryStorage() : new IndexedDbStorage();
    return shared;
  },
};
