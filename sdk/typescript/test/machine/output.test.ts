import { expect, test } from "vitest";
import { Output } from "../../src/machine/output.js";

test("events and frames come out once and in order", () => {
  const out = new Output();
  out.tell({ event: "LatencyMeasured", rttMs: 1 });
  out.write({ type: "ping", id: "a" });
  out.tell({ event: "Renamed", username: "Bob" });
  out.writeEncoded("{}");
  expect(out.takeEvents()).toEqual([
    { event: "LatencyMeasured", rttMs: 1 },
    { event: "Renamed", username: "Bob" },
  ]);
  expect(out.takeFrames()).toEqual(['{"type":"ping","id":"a"}', "{}"]);
  expect(out.takeEvents()).toEqual([]);
  expect(out.takeFrames()).toEqual([]);
});

test("what was to go to a lost connection is dropped, but its events are not", () => {
  const out = new Output();
  out.tell({ event: "LatencyMeasured", rttMs: 1 });
  out.write({ type: "ping" });
  out.cut();
  expect(out.takeFrames()).toEqual([]);
  expect(out.takeEvents()).toEqual([{ event: "LatencyMeasured", rttMs: 1 }]);
});
