/**
 * The client of Causerie, a self-hosted real-time chat, for browsers and Node.
 *
 * ```ts
 * const chat = await connect("ws://localhost:8080", "Alice");
 * await chat.join("lobby");
 * const receipt = await chat.send("hello");
 * console.log("stored as number", receipt.seq);
 * for await (const event of chat) console.log(event);
 * ```
 *
 * @packageDocumentation
 */

export { DEFAULT_URL, origin, websocketUrl } from "./address.js";
export type { Listener } from "./audience.js";
export {
  Client,
  type ConnectOptions,
  connect,
  type HistoryOptions,
  type JoinOptions,
  type SayOptions,
} from "./client.js";
export * from "./errors.js";
export { CloseCode, ErrorCode, RETRYABLE, reconnects } from "./generated/codes.js";
export type * from "./generated/frames.js";
export {
  findOrMakeKey,
  foldName,
  type KeyLink,
  type KeyStore,
  keyLink,
  newKey,
  readKeyLink,
} from "./keys.js";
export type { RoomMembers } from "./machine/company.js";
export type { AppCommand, Settings } from "./machine/core.js";
export type * from "./machine/events.js";
export type { Reasons } from "./machine/link.js";
export type {
  Closed,
  Connected,
  Connecting,
  Disconnected,
  Reconnecting,
  State,
  Trigger,
} from "./machine/states.js";
export { TRANSITIONS } from "./machine/states.js";
export type { Position } from "./machine/subscriptions.js";
export type { ClientEvent, Delivery, EventName, EventNamed, Sending } from "./sending.js";
export { IndexedDbStorage } from "./storage/indexeddb.js";
export { MemoryStorage } from "./storage/memory.js";
export type { Kept, Saying, Storage, StoredOutbox } from "./storage/storage.js";
export type { WebSocketClass, WebSocketLike } from "./transport/websocket.js";
export { readTraced, type WireEvent } from "./wire-tap.js";
