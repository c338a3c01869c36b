/**
 * What the server tells of the frames of one's own connection that no page can see.
 *
 * @module
 */

/** A frame of this connection, as the server saw it. `in` is what the page has sent. */
export interface TracedFrame {
  readonly direction: "in" | "out";
  /** RFC 6455, section 5.2. */
  readonly opcode: number;
  readonly fin: boolean;
  /** Bytes of the payload. */
  readonly length: number;
  /** The masking key in hexadecimal, 8 digits; empty where the frame is not masked. */
  readonly mask: string;
  /** Milliseconds since 1970, on the server's clock. */
  readonly at: number;
}

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

/** What an opcode is called. */
export function nameOf(opcode: number): string {
  return NAMES[opcode] ?? `opcode ${opcode}`;
}

/** Whether a frame is a ping, a pong or a close, and none that carries a message. */
export function isControl(frame: TracedFrame): boolean {
  return frame.opcode >= FIRST_CONTROL;
}

/** The frames that a message from the server tells of; undefined, if it is no such message. */
export function readTrace(text: string): TracedFrame[] | undefined {
  if (!text.includes('"trace"')) {
    return undefined; // most messages are none: they are not read twice
  }
  try {
    const message: unknown = JSON.parse(text);
    if (!isRecord(message) || message["type"] !== "trace" || !Array.isArray(message["frames"])) {
      return undefined;
    }
    return message["frames"].flatMap((frame: unknown) => readFrame(frame) ?? []);
  } catch {
    return undefined;
  }
}

function readFrame(frame: unknown): TracedFrame | undefined {
  if (!isRecord(frame)) {
    return undefined;
  }
  const { direction, opcode, fin, length, mask, at } = frame;
  if (
    (direction !== "in" && direction !== "out") ||
    typeof opcode !== "number" ||
    typeof length !== "number" ||
    typeof at !== "number"
  ) {
    return undefined;
  }
  const isMask = typeof mask === "string" && /^[\da-f]{8}$/i.test(mask);
  return { direction, opcode, fin: fin !== false, length, mask: isMask ? mask : "", at };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}
