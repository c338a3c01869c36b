/** A server's text to frames. What cannot be read does no harm. @module */

import type { HistoryPage, ServerFrame } from "../generated/frames.js";
import { decodeServerFrame, decodeUnknownEntry } from "./decode.js";
import type { Entry, History, Unknown } from "./events.js";

/**
 * Reads one frame; `Unknown` where it has a place in a room's log, but cannot be read or is of a
 * newer type, and undefined where it has not.
 */
export function readFrame(text: string): ServerFrame | Unknown | undefined {
  try {
    return readValue(JSON.parse(text), text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** Reads a page of a room's log; what is no entry is left out. */
export function readHistory({ room, epoch, entries, more }: HistoryPage): History {
  return { type: "history", room, epoch, entries: entries.flatMap(readEntry), more };
}

function readEntry(value: unknown): Entry[] {
  const frame = readValue(value, JSON.stringify(value));
  if (frame === undefined) return [];
  return "event" in frame || frame.type === "message" || frame.type === "private" ? [frame] : [];
}

function readValue(value: unknown, frame: string): ServerFrame | Unknown | undefined {
  const known = decodeServerFrame(value);
  if (known !== undefined) return known;
  const entry = decodeUnknownEntry(value);
  if (entry === undefined) return undefined;
  const { room, seq, prev, id = "", username = "", timestamp = 0 } = entry;
  return { event: "Unknown", room, seq, prev, id, username, timestamp, frame };
}
