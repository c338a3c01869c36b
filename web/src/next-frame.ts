/**
 * When to draw: with the screen's next frame, since what is drawn oftener is never seen.
 *
 * @module
 */

/** Milliseconds after which it is done without one: a page that nobody sees has no frames. */
const LATEST = 100;

/** Does something right before the next frame. */
export function withNextFrame(task: () => void): void {
  const done = (): void => {
    cancelAnimationFrame(frame);
    clearTimeout(timer);
    task();
  };
  const frame = requestAnimationFrame(done);
  const timer = setTimeout(done, LATEST);
}
