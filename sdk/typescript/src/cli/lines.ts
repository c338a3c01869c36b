/**
 * Lines of text with their styles. A line has no line breaks in it.
 *
 * @module
 */

/** What a piece of text is, which decides how it looks. */
export type Style =
  | "plain"
  | "time"
  | "name"
  | "own"
  | "private"
  | "earlier"
  | "news"
  | "waiting"
  | "good"
  | "bad";

/** A piece of a line. */
export interface Span {
  readonly text: string;
  readonly style: Style;
}

export type Line = readonly Span[];

// ECMA-48, 8.3.117: 2 faint, 31 red, 32 green, 33 yellow, 35 magenta, 36 cyan. No colour is set that
// could not be read on a light and on a dark ground.
const SGR: Readonly<Partial<Record<Style, string>>> = {
  time: "2",
  name: "36",
  own: "32",
  private: "35",
  earlier: "2",
  news: "2",
  waiting: "33",
  good: "32",
  bad: "31",
};

/** A piece of a line. */
export function span(text: string, style: Style = "plain"): Span {
  return { text, style };
}

/** A line of one style. */
export function line(text: string, style: Style = "plain"): Line {
  return [span(text, style)];
}

/** The text alone. */
export function plain(spans: Line): string {
  return spans.map(({ text }) => text).join("");
}

/** The same text in one style. */
export function restyled(spans: Line, style: Style): Line {
  return line(plain(spans), style);
}

/** The text with its colours, for a terminal. */
export function painted(spans: Line): string {
  return spans
    .map(({ text, style }) => {
      const sgr = SGR[style];
      return sgr === undefined ? text : `\u001b[${sgr}m${text}\u001b[0m`;
    })
    .join("");
}
