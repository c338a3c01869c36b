/**
 * The WebSocket frames of one's own connection that no page can see, and what is to be said of them.
 *
 * @module
 */

import type { TracedFrame } from "@causerie/client";

/** Names of the opcodes that a connection can have (RFC 6455, section 11.8). */
const NAMES: Readonly<Record<number, string>> = {
  0: "continuation",
  1: "text",
  2: "binary",
  8: "close",
  9: "ping",
  10: "pong",
};

/** The first opcode of control frames. */
const FIRST_CONTROL = 8;
const CLOSE = 8;
/** Hexadecimal digits of a close frame's code. */
const CODE_DIGITS = 4;

/** An opcode and what it is called: so a WebSocket's ping is not taken for the command `ping`. */
export function nameOf(opcode: number): string {
  return `0x${opcode.toString(16)} ${NAMES[opcode] ?? ""}`.trim();
}

/** Whether a frame is a ping, a pong or a close, and none that carries a message. */
export function isControl({ opcode }: TracedFrame): boolean {
  return opcode >= FIRST_CONTROL;
}

/** What a control frame carries: of a close frame the code and the reason, else the bytes. */
export function carried({ opcode, payload = "" }: TracedFrame): string {
  if (opcode !== CLOSE || payload.length < CODE_DIGITS) {
    return spaced(payload);
  }
  const code = Number.parseInt(payload.slice(0, CODE_DIGITS), 16);
  const reason = new TextDecoder().decode(bytesFrom(payload.slice(CODE_DIGITS)));
  return `${code} ${reason}`.trim();
}

/** Bytes in hexadecimal, each apart from the next. */
export function spaced(hexadecimal: string): string {
  return hexadecimal.replaceAll(/..(?!$)/g, "$& ");
}

/**
 * Bytes on the wire of a message that goes out in one frame: before the payload come the opcode, the
 * length in 1, 3 or 9 bytes, and the masking key of what a client sends.
 */
export function wireSize(payload: number, isMasked: boolean): number {
  const length = payload < 126 ? 1 : payload < 65_536 ? 3 : 9;
  return 1 + length + (isMasked ? 4 : 0) + payload;
}

function bytesFrom(hexadecimal: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(hexadecimal.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}
