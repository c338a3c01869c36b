/**
 * The client as a pure state machine, driven from outside: no socket, no clock, no chance.
 *
 * @module
 */

export * from "../errors.js";
export { CloseCode, ErrorCode, RETRYABLE, reconnects } from "../generated/codes.js";
export type * from "../generated/frames.js";
export type { RoomMembers } from "./company.js";
export { type AppCommand, DEFAULTS, Machine, type MachineOptions, type Settings } from "./core.js";
export type * from "./events.js";
export type {
  Closed,
  Connected,
  Connecting,
  Disconnected,
  Reconnecting,
  State,
  Trigger,
} from "./states.js";
export { TRANSITIONS } from "./states.js";
export type { Position } from "./subscriptions.js";
