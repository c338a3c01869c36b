/**
 * What a frame says, for people who look at it.
 *
 * @module
 */

/** Values of these fields are somebody's secret. */
const SECRET: ReadonlySet<string> = new Set(["key", "token"]);

/** The type of a frame: what its `type` says, or `?`. */
export function typeOf(text: string): string {
  const type = (parsed(text) as { type?: unknown } | undefined)?.type;
  return typeof type === "string" ? type : "?";
}

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
