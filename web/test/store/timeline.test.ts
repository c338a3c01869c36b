import { describe, expect, test } from "vitest";
import { Timeline } from "../../src/store/timeline.js";
import { message } from "./entries.js";

const seqs = (timeline: Timeline): number[] => timeline.entries.map(({ seq }) => seq);

function of(...numbers: number[]): Timeline {
  const timeline = new Timeline();
  for (const seq of numbers) {
    timeline.add(message(seq));
  }
  return timeline;
}

describe("entries", () => {
  test("stand once, in the order of the log", () => {
    const timeline = of(4, 5, 6);
    expect(timeline.add(message(5))).toBe(false);
    expect(timeline.add(message(7))).toBe(true);
    expect(seqs(timeline)).toEqual([4, 5, 6, 7]);
    expect(timeline.find("m5")?.seq).toBe(5);
  });

  test("say whether there are earlier ones", () => {
    expect(of(1).hasEarlier).toBe(false);
    expect(of(4).hasEarlier).toBe(true);
  });

  test("come before the others when an earlier page is loaded", () => {
    const timeline = of(4, 5);
    timeline.prepend([message(2), message(3), message(4)], 4, true);
    expect(seqs(timeline)).toEqual([2, 3, 4, 5]);
    timeline.prepend([message(1)], 2, false);
    expect([seqs(timeline), timeline.hasEarlier]).toEqual([[1, 2, 3, 4, 5], false]);
  });

  test.each([[[]], [[message(4)]]])(
    "are asked for no more when more is promised and none sent: %j",
    (page) => {
      const timeline = of(4, 5);
      timeline.prepend(page, 4, true);
      expect([seqs(timeline), timeline.hasEarlier]).toEqual([[4, 5], false]);
    },
  );

  test("are not those of a log that is no more", () => {
    const timeline = of(40, 41);
    timeline.tear(41, null);
    timeline.add(message(50));
    timeline.prepend([message(38), message(39)], 40, true);
    expect(seqs(timeline)).toEqual([50]);
  });
});

describe("what is drawn", () => {
  test("is counted from the oldest on, through former entries into those of the log", () => {
    const timeline = of(7, 8);
    timeline.tear(8, null);
    timeline.add(message(7, { id: "other" }));
    timeline.add(message(9));
    const all = [0, 1, 2, 3].map((index) => timeline.at(index));
    expect(all.map((entry) => entry?.id)).toEqual(["m7", "m8", "other", "m9"]);
    expect([timeline.length, timeline.at(-1), timeline.at(4)]).toEqual([4, undefined, undefined]);
    expect(all.map((entry) => entry && timeline.indexOf(entry))).toEqual([0, 1, 2, 3]);
    expect(timeline.indexOf(message(8))).toBe(-1);
  });

  test("is found again after more has come before it", () => {
    const timeline = of(40, 50, 60);
    const entry = timeline.at(1);
    timeline.prepend([message(20), message(30)], 40, true);
    expect(entry && timeline.indexOf(entry)).toBe(3);
  });

  test("grows in place, however many come", () => {
    const timeline = of(4);
    const { entries } = timeline;
    timeline.add(message(5));
    timeline.prepend([message(3)], 4, true);
    expect(timeline.entries).toBe(entries);
  });
});

describe("a hole", () => {
  test("is shown before the entry that follows it, and filled page by page", () => {
    const timeline = of(1, 2);
    timeline.tear(2, 4);
    timeline.add(message(7));
    timeline.add(message(8));
    expect(timeline.holeBefore(7)).toEqual({ after: 2, missing: 4 });
    timeline.fill(7, [message(3), message(4)], 2);
    timeline.fill(7, [message(3), message(4)], 2); // it was asked for twice
    expect(timeline.holeBefore(7)).toEqual({ after: 4, missing: 2 });
    timeline.fill(7, [message(5), message(6), message(7)], 4);
    expect(timeline.holeBefore(7)).toBeUndefined();
    expect(seqs(timeline)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  });

  test("that nothing can fill is closed, and asked for no more", () => {
    const timeline = of(1);
    timeline.tear(1, 2);
    timeline.add(message(4));
    timeline.fill(4, [], 1);
    expect(timeline.holeBefore(4)).toBeUndefined();
  });

  test("of unknown size sets aside what stood before it: the numbers may begin anew", () => {
    const timeline = of(7, 8);
    timeline.tear(8, null);
    expect(timeline.add(message(1, { id: "new" }))).toBe(true);
    expect(seqs(timeline)).toEqual([1]);
    expect(timeline.former.map(({ seq }) => seq)).toEqual([7, 8]);
  });
});

describe("what one says", () => {
  test("stands at the end until its entry comes", () => {
    const timeline = of(1);
    timeline.sending({ id: "m2", content: "hi", replyTo: "", at: 5 });
    timeline.sending({ id: "m2", content: "hi", replyTo: "", at: 5 });
    expect(timeline.pending.map(({ state }) => state)).toEqual(["sending"]);
    timeline.sent("m2");
    expect(timeline.pending.map(({ state }) => state)).toEqual(["sent"]);
    timeline.add(message(2));
    expect(timeline.pending).toEqual([]);
  });

  test("that was seen already is not pending again", () => {
    const timeline = of(1);
    timeline.sending({ id: "m1", content: "text 1", replyTo: "", at: 5 });
    expect(timeline.pending).toEqual([]);
  });

  test("and was not taken says why, until it is given up", () => {
    const timeline = of(1);
    timeline.sending({ id: "x", content: "hi", replyTo: "", at: 5 });
    timeline.failed("x", "too long");
    expect(timeline.pending[0]).toMatchObject({ state: "failed", reason: "too long" });
    timeline.settle("x");
    expect(timeline.pending).toEqual([]);
  });
});
