/**
 * Where a server is: what people write, as the URL of its WebSocket.
 *
 * @module
 */

import { InvalidAddress } from "./errors.js";

/** Where `causerie serve` listens unless told otherwise. */
export const DEFAULT_URL = "ws://localhost:8080";

/** Of a host that is given alone, without a scheme. */
const DEFAULT_PORT = "8080";

/** Where a server of Causerie has its chat, if a URL names no path. */
export const DEFAULT_PATH = "/ws";

const SCHEMES: Readonly<Record<string, string>> = {
  ws: "ws",
  wss: "wss",
  http: "ws",
  https: "wss",
};
const PORTS: Readonly<Record<string, string>> = { "ws:": "80", "wss:": "443" };

/** This computer, by any name. */
const LOCAL_HOSTS: ReadonlySet<string> = new Set(["127.0.0.1", "[::1]", "localhost"]);

/**
 * Completes an address: a URL (`ws`, `wss`, `http` or `https`), `host:port` or a host.
 *
 * @throws {@link InvalidAddress} when it is none of these; the message says what is wrong, and what
 * a right one looks like.
 */
export function websocketUrl(address: string): string {
  const text = address.trim();
  if (text === "") {
    throw noAddress(address, "it is empty");
  }
  if (/[\s\p{Cc}\p{Cf}\p{Co}\p{Cs}\p{Z}]/u.test(text)) {
    throw noAddress(address, "there is a blank in it");
  }
  const [, written, rest] = /^(?:([^/?#]*):\/\/)?(.*)$/u.exec(text) ?? [];
  const scheme = written === undefined ? "ws" : SCHEMES[written.toLowerCase()];
  if (scheme === undefined) {
    const begins = written === "" ? "no scheme" : written;
    throw noAddress(address, `it begins with ${begins}, not ws, wss, http or https`);
  }
  const [authority = "", port] = /^[^/?#]*?(?::([^:\]@/?#]*))?(?=[/?#]|$)/u.exec(rest ?? "") ?? [];
  if (port && !(/^[0-9]{1,5}$/u.test(port) && Number(port) >= 1 && Number(port) <= 65_535)) {
    throw noAddress(address, "its port is no number from 1 to 65535");
  }
  let url: URL;
  try {
    url = new URL(`${scheme}://${rest}`);
  } catch {
    const why = authority === "" ? "there is no host in it" : "its host is none";
    throw noAddress(address, why);
  }
  if (written === undefined && !port) {
    url.port = DEFAULT_PORT;
  }
  if (url.pathname === "/") {
    url.pathname = DEFAULT_PATH;
  }
  url.hash = "";
  return url.href;
}

/**
 * What tells one server from another: `scheme://host:port`, however its address was written.
 *
 * @throws {@link InvalidAddress} when it is no address.
 */
export function origin(address: string): string {
  const url = new URL(websocketUrl(address));
  const host = LOCAL_HOSTS.has(url.hostname) ? "localhost" : url.hostname;
  return `${url.protocol}//${host}:${portOf(url)}`;
}

/** Where the URL of a WebSocket leads: `host:port`. */
export function placeOf(url: string): string {
  const parts = new URL(url);
  return `${parts.hostname}:${portOf(parts)}`;
}

function portOf(url: URL): string {
  return url.port || (PORTS[url.protocol] ?? "");
}

function noAddress(address: string, why: string): InvalidAddress {
  return new InvalidAddress(
    `“${address}” is not the address of a server: ${why}; a right one is ${DEFAULT_URL}, ` +
      "or https://chat.example.org",
  );
}
