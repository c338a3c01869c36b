import { expect, test } from "vitest";
import type { HistoryPage } from "../../src/machine/index.js";
import { readFrame, readHistory } from "../../src/machine/reading.js";
import { message } from "./frames.js";

test("a frame is read from its text", () => {
  expect(readFrame('{"type":"pong","time":7}')).toEqual({ type: "pong", time: 7 });
  expect(readFrame(JSON.stringify(message(2)))).toEqual(message(2));
});

test("an entry of a newer type has its place in the room", () => {
  const text =
    '{"type":"reaction","room":"lobby","seq":3,"prev":2,"id":"r","username":"Bob","timestamp":6,"emoji":"👍"}';
  expect(readFrame(text)).toEqual({
    event: "Unknown",
    room: "lobby",
    seq: 3,
    prev: 2,
    id: "r",
    username: "Bob",
    timestamp: 6,
    frame: text,
  });
});

test("an entry with a fault of its own still has its place", () => {
  const text = '{"type":"message","room":"lobby","seq":3,"prev":2}';
  expect(readFrame(text)).toEqual({
    event: "Unknown",
    room: "lobby",
    seq: 3,
    prev: 2,
    id: "",
    username: "",
    timestamp: 0,
    frame: text,
  });
});

test.each([
  "",
  "nonsense",
  "[1]",
  "null",
  '{"type":"wave","room":"lobby"}',
  '{"type":"wave","room":"lobby","seq":-1,"prev":0}',
  '{"type":"wave","room":"lobby","seq":"1","prev":0}',
])("what cannot be read and has no place is nothing: %j", (text) => {
  expect(readFrame(text)).toBeUndefined();
});

test("nothing is nested too deeply to do no harm", () => {
  expect(readFrame("[".repeat(100_000))).toBeUndefined();
  expect(readFrame(`${"[".repeat(10_000)}${"]".repeat(10_000)}`)).toBeUndefined();
});

test("a page of a log is read, and what is no entry is left out", () => {
  const unknown = { type: "poll", room: "lobby", seq: 3, prev: 2, votes: 5 };
  const entries: unknown = [message(2), { type: "pong", time: 1 }, unknown, "nonsense", null];
  const page: HistoryPage = {
    type: "history",
    id: "q",
    room: "lobby",
    epoch: "e1",
    entries: entries as HistoryPage["entries"],
    more: true,
  };
  const { entries: read, ...rest } = readHistory(page);
  expect(rest).toEqual({ type: "history", room: "lobby", epoch: "e1", more: true });
  expect(read).toEqual([
    message(2),
    expect.objectContaining({ event: "Unknown", seq: 3, frame: JSON.stringify(unknown) }),
  ]);
});
