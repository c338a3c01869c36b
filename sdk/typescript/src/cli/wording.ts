/**
 * How names, errors and mistakes read in a sentence. What others gave is made harmless here.
 *
 * @module
 */

import {
  CommandRefused,
  EndedByServer,
  GaveUp,
  HelloRefused,
  InDoubt,
  NoWebSocket,
  OutboxFull,
} from "../errors.js";
import { CloseCode, ErrorCode } from "../generated/codes.js";
import type { Words } from "../language.js";
import { type Mistake, MOST_HISTORY } from "./commands.js";
import { oneLine, sanitiseName } from "./sanitise.js";

/**
 * People who are named where there are many; and one more, since "and 1 other" would take as much
 * room as the name.
 */
const NAMED = 5;

const LONGEST_REASON = 300;
const LONGEST_EXCERPT = 40;

/** Close codes that the client itself gives for many causes: only the reason tells which. */
const TOLD_BY_REASON: ReadonlySet<number> = new Set([
  CloseCode.ABNORMAL,
  CloseCode.POLICY_VIOLATION,
  CloseCode.TRY_AGAIN_LATER,
]);
const NEVER_SENT: ReadonlySet<number> = new Set([CloseCode.NO_STATUS, CloseCode.ABNORMAL]);
const KNOWN_CLOSES: ReadonlySet<number> = new Set(Object.values(CloseCode));
const KNOWN_ERRORS: ReadonlySet<string> = new Set(Object.values(ErrorCode));

const DELAY = /[; ]*\bretry-after=[0-9]+/gu;

/** What the server was given, by the protocol's fields (`room`, `to`, `username`, `content`). */
export interface Given {
  readonly room?: string;
  readonly to?: string;
  readonly username?: string;
  readonly content?: string;
}

/** Lists names, the first of them where they are many, and the number of others. */
export function few(words: Words, names: readonly string[], unnamed = 0): string {
  const named = names.length <= NAMED + 1 ? names.length : NAMED;
  const others = names.length - named + unnamed;
  return words.names(names.slice(0, named).map(sanitiseName), others);
}

/** The beginning of a text, by which one knows it again. */
export function excerpt(text: string): string {
  return oneLine(text, LONGEST_EXCERPT);
}

/** A reason that somebody else gave, in one line. How long to wait is for programs, and left out. */
export function reasonOf(text: string): string {
  return oneLine(text.replaceAll(DELAY, ""), LONGEST_REASON);
}

/** The sentence that an error tells people, as it reads after a colon. */
export function explainError(words: Words, error: unknown, given: Given = {}): string {
  if (error instanceof GaveUp) {
    return words.say("gave-up", { count: error.attempts, reason: reasonOf(error.reason) });
  }
  if (error instanceof EndedByServer) {
    const { code } = error;
    const why = explainClose(words, code, error.reason) || words.say("no-reason", { code });
    return words.say("ended-by-server", { reason: why });
  }
  if (error instanceof HelloRefused) {
    return words.say("name-refused", { reason: explainError(words, error.refusal, given) });
  }
  if (error instanceof CommandRefused) return explainRefusal(words, error, given);
  if (error instanceof OutboxFull) return words.say("outbox-full", { count: error.limit });
  if (error instanceof InDoubt) {
    return words.say("in-doubt", { reason: explainError(words, error.why, given) });
  }
  if (error instanceof NoWebSocket) {
    return words.say("node-no-websocket", { version: process.version });
  }
  return reasonOf(error instanceof Error ? error.message : String(error));
}

/**
 * What a connection's close code tells people, or the reason that came with it; nothing, where there
 * is nothing to tell.
 */
export function explainClose(words: Words, code: number, why: string): string {
  const told = reasonOf(why);
  if (
    (told !== "" && TOLD_BY_REASON.has(code)) ||
    NEVER_SENT.has(code) ||
    !KNOWN_CLOSES.has(code)
  ) {
    return told;
  }
  return words.say(`close-${code}`);
}

/**
 * Says in one's own language what a code says. Of a code that a newer server has, only its own words
 * can be told; so, too, of a name that breaks a rule, since the server alone knows the rules.
 */
function explainRefusal(
  words: Words,
  { code, field, message }: CommandRefused,
  given: Given,
): string {
  if (code === ErrorCode.INVALID || code === ErrorCode.NAME_INVALID) {
    if (field === "room" && given.room?.startsWith("~")) return words.say("say-it-privately");
    if (field === "content" && given.content?.includes("\0")) return words.say("content-nul");
    return words.say("not-taken", { reason: reasonOf(message).replace(/\.$/u, "") });
  }
  if (code === ErrorCode.RECIPIENT_UNKNOWN && given.to !== undefined) {
    return words.say("recipient-unknown", { name: excerpt(given.to) });
  }
  return KNOWN_ERRORS.has(code)
    ? words.say(`error-${code.replaceAll("_", "-")}`)
    : reasonOf(message);
}

/** The sentence that says what is wrong with a typed line, and what to do. */
export function explainMistake(words: Words, mistake: Mistake): string {
  if (mistake.does === "misused") {
    const does = words.say(`help-${mistake.name}`, { most: MOST_HISTORY });
    return words.say("misused", { usage: words.say(`usage-${mistake.name}`), does });
  }
  const name = excerpt(mistake.name);
  return mistake.nearest === undefined
    ? words.say("unknown-command", { name })
    : words.say("unknown-command-nearest", { name, nearest: mistake.nearest });
}
