import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { withNextFrame } from "../src/next-frame.js";

/** What waits for the screen's next frame. */
let waiting: Map<number, () => void>;

beforeEach(() => {
  vi.useFakeTimers();
  waiting = new Map();
  vi.stubGlobal("requestAnimationFrame", (task: () => void) => {
    waiting.set(waiting.size + 1, task);
    return waiting.size;
  });
  vi.stubGlobal("cancelAnimationFrame", (number: number) => waiting.delete(number));
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

test("it is done with the next frame, and not again later", () => {
  const task = vi.fn();
  withNextFrame(task);
  expect(task).not.toHaveBeenCalled();
  for (const frame of [...waiting.values()]) {
    frame();
  }
  vi.advanceTimersByTime(1_000);
  expect(task).toHaveBeenCalledOnce();
});

test("where no frame comes it is done soon, and not again with one", () => {
  const task = vi.fn();
  withNextFrame(task);
  vi.advanceTimersByTime(100);
  expect(task).toHaveBeenCalledOnce();
  expect(waiting.size).toBe(0);
});
