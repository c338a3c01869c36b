/**
 * Why a server could not be reached, in words for whoever gave its address.
 *
 * Each is a clause without a full stop that stands after a colon; where something can be done about
 * it, that is in brackets. A page is told nothing by its browser, a program on Node the name of the
 * system's error.
 *
 * @module
 */

import { placeOf } from "../address.js";
import { CloseCode } from "../generated/codes.js";

/** Why there is no connection, and a close code that says whether another attempt may help. */
export interface Unreachable {
  readonly code: number;
  readonly reason: string;
}

const STATUS = /^Unexpected server response: ([0-9]{3})$/u;
const TRY_AGAIN: ReadonlySet<number> = new Set([408, 425, 429]);

/**
 * Says why a connection could not be opened.
 *
 * @param url - Where to.
 * @param error - What the WebSocket's `error` event was, if there was one.
 */
export function whyNotConnected(url: string, error: unknown): Unreachable {
  const faults = [...faultsOf(error)];
  for (const { message } of faults) {
    const status = Number(STATUS.exec(message)?.[1]);
    if (status) {
      return refused(url, status);
    }
  }
  const code = faults.map((fault) => fault.code).find((name) => name !== "") ?? "";
  const reason = explain(url, code);
  const isFinal = code.startsWith("ERR_TLS_CERT") || CERTIFICATE.has(code);
  return { code: isFinal ? CloseCode.POLICY_VIOLATION : CloseCode.ABNORMAL, reason };
}

/** Tells whether an error says what went wrong. */
export function saysWhy(error: unknown): boolean {
  return [...faultsOf(error)].some(({ message, code }) => code !== "" || STATUS.test(message));
}

const CERTIFICATE: ReadonlyMap<string, string> = new Map([
  ["CERT_HAS_EXPIRED", "it has expired (ask whoever runs the server)"],
  ["CERT_NOT_YET_VALID", "it is not valid yet (is this computer's clock right?)"],
  ["ERR_TLS_CERT_ALTNAME_INVALID", "it is another host's (is the address right?)"],
  ["DEPTH_ZERO_SELF_SIGNED_CERT", "nobody signed it whom this computer trusts"],
  ["SELF_SIGNED_CERT_IN_CHAIN", "nobody signed it whom this computer trusts"],
  ["UNABLE_TO_VERIFY_LEAF_SIGNATURE", "nobody signed it whom this computer trusts"],
]);

function explain(url: string, code: string): string {
  const place = placeOf(url);
  const host = new URL(url).hostname;
  switch (code) {
    case "ECONNREFUSED":
      return `nobody listens on ${place} (\`causerie serve\` starts a server)`;
    case "ENOTFOUND":
      return `there is no host ${host} (is it spelt right?)`;
    case "EAI_AGAIN":
      return `${host} cannot be looked up for now (is this computer online?)`;
    case "ENETUNREACH":
    case "EHOSTUNREACH":
    case "ENETDOWN":
    case "EHOSTDOWN":
      return `no way leads to ${place} (is this computer online?)`;
    case "ETIMEDOUT":
    case "UND_ERR_CONNECT_TIMEOUT":
      return `${place} does not answer (is the address right?)`;
    case "ECONNRESET":
    case "EPIPE":
    case "UND_ERR_SOCKET": {
      const other = url.startsWith("ws:")
        ? "with TLS, write wss:// or https://"
        : "without TLS, write ws:// or http://";
      return `${place} closed the connection without an answer (${other})`;
    }
    default: {
      const certificate = CERTIFICATE.get(code);
      if (certificate !== undefined) {
        return `the certificate of ${host} cannot be trusted: ${certificate}`;
      }
      return `${place} cannot be reached, or has no chat (is the address right?)`;
    }
  }
}

function refused(url: string, status: number): Unreachable {
  const place = placeOf(url);
  if (status === 401 || status === 403) {
    const reason = `${place} does not let this program in (HTTP ${status}; ask whoever runs it)`;
    return { code: CloseCode.POLICY_VIOLATION, reason };
  }
  if (status === 429 || status === 503) {
    const reason = `${place} takes no more connections for now (HTTP ${status})`;
    return { code: CloseCode.TRY_AGAIN_LATER, reason };
  }
  if (status >= 500 || TRY_AGAIN.has(status)) {
    const reason = `${place}, or the chat behind it, has failed (HTTP ${status})`;
    return { code: CloseCode.TRY_AGAIN_LATER, reason };
  }
  const reason = `${place} is a web server without a chat (HTTP ${status}; is the address right?)`;
  return { code: CloseCode.POLICY_VIOLATION, reason };
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
