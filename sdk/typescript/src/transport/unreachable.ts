/**
 * Why a server could not be reached, in the words and the language of whoever gave its address.
 *
 * Each is a clause without a full stop that stands after a colon; where something can be done about
 * it, that is in brackets. Only for Node: a page is told nothing by its browser.
 *
 * @module
 */

import { DEFAULT_PATH, placeOf } from "../address.js";
import { CloseCode } from "../generated/codes.js";
import type { Words } from "../language.js";
import type { Unreachable } from "./failure.js";

const STATUS = /^Unexpected server response: ([0-9]{3})$/u;
const TRY_AGAIN: ReadonlySet<number> = new Set([408, 425, 429]);
const SERVER_ERRORS = 500;

/** What OpenSSL finds wrong with a certificate, as Node names it. */
const CERTIFICATE: ReadonlyMap<string, string> = new Map([
  ["CERT_HAS_EXPIRED", "certificate-expired"],
  ["CERT_NOT_YET_VALID", "certificate-early"],
  ["ERR_TLS_CERT_ALTNAME_INVALID", "certificate-other-host"],
  ["DEPTH_ZERO_SELF_SIGNED_CERT", "certificate-unsigned"],
  ["SELF_SIGNED_CERT_IN_CHAIN", "certificate-unsigned"],
  ["UNABLE_TO_GET_ISSUER_CERT_LOCALLY", "certificate-unsigned"],
  ["UNABLE_TO_VERIFY_LEAF_SIGNATURE", "certificate-unsigned"],
]);

/**
 * Says why a connection could not be opened.
 *
 * @param url - Where to.
 * @param error - What the WebSocket's `error` event was, if there was one.
 */
export function whyNotConnected(words: Words, url: string, error: unknown): Unreachable {
  const faults = [...faultsOf(error)];
  for (const { message } of faults) {
    const status = Number(STATUS.exec(message)?.[1]);
    if (status) {
      return refused(words, url, status);
    }
  }
  const code = faults.map((fault) => fault.code).find((name) => name !== "") ?? "";
  const certificate = CERTIFICATE.get(code);
  if (certificate !== undefined) {
    const reason = whyNotTrusted(words, url, certificate);
    return { code: CloseCode.POLICY_VIOLATION, reason };
  }
  return { code: CloseCode.ABNORMAL, reason: whyLost(words, url, code) };
}

/** Says that nothing answers within so many seconds. */
export function whyMute(words: Words, url: string, seconds: number): string {
  return words.say("unreachable-mute-within", { place: placeOf(url), seconds });
}

/** Says that what answers speaks another protocol than the one that was asked for. */
export function whyStranger(words: Words, url: string, profile: string): string {
  return words.say("unreachable-stranger", { place: placeOf(url), profile });
}

/** Tells whether an error says what went wrong. */
export function saysWhy(error: unknown): boolean {
  return [...faultsOf(error)].some(({ message, code }) => code !== "" || STATUS.test(message));
}

function whyNotTrusted(words: Words, url: string, fault: string): string {
  const host = hostOf(url);
  const isAddress = /^[\d.]+$|:/u.test(host);
  const key = fault === "certificate-other-host" && isAddress ? "certificate-other-address" : fault;
  const reason = words.say(key, { variable: "NODE_EXTRA_CA_CERTS" });
  return words.say("unreachable-certificate", { host, reason });
}

function whyLost(words: Words, url: string, code: string): string {
  const place = placeOf(url);
  switch (code) {
    case "ECONNREFUSED":
      return words.say("unreachable-nobody", { place });
    case "ENOTFOUND":
      return words.say("unreachable-host", { host: hostOf(url) });
    case "EAI_AGAIN":
      return words.say("unreachable-lookup", { host: hostOf(url) });
    case "ENETUNREACH":
    case "EHOSTUNREACH":
    case "ENETDOWN":
    case "EHOSTDOWN":
      return words.say("unreachable-route", { place });
    case "ETIMEDOUT":
    case "UND_ERR_CONNECT_TIMEOUT":
      return words.say("unreachable-mute", { place });
    case "ECONNRESET":
    case "EPIPE":
    case "UND_ERR_SOCKET":
      return words.say(url.startsWith("ws:") ? "unreachable-closed" : "unreachable-closed-tls", {
        place,
      });
    case "":
      return words.say("unreachable-odd", { place });
  }
  if (code === "EPROTO" || code.startsWith("ERR_SSL")) {
    return words.say("unreachable-tls", { place });
  }
  if (code.startsWith("HPE_")) {
    return words.say("unreachable-port", { place });
  }
  return words.say("unreachable-other", { place, error: code });
}

function refused(words: Words, url: string, status: number): Unreachable {
  const mayDoBetter = TRY_AGAIN.has(status) || status >= SERVER_ERRORS;
  return {
    code: mayDoBetter ? CloseCode.TRY_AGAIN_LATER : CloseCode.POLICY_VIOLATION,
    reason: whyNoChat(words, url, status),
  };
}

/** Says what an answer over HTTP means that opens no WebSocket. */
function whyNoChat(words: Words, url: string, status: number): string {
  const place = placeOf(url);
  const path = new URL(url).pathname;
  switch (status) {
    case 401:
    case 403:
      return words.say("unreachable-denied", { place, status });
    case 404:
      return path === DEFAULT_PATH
        ? words.say("unreachable-chatless", { place, status })
        : words.say("unreachable-path", { place, path, status, usual: DEFAULT_PATH });
    case 429:
    case 503:
      return words.say("unreachable-busy", { place, status });
  }
  const key = status >= SERVER_ERRORS ? "unreachable-failed" : "unreachable-web";
  return words.say(key, { place, status });
}

function hostOf(url: string): string {
  return new URL(url).hostname.replace(/^\[|\]$/gu, "");
}

interface Fault {
  readonly message: string;
  readonly code: string;
}

// An event has its error, that its cause, and one that tried several addresses has one of each.
function* faultsOf(error: unknown, depth = 0): Generator<Fault> {
  if (typeof error !== "object" || error === null || depth > 4) {
    return;
  }
  const { message, code, error: inner, cause, errors } = error as Record<string, unknown>;
  yield {
    message: typeof message === "string" ? message : "",
    code: typeof code === "string" ? code : "",
  };
  yield* faultsOf(inner, depth + 1);
  yield* faultsOf(cause, depth + 1);
  for (const one of Array.isArray(errors) ? errors : []) {
    yield* faultsOf(one, depth + 1);
  }
}
