/**
 * What somebody wrote as one short line, for places that show no more than that.
 *
 * @module
 */

import { plain } from "./markup.js";

/** Characters that turn the letters around them about, so that a text reads as what it is not. */
export const OVERRIDES = /[\u202D\u202E]/gu;

/** The beginning of what somebody wrote, in one line and without its markup. */
export function excerpt(text: string, most: number): string {
  const points = [...plain(text.replace(OVERRIDES, ""))];
  return points.length > most ? `${points.slice(0, most - 1).join("")}…` : points.join("");
}
