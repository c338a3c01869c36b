import { expect, it } from "vitest";
import { saysWhy, whyNotConnected } from "../../src/transport/unreachable.js";

const URL = "ws://chat.example.org:8080/ws";

/** As Node's fetch and ws give them: in an event, as a cause, several at once. */
const systemError = (code: string) => ({ error: { message: "failed", cause: { code } } });

it.each([
  ["ECONNREFUSED", "nobody listens on chat.example.org:8080"],
  ["ENOTFOUND", "there is no host chat.example.org"],
  ["EAI_AGAIN", "cannot be looked up for now"],
  ["EHOSTUNREACH", "no way leads to"],
  ["ETIMEDOUT", "does not answer"],
  ["ECONNRESET", "with TLS, write wss://"],
])("says what %s means, and comes back", (code, words) => {
  const { code: close, reason } = whyNotConnected(URL, systemError(code));
  expect(reason).toContain(words);
  expect(close).toBe(1006);
  expect(saysWhy(systemError(code))).toBe(true);
});

it("reads the error of each address that was tried", () => {
  const both = { cause: { errors: [{ code: "ECONNREFUSED" }, { code: "ECONNREFUSED" }] } };
  expect(whyNotConnected(URL, both).reason).toContain("nobody listens");
});

it.each([
  [403, 1008, "does not let this program in"],
  [404, 1008, "is a web server without a chat"],
  [429, 1013, "takes no more connections"],
  [503, 1013, "takes no more connections"],
  [500, 1013, "has failed"],
  [408, 1013, "has failed"],
])("says what HTTP %i means, and whether to come back", (status, close, words) => {
  const refused = { message: `Unexpected server response: ${status}` };
  const told = whyNotConnected(URL, refused);
  expect(told.code).toBe(close);
  expect(told.reason).toContain(words);
});

it("does not come back to a server whose certificate cannot be trusted", () => {
  const told = whyNotConnected("wss://chat.example.org/ws", systemError("CERT_HAS_EXPIRED"));
  expect(told.code).toBe(1008);
  expect(told.reason).toContain("it has expired");
});

it("knows that a browser says nothing", () => {
  expect(saysWhy(undefined)).toBe(false);
  expect(saysWhy(new Event("error"))).toBe(false);
  expect(whyNotConnected(URL, undefined)).toMatchObject({ code: 1006 });
});
