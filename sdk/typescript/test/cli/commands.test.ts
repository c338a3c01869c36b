import { expect, it } from "vitest";
import { COMMANDS, completions, parse } from "../../src/cli/commands.js";

it.each([
  ["", { does: "nothing" }],
  [" \t", { does: "nothing" }],
  ["hello", { does: "say", text: "hello" }],
  [" hello ", { does: "say", text: " hello " }],
  ["//who", { does: "say", text: "/who" }],
  ["/msg Bob  two  words ", { does: "tell", to: "Bob", text: "two  words" }],
  ["/MSG Bob hi", { does: "tell", to: "Bob", text: "hi" }],
  ["/msg Bob", { does: "misused", name: "msg" }],
  ["/join tea", { does: "join", room: "tea" }],
  ["/join", { does: "misused", name: "join" }],
  ["/join a b", { does: "misused", name: "join" }],
  ["/leave", { does: "leave", room: undefined }],
  ["/leave tea", { does: "leave", room: "tea" }],
  ["/history", { does: "history", count: 20 }],
  ["/history 0100", { does: "history", count: 100 }],
  ["/history 1000", { does: "history", count: 1_000 }],
  ["/history 1001", { does: "misused", name: "history" }],
  ["/history 0", { does: "misused", name: "history" }],
  ["/name Zoé", { does: "name", name: "Zoé" }],
  ["/name", { does: "misused", name: "name" }],
  ["/name two words", { does: "misused", name: "name" }],
  ["/rooms", { does: "rooms" }],
  ["/who me", { does: "misused", name: "who" }],
  ["/help me", { does: "help" }],
  ["/quit", { does: "quit" }],
  ["/", { does: "unknown", name: "", nearest: undefined }],
  ["/h", { does: "unknown", name: "h", nearest: "history" }],
  ["/hsitory", { does: "unknown", name: "hsitory", nearest: "history" }],
  ["/quti", { does: "unknown", name: "quti", nearest: "quit" }],
  ["/exit", { does: "unknown", name: "exit", nearest: undefined }],
])("takes %j for what it means", (text, meant) => {
  expect(parse(text)).toEqual(meant);
});

it("completes commands, names and rooms", () => {
  const complete = (text: string) => completions(text, ["Bob", "Alice"], ["tea", "lobby"]);
  expect(complete("/h")).toEqual(["/history ", "/help "]);
  expect(complete("/")).toHaveLength(COMMANDS.length);
  expect(complete("")).toEqual([]);
  expect(complete("/msg ")).toEqual(["Alice", "Bob"]);
  expect(complete("/msg b")).toEqual(["Bob"]);
  expect(complete("/join t")).toEqual(["tea"]);
  expect(complete("hello al")).toEqual(["Alice"]);
  expect(complete("hello ")).toEqual([]);
});
