/**
 * What somebody wrote as one short line, for places that show no more than that.
 *
 * @module
 */

/** Characters that turn the letters around them about, so that a text reads as what it is not. */
export const OVERRIDES = /[\u202D\u202E]/gu;

/** The beginning of a text in one line. */
export function excerpt(text: string, most: number): string {
  const points = [...text.replace(OVERRIDES, "").replace(/\s+/gu, " ").trim()];
  return points.length > most ? `${points.slice(0, most - 1).join("")}…` : points.join("");
}
