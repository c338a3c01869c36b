/**
 * What an error tells people: a whole sentence, in the language of the page.
 *
 * @module
 */

import {
  CloseCode,
  CommandRefused,
  EndedByServer,
  ErrorCode,
  HelloRefused,
  InDoubt,
  KeyDamaged,
  OutboxFull,
} from "@causerie/client";
import { say, words } from "../i18n.js";
import { ruleBroken } from "./names.js";

/** What the server was given, by the protocol's fields: of it the sentence says what is wrong. */
export interface Given {
  readonly username?: string | undefined;
  readonly room?: string | undefined;
  readonly to?: string | undefined;
}

/** Characters of a name that are shown. */
const SHOWN = 40;

/** Says what an error means, and what to do. */
export function explain(error: unknown, given: Given = {}): string {
  return asSentence(because(error, given));
}

/** Close codes that the library itself gives for many causes: only the reason tells which. */
const TOLD_BY_REASON: ReadonlySet<number> = new Set([
  CloseCode.ABNORMAL,
  CloseCode.POLICY_VIOLATION,
  CloseCode.TRY_AGAIN_LATER,
]);

/** Why a connection was closed, as it reads after a colon; empty where a page is told nothing. */
export function whyClosed(code: number, reason: string): string {
  // How long to wait is for programs.
  const told = reason.replace(/[; ]*\bretry-after=\d+/gu, "");
  return TOLD_BY_REASON.has(code) ? told : (words().find(`close-${code}`) ?? told);
}

/** Says the same as it reads after a colon. */
export function because(error: unknown, given: Given = {}): string {
  if (error instanceof HelloRefused) {
    return because(error.refusal, given);
  }
  if (error instanceof CommandRefused) {
    return refusal(error, given);
  }
  if (error instanceof EndedByServer) {
    const { code, reason } = error;
    const why = whyClosed(code, reason) || words().find(`close-${code}`);
    return say("ended-by-server", { reason: why ?? say("no-reason", { code }) });
  }
  if (error instanceof OutboxFull) {
    return say("outbox-full", { count: error.limit });
  }
  if (error instanceof InDoubt) {
    return say("in-doubt", { reason: because(error.why, given) });
  }
  return error instanceof KeyDamaged ? say("web-key-damaged") : say("web-something-went-wrong");
}

function refusal({ code, field, message }: CommandRefused, given: Given): string {
  switch (code) {
    case ErrorCode.NAME_INVALID:
    case ErrorCode.INVALID:
      return badName(field, given) ?? say("not-taken", { reason: message.replace(/\.$/u, "") });
    case ErrorCode.NAME_TAKEN:
      return say("web-name-taken", { name: shown(given.username ?? "") });
    case ErrorCode.RECIPIENT_UNKNOWN:
      return given.to === undefined
        ? say("error-recipient-unknown")
        : say("recipient-unknown", { name: shown(given.to) });
    case ErrorCode.NOT_JOINED:
      return say("web-not-joined");
    case ErrorCode.TOO_MANY_ROOMS:
      return say("web-too-many-rooms");
    default:
      return words().find(`error-${code.replaceAll("_", "-")}`) ?? message;
  }
}

/** What is wrong with a name that was given; undefined where no name was at fault. */
function badName(field: string | undefined, given: Given): string | undefined {
  const { room, username = given.to } = given;
  if (field === "room" && room !== undefined) {
    const reason = ruleBroken(room, "room") ?? say("web-rule-unknown");
    return say("bad-room", { name: shown(room), reason });
  }
  if ((field === "username" || field === "to") && username !== undefined) {
    const reason = ruleBroken(username, "username") ?? say("web-rule-unknown");
    return say("bad-username", { name: shown(username), reason });
  }
  return undefined;
}

function shown(name: string): string {
  const points = [...name];
  return points.length > SHOWN ? `${points.slice(0, SHOWN).join("")}…` : name;
}

function asSentence(text: string): string {
  const whole = text.replace(/^\p{Ll}/u, (first) => first.toUpperCase());
  return /[.!?…]$/u.test(whole) ? whole : `${whole}.`;
}
