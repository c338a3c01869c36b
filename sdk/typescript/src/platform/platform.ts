/**
 * What a client needs of the runtime that it is in: browsers and Node have it in different places.
 *
 * @module
 */

import type { Reasons } from "../machine/link.js";
import type { Storage } from "../storage/storage.js";
import type { Explain } from "../transport/failure.js";
import type { WebSocketClass } from "../transport/websocket.js";

/** Says why there is no connection, in a language. */
export interface Explainer {
  readonly explain: Explain;
  /** What the machine itself says. */
  readonly reasons: Reasons;
}

/** A runtime. `#platform` is the present one, chosen by package.json. */
export interface Platform {
  /**
   * The class of this runtime's WebSockets.
   *
   * @throws `NoWebSocket` when there is none; its message says what to do.
   */
  webSocket(): Promise<WebSocketClass>;

  /** Who says why there is no connection, in the language of a locale; undefined: nobody can. */
  explainer(locale: string): Explainer | undefined;

  /** Where clients keep their keys and outboxes unless told otherwise. */
  storage(): Storage;
}
