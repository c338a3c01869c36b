import { expect, it } from "vitest";
import { Words } from "../../src/language.js";
import { saysWhy, whyMute, whyNotConnected, whyStranger } from "../../src/transport/unreachable.js";

const URL = "ws://chat.example.org:8080/ws";
const [en, fr] = [new Words("en"), new Words("fr")];

/** As Node's fetch and ws give them: in an event, as a cause, several at once. */
const systemError = (code: string) => ({ error: { message: "failed", cause: { code } } });

it.each([
  ["ECONNREFUSED", "nobody listens on chat.example.org:8080"],
  ["ENOTFOUND", "there is no host chat.example.org"],
  ["EAI_AGAIN", "cannot be looked up for now"],
  ["EHOSTUNREACH", "no way leads to"],
  ["ETIMEDOUT", "does not answer"],
  ["ECONNRESET", "with TLS, write wss://"],
  ["EPROTO", "does not speak TLS"],
  ["HPE_INVALID_CONSTANT", "is no web server"],
  ["EMFILE", "cannot be reached (EMFILE)"],
])("says what %s means, and comes back", (code, words) => {
  const { code: close, reason } = whyNotConnected(en, URL, systemError(code));
  expect(reason).toContain(words);
  expect(close).toBe(1006);
  expect(saysWhy(systemError(code))).toBe(true);
});

it("reads the error of each address that was tried", () => {
  const both = { cause: { errors: [{ code: "ECONNREFUSED" }, { code: "ECONNREFUSED" }] } };
  expect(whyNotConnected(en, URL, both).reason).toContain("nobody listens");
});

it.each([
  [403, 1008, "does not let this program in"],
  [404, 1008, "is a web server without a chat"],
  [200, 1008, "answers as a web server"],
  [429, 1013, "takes no more connections"],
  [503, 1013, "takes no more connections"],
  [500, 1013, "has failed"],
  [408, 1013, "answers as a web server"],
])("says what HTTP %i means, and whether to come back", (status, close, words) => {
  const refused = { message: `Unexpected server response: ${status}` };
  const told = whyNotConnected(en, URL, refused);
  expect(told.code).toBe(close);
  expect(told.reason).toContain(words);
});

it("says where the chat of a server is that has none at this path", () => {
  const refused = { message: "Unexpected server response: 404" };
  const { reason } = whyNotConnected(en, "ws://chat.example.org/elsewhere", refused);
  expect(reason).toContain("no chat at /elsewhere (HTTP 404; Causerie’s is at /ws");
});

it.each([
  [
    "CERT_HAS_EXPIRED",
    "wss://chat.example.org/ws",
    "chat.example.org cannot be trusted: it has expired",
  ],
  ["ERR_TLS_CERT_ALTNAME_INVALID", "wss://chat.example.org/ws", "it is another host’s"],
  ["ERR_TLS_CERT_ALTNAME_INVALID", "wss://[2001:db8::1]/ws", "it is another address’s"],
  ["SELF_SIGNED_CERT_IN_CHAIN", "wss://192.0.2.1/ws", "(NODE_EXTRA_CA_CERTS can name more)"],
])("does not come back to a certificate that cannot be trusted: %s", (code, url, words) => {
  const told = whyNotConnected(en, url, systemError(code));
  expect(told.code).toBe(1008);
  expect(told.reason).toContain(words);
});

it("speaks the language that it is given", () => {
  expect(whyNotConnected(fr, URL, systemError("ECONNREFUSED")).reason).toBe(
    "personne n’écoute sur chat.example.org:8080 (« causerie serve » démarre un serveur)",
  );
  expect(whyMute(fr, URL, 10)).toContain("ne répond pas en 10 s");
  expect(whyStranger(fr, URL, "causerie.v1")).toContain("ne parle pas causerie.v1");
});

it("knows where nothing is said", () => {
  expect(saysWhy(undefined)).toBe(false);
  expect(saysWhy(new Event("error"))).toBe(false);
  expect(whyNotConnected(en, URL, undefined)).toMatchObject({ code: 1006 });
});
