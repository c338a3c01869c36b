/**
 * Node.
 *
 * @module
 */

import { NoWebSocket } from "../errors.js";
import { CloseCode } from "../generated/codes.js";
import { knownLanguage, Words } from "../language.js";
import { FileStorage } from "../storage/files.js";
import type { Storage } from "../storage/storage.js";
import type { Failure, Unreachable } from "../transport/failure.js";
import { saysWhy, whyMute, whyNotConnected, whyStranger } from "../transport/unreachable.js";
import { SUBPROTOCOL, type WebSocketClass } from "../transport/websocket.js";
import type { Explainer, Platform } from "./platform.js";

/** Milliseconds. */
const DIAGNOSED_WITHIN = 2_000;

let shared: Storage | undefined;

/** Node: with a WebSocket of its own from version 22 on, before that with the package `ws`. */
export const platform: Platform = {
  async webSocket(): Promise<WebSocketClass> {
    if (typeof WebSocket !== "undefined") {
      return WebSocket;
    }
    try {
      return (await import("ws")).WebSocket as unknown as WebSocketClass;
    } catch (error) {
      throw new NoWebSocket(
        "Node has a WebSocket from version 22 on; for this one, npm install ws",
        { cause: error },
      );
    }
  },

  explainer(locale: string): Explainer {
    const words = new Words(knownLanguage(locale));
    const reasons = { noWelcome: words.say("lost-no-welcome"), silent: words.say("lost-silent") };
    return { explain: (url, failure) => explain(words, url, failure), reasons };
  },

  storage(): Storage {
    shared ??= new FileStorage();
    return shared;
  },
};

async function explain(words: Words, url: string, failure: Failure): Promise<Unreachable> {
  switch (failure.failure) {
    case "error": {
      const { error } = failure;
      return whyNotConnected(words, url, saysWhy(error) ? error : await diagnose(url));
    }
    case "mute":
      return { code: CloseCode.ABNORMAL, reason: whyMute(words, url, failure.seconds) };
    case "stranger":
      return { code: CloseCode.POLICY_VIOLATION, reason: whyStranger(words, url, SUBPROTOCOL) };
  }
}

/** Node's own WebSocket does not say what went wrong. Its fetch does, of the same place. */
async function diagnose(url: string): Promise<unknown> {
  try {
    const { status } = await fetch(url.replace("ws", "http"), {
      redirect: "manual",
      signal: AbortSignal.timeout(DIAGNOSED_WITHIN),
    });
    return new Error(`Unexpected server response: ${status}`);
  } catch (error) {
    return error;
  }
}
