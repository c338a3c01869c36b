/**
 * What a frame says, for people who look at it.
 *
 * @module
 */

import { words } from "../i18n.js";

/** Values of these fields are somebody's secret. */
const SECRET: ReadonlySet<string> = new Set(["key", "token"]);

/** The type of a frame: what its `type` says, or `?`. */
export function typeOf(text: string): string {
  const type = (parsed(text) as { type?: unknown } | undefined)?.type;
  return typeof type === "string" ? type : "?";
}

/** The format of times: to make one takes long. */
let clock: { readonly language: string; readonly format: Intl.DateTimeFormat } | undefined;

/** A frame as one line, without secrets. */
export function inline(text: string): string {
  const value = parsed(text);
  return value === undefined ? text : JSON.stringify(value, masked);
}

/** A frame laid out over lines, without secrets. */
export function pretty(text: string): string {
  const value = parsed(text);
  return value === undefined ? text : JSON.stringify(value, masked, 2);
}

/** A piece of JSON and what it is. */
export interface Piece {
  readonly kind: "key" | "string" | "number" | "word" | "sign";
  readonly text: string;
}

/** JSON in pieces, for colours. */
export function pieces(json: string): Piece[] {
  return [
    ...json.matchAll(
      /("(?:[^"\\]|\\.)*")(\s*:)?|(-?\d[\d.eE+-]*)|(true|false|null)|([^"\dtfn-]+|.)/gs,
    ),
  ].flatMap(([whole, string, colon, number, word]): Piece[] => {
    if (string !== undefined) {
      return colon === undefined
        ? [{ kind: "string", text: string }]
        : [
            { kind: "key", text: string },
            { kind: "sign", text: colon },
          ];
    }
    if (number !== undefined) {
      return [{ kind: "number", text: number }];
    }
    return [{ kind: word === undefined ? "sign" : "word", text: whole }];
  });
}

/** A time as the language of the page writes it, with milliseconds. */
export function timeOf(at: number): string {
  const { language } = words();
  if (clock?.language !== language) {
    const format = new Intl.DateTimeFormat(language, {
      hour: "2-digit",
      minute: "2-digit",
      second: "2-digit",
      fractionalSecondDigits: 3,
      hour12: false,
    });
    clock = { language, format };
  }
  return clock.format.format(at);
}

/** Bytes of a text in UTF-8. */
export function bytesOf(text: string): number {
  return new TextEncoder().encode(text).length;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function masked(name: string, value: unknown): unknown {
  return SECRET.has(name) && typeof value === "string" ? "•••" : value;
}
