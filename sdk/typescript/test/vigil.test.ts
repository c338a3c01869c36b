import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { SLEPT, Vigil, WATCHED_EVERY } from "../src/vigil.js";

let page: EventTarget;
let woke: number;
let vigil: Vigil;

beforeEach(() => {
  vi.useFakeTimers();
  page = new EventTarget();
  woke = 0;
  vigil = new Vigil(() => {
    woke += 1;
  }, [page]);
});
afterEach(() => {
  vigil.end();
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

it.each(["online", "visibilitychange", "pageshow", "resume"])(
  "wakes when a page says %s",
  (sign) => {
    page.dispatchEvent(new Event(sign));
    expect(woke).toBe(1);
  },
);

it("does not wake for a page that is being hidden", () => {
  vi.stubGlobal("document", { visibilityState: "hidden" });
  page.dispatchEvent(new Event("visibilitychange"));
  expect(woke).toBe(0);
  vi.stubGlobal("document", { visibilityState: "visible" });
  page.dispatchEvent(new Event("visibilitychange"));
  expect(woke).toBe(1);
});

it("hears nothing any more when it has ended", () => {
  vigil.end();
  page.dispatchEvent(new Event("online"));
  expect(woke).toBe(0);
});

it("takes it for sleep when only the wall clock went on, once", () => {
  vi.setSystemTime(Date.now() + SLEPT + 1);
  expect(vigil.slept(performance.now())).toBe(true);
  expect(vigil.slept(performance.now())).toBe(false);
});

it("takes it for sleep when a look comes late", () => {
  const dueAt = performance.now() + WATCHED_EVERY;
  vi.advanceTimersByTime(WATCHED_EVERY + SLEPT + 1);
  expect(vigil.slept(dueAt)).toBe(true);
});

it("takes looks in time, and a clock that is set back, for nothing", () => {
  for (let look = 0; look < 10; look += 1) {
    const dueAt = performance.now() + WATCHED_EVERY;
    vi.advanceTimersByTime(WATCHED_EVERY + SLEPT - 1);
    expect(vigil.slept(dueAt)).toBe(false);
  }
  vi.setSystemTime(Date.now() - 3_600_000);
  expect(vigil.slept(performance.now())).toBe(false);
});
