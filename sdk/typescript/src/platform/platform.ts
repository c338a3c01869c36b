/**
 * What a client needs of the runtime that it is in: browsers and Node have it in different places.
 *
 * @module
 */

import type { Storage } from "../storage/storage.js";
import type { Diagnose, WebSocketClass } from "../transport/websocket.js";

/** A runtime. `#platform` is the present one, chosen by package.json. */
export interface Platform {
  /**
   * The class of this runtime's WebSockets.
   *
   * @throws `NoWebSocket` when there is none; its message says what to do.
   */
  webSocket(): Promise<WebSocketClass>;

  /** Finds out why a server could not be reached, where a WebSocket does not tell. */
  readonly diagnose: Diagnose | undefined;

  /** Where clients keep their keys and outboxes unless told otherwise. */
  storage(): Storage;
}
