/** The first of several times. @module */

/** Something has no time to wait for. */
export const NOW = Number.NEGATIVE_INFINITY;

/** The first of several times, of those that there are; undefined where there is none. */
export function earliest(times: Iterable<number | undefined>): number | undefined {
  let first: number | undefined;
  for (const time of times) {
    if (time !== undefined && (first === undefined || time < first)) first = time;
  }
  return first;
}
