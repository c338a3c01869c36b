import {
  EndedByServer,
  ErrorCode,
  HelloRefused,
  InDoubt,
  KeyDamaged,
  NameRefused,
  OutboxFull,
  CommandRefused as Refused,
} from "@causerie/client";
import { afterAll, beforeEach, expect, test } from "vitest";
import english from "../../../catalogue/en.json" with { type: "json" };
import french from "../../../catalogue/fr.json" with { type: "json" };
import { speak, Words } from "../../src/i18n.js";
import { because, explain, whyClosed } from "../../src/text/explain.js";

beforeEach(() => speak(new Words("en", english)));
afterAll(() => speak(new Words("en", english)));

const refused = (code: string, field?: string) =>
  new Refused(code, "The server’s words.", { field });

test("a name that is taken is told with a way on", () => {
  const error = new HelloRefused(new NameRefused(ErrorCode.NAME_TAKEN, "taken"));
  const told = explain(error, { username: "Alice" });
  expect(told).toMatch(/^“Alice” is taken.* Choose another\. .*the settings there.*\.$/u);
});

test.each([
  [
    refused("name_invalid", "username"),
    { username: "a b" },
    "“a b” cannot be anybody’s name: it has a space",
  ],
  [refused("invalid", "room"), { room: "?" }, "“?” cannot be the name of a room: it has “?” in it"],
  [refused("invalid", "to"), { to: "-x" }, "“-x” cannot be anybody’s name: names begin"],
  [
    refused("name_invalid", "username"),
    { username: "аlice" },
    "“аlice” cannot be anybody’s name: the server’s rules",
  ],
  [refused("invalid", "content"), {}, "The server does not take it: The server’s words."],
  [refused("recipient_unknown"), { to: "Zoe" }, "Nobody called “Zoe” is connected"],
  [refused("recipient_unknown"), {}, "Nobody of this name is connected"],
  [refused("not_joined"), {}, "You are not in that room any more."],
  [refused("too_many_rooms"), {}, "leave one first."],
  [refused("rate_limited"), {}, "That was too much at once"],
  [refused("of_a_newer_server"), {}, "The server’s words."],
  [new EndedByServer(4500, "version"), {}, "would help: the server is too new for this program."],
  [new EndedByServer(4999, ""), {}, "would help: close code 4999."],
  [new OutboxFull(1000), {}, "1000 commands wait"],
  [new InDoubt(new OutboxFull(1)), {}, "Nobody knows whether it arrived: 1 command waits"],
  [new KeyDamaged("raw"), {}, "What this browser keeps as the key"],
  [new TypeError("raw"), {}, "Something went wrong."],
])("%s is told in a whole sentence", (error, given, words) => {
  const told = explain(error, given);
  expect(told).toContain(words);
  expect(told).toMatch(/^[\p{Lu}\d“].*[.!?]$/u);
});

test("no error speaks English to who reads French", () => {
  speak(new Words("fr", french));
  for (const code of Object.values(ErrorCode)) {
    const given = { username: "a b", room: "a b", to: "a b" };
    expect(explain(refused(code, "room"), given)).not.toContain("The server");
  }
  expect(explain(new EndedByServer(1008, "policy"))).toMatch(/^Pas de connexion/u);
});

test("a closed connection is told by its code, or by the reason where the code has many", () => {
  expect(whyClosed(1001, "bye")).toBe("the server is stopping");
  expect(whyClosed(1006, "")).toBe("");
  expect(whyClosed(1013, "")).toBe("");
  expect(whyClosed(1013, "too many here; retry-after=5000")).toBe("too many here");
  expect(whyClosed(4200, "of a newer server")).toBe("of a newer server");
  expect(explain(new EndedByServer(1008, ""))).toContain("the server does not say why");
});

test("what stands after a colon begins small and has no full stop", () => {
  expect(because(refused("not_joined"))).toBe("you are not in that room any more");
});

test("a huge name does not fill the page", () => {
  const told = explain(refused("name_invalid", "username"), { username: "x".repeat(5_000) });
  expect(told.length).toBeLessThan(200);
});
