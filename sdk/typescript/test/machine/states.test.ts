import { expect, test } from "vitest";
import { TRANSITIONS } from "../../src/machine/states.js";

const ARROWS = Object.entries(TRANSITIONS).flatMap(([from, ways]) =>
  Object.entries(ways).map(([trigger, to]) => ({ from, trigger, to })),
);

test("every state can be reached from the first", () => {
  const reached = new Set(["Connecting"]);
  for (const { from, to } of [...ARROWS, ...ARROWS]) if (reached.has(from)) reached.add(to);
  expect(reached).toEqual(new Set(Object.keys(TRANSITIONS)));
});

test("only the last state has no way out", () => {
  const stuck = Object.keys(TRANSITIONS).filter((name) =>
    ARROWS.every(({ from }) => from !== name),
  );
  expect(stuck).toEqual(["Closed"]);
});

test("one is connected only after a welcome", () => {
  const ways = ARROWS.filter(({ to }) => to === "Connected");
  expect(new Set(ways.map(({ trigger }) => trigger))).toEqual(new Set(["welcomed"]));
});

test("every state but the last can be the one in which the client ends", () => {
  expect(ARROWS.filter(({ to }) => to === "Closed").map(({ from }) => from)).toEqual([
    "Connecting",
    "Connected",
    "Disconnected",
    "Reconnecting",
  ]);
});
