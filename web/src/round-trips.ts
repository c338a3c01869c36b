/**
 * Round trips of the last minutes, in numbers and as a line.
 *
 * @module
 */

/** A measured round trip. */
export interface RoundTrip {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly ms: number;
}

/** The least, the middle and the most of some round trips, in milliseconds. */
export interface Spread {
  readonly least: number;
  readonly median: number;
  readonly most: number;
}

/** How some round trips are spread; undefined where there are none. */
export function spread(trips: readonly RoundTrip[]): Spread | undefined {
  const sorted = trips.map(({ ms }) => ms).sort((a, b) => a - b);
  const [least, most] = [sorted[0], sorted.at(-1)];
  if (least === undefined || most === undefined) {
    return undefined;
  }
  const middle = (sorted.length - 1) / 2;
  const [below, above] = [sorted[Math.floor(middle)] ?? 0, sorted[Math.ceil(middle)] ?? 0];
  return { least, median: (below + above) / 2, most };
}

/**
 * The line through some round trips, as SVG's path data in a box: the oldest at the left, the most
 * at the top, 0 ms at the bottom.
 *
 * @param margin - What stays free above and below, so that a thick line is not cut.
 */
export function lineThrough(
  trips: readonly RoundTrip[],
  { width, height, margin }: { width: number; height: number; margin: number },
): string {
  const most = Math.max(...trips.map(({ ms }) => ms), 1);
  const first = trips[0]?.at ?? 0;
  const span = Math.max((trips.at(-1)?.at ?? 0) - first, 1);
  const points = trips.map(({ at, ms }) => {
    const x = ((at - first) / span) * width;
    const y = height - margin - (ms / most) * (height - 2 * margin);
    return `${x.toFixed(1)} ${y.toFixed(1)}`;
  });
  return points.length > 0 ? `M${points.join("L")}` : "";
}

/** A time for people: tenths of a millisecond only where they count. */
export function rounded(ms: number): number {
  return ms < 10 ? Math.round(ms * 10) / 10 : Math.round(ms);
}
