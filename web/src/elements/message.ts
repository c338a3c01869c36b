/**
 * How messages are drawn. What people wrote becomes text nodes and nothing else.
 *
 * @module
 */

import type { Entry } from "@causerie/client";
import { css, html, nothing, type TemplateResult } from "lit";
import { guard } from "lit/directives/guard.js";
import { say, words } from "../i18n.js";
import type { Pending } from "../store/timeline.js";
import { isEmojiOnly, plain, read, type Token } from "../text/markup.js";
import { OVERRIDES } from "../text/plain.js";
import { avatar, avatarStyles } from "./avatar.js";
import { close, reply as replyIcon, retry } from "./icons.js";

/** Text of a message that is answered, as far as it is shown. */
const QUOTED = 120;

/** What a message can be asked to do. */
export interface MessageActions {
  reply(entry: Entry): void;
  jump(id: string): void;
  retry(id: string): void;
  discard(id: string): void;
}

/** The look of messages. */
export const messageStyles = [
  avatarStyles,
  css`
    .message {
      position: relative;
      display: grid;
      grid-template-columns: 2.25rem minmax(0, 1fr);
      column-gap: var(--space-3);
      padding: 0.125rem var(--space-4);
    }

    .message:not(.follows) {
      margin-block-start: var(--space-3);
    }

    .message:hover,
    .message:focus-within {
      background: var(--surface-sunken);
    }

    .message.found {
      animation: found 1.6s;
    }

    @keyframes found {
      from {
        background: var(--surface-active);
      }
    }

    @media (prefers-reduced-motion: reduce) {
      .message.found {
        outline: var(--focus);
        outline-offset: -2px;
        animation: none;
      }
    }

    .body {
      grid-column: 2;
      min-inline-size: 0;
    }

    .head {
      display: flex;
      gap: var(--space-2);
      align-items: baseline;
      line-height: 1.3;
    }

    .author {
      overflow: hidden;
      margin-block-start: -0.25em; /* the accent of an É stands out of the line */
      padding-block-start: 0.25em;
      text-overflow: ellipsis;
      unicode-bidi: isolate;
      font-weight: 650;
      white-space: nowrap;
    }

    .own .author {
      color: var(--accent);
    }

    time,
    .state {
      flex: none;
      color: var(--text-faint);
      font-size: var(--type-tiny);
      font-variant-numeric: tabular-nums;
    }

    .margin-time {
      grid-column: 1;
      grid-row: 1;
      justify-self: end; /* "05:16 AM" reaches into the padding rather than onto a second line */
      padding-block-start: 0.25rem;
      font-size: 0.6875rem;
      opacity: 0;
      white-space: nowrap;
    }

    .message:hover .margin-time,
    .message:focus-within .margin-time {
      opacity: 1;
    }

    /* There for a screen reader always, and for the others while they are at the message. */
    .acked {
      position: absolute;
      inset-block-end: 0.125rem;
      inset-inline-end: var(--space-4);
      padding-inline: var(--space-1);
      border-radius: 4px;
      background: var(--surface-sunken);
      color: var(--text-faint);
      font-size: var(--type-tiny);
      opacity: 0;
      pointer-events: none;
    }

    .message:hover .acked,
    .message:focus-within .acked {
      opacity: 1;
    }

    .text {
      /* Lines that are longer are hard to read. */
      max-inline-size: 56rem;
      overflow: hidden;
      line-height: 1.47;
      overflow-wrap: anywhere;
      unicode-bidi: plaintext;
      white-space: pre-wrap;
    }

    .text.large {
      font-size: 2rem;
      line-height: 1.25;
    }

    .text a {
      color: var(--accent);
      text-underline-offset: 2px;
    }

    code {
      padding: 0.0625rem 0.3125rem;
      border-radius: 4px;
      background: light-dark(rgb(30 40 70 / 8%), rgb(255 255 255 / 10%));
      font-family: var(--mono);
      font-size: 0.9em;
    }

    pre {
      overflow-x: auto;
      margin: var(--space-1) 0;
      padding: var(--space-2) var(--space-3);
      border: 1px solid var(--line);
      border-radius: var(--radius);
      background: var(--surface-sunken);
      font-family: var(--mono);
      font-size: 0.8125rem;
      line-height: 1.5;
      white-space: pre;
    }

    pre code {
      padding: 0;
      background: none;
      font-size: inherit;
    }

    .quote {
      display: flex;
      gap: var(--space-2);
      max-inline-size: 100%;
      margin-block: 0.125rem;
      padding: 0.125rem var(--space-2);
      border-inline-start: 3px solid var(--line-strong);
      color: var(--text-soft);
      font-size: var(--type-small);
      text-align: start;
    }

    .quote:hover {
      color: var(--text);
    }

    .quote b {
      flex: none;
      max-inline-size: 12rem;
      overflow: hidden;
      text-overflow: ellipsis;
      unicode-bidi: isolate;
    }

    .quote span {
      overflow: hidden;
      text-overflow: ellipsis;
      white-space: nowrap;
    }

    .actions {
      position: absolute;
      inset-block-start: -0.875rem;
      inset-inline-end: var(--space-4);
      border: 1px solid var(--line);
      border-radius: var(--radius);
      background: var(--surface-raised);
      opacity: 0;
    }

    .message:hover .actions,
    .actions:focus-within {
      opacity: 1;
    }

    .actions .icon-button {
      inline-size: 1.875rem;
      block-size: 1.75rem;
    }

    .actions svg {
      inline-size: 1.0625rem;
    }

    .pending .text {
      opacity: 0.62;
    }

    .state {
      display: inline-flex;
      gap: var(--space-2);
      align-items: center;
    }

    .failed .text {
      opacity: 1;
    }

    .failed .state {
      flex-wrap: wrap;
      color: var(--bad);
      font-size: var(--type-small);
    }

    .failed .state button {
      display: inline-flex;
      gap: 0.25rem;
      align-items: center;
      min-block-size: 1.5rem;
      padding: 0.125rem var(--space-2);
      border: 1px solid currentColor;
      border-radius: 6px;
      color: inherit;
      font-weight: 600;
    }

    .failed .state svg {
      inline-size: 0.875rem;
      block-size: 0.875rem;
    }

    .is-private .message.own .author,
    .is-private .text a {
      color: var(--private);
    }
  `,
];

/** Draws an entry. */
export function message(
  entry: Entry,
  {
    follows,
    isOwn,
    answered,
    ackMs,
    actions,
  }: {
    readonly follows: boolean;
    readonly isOwn: boolean;
    readonly answered: Entry | undefined;
    readonly ackMs: number | undefined;
    readonly actions: MessageActions;
  },
): TemplateResult {
  const replyTo = "type" in entry ? entry.replyTo : undefined;
  const title =
    words().time(entry.timestamp, "exact") + (ackMs === undefined ? "" : ` · ${acked(ackMs)}`);
  return html`<div
    class="message ${follows ? "follows" : ""} ${isOwn ? "own" : ""}"
    id="m-${entry.id}"
    role="article"
    aria-label=${say("web-message-by", { name: entry.username, time: words().time(entry.timestamp, "clock") })}
  >
    ${
      follows
        ? html`<time class="margin-time" title=${title}>${words().time(entry.timestamp, "clock")}</time>`
        : avatar(entry.username)
    }
    <div class="body">
      ${
        follows
          ? nothing
          : html`<div class="head">
              <span class="author" title=${entry.username}>${entry.username}</span>
              <time title=${title}>${words().time(entry.timestamp, "clock")}</time>
            </div>`
      }
      ${replyTo ? quote(replyTo, answered, actions) : nothing}
      ${"type" in entry ? content(entry.content) : html`<i>${say("unknown-entry")}</i>`}
      ${ackMs === undefined ? nothing : html`<span class="acked">${acked(ackMs)}</span>`}
    </div>
    ${
      "type" in entry
        ? html`<div class="actions">
            <button
              class="icon-button"
              aria-label=${say("web-reply-to", { name: entry.username })}
              title=${say("web-reply")}
              @click=${() => actions.reply(entry)}
            >
              ${replyIcon}
            </button>
          </div>`
        : nothing
    }
  </div>`;
}

/** Draws what one has said and not seen in the room yet. */
export function pendingMessage(
  pending: Pending,
  username: string,
  {
    follows,
    answered,
    ackMs,
    actions,
  }: {
    readonly follows: boolean;
    readonly answered: Entry | undefined;
    readonly ackMs: number | undefined;
    readonly actions: MessageActions;
  },
): TemplateResult {
  const { id, state, reason } = pending;
  return html`<div
    class="message own ${follows ? "follows" : ""} ${state === "failed" ? "failed" : "pending"}"
    role="article"
  >
    ${follows ? nothing : avatar(username)}
    <div class="body">
      ${
        follows
          ? nothing
          : html`<div class="head">
              <span class="author">${username}</span><time>${words().time(pending.at, "clock")}</time>
            </div>`
      }
      ${pending.replyTo ? quote(pending.replyTo, answered, actions) : nothing}
      ${content(pending.content)}
      ${
        state === "failed"
          ? html`<div class="state">
              <span>${say("web-not-sent", { reason })}</span>
              <button @click=${() => actions.retry(id)}>${retry}${say("web-retry")}</button>
              <button @click=${() => actions.discard(id)}>${close}${say("web-discard")}</button>
            </div>`
          : html`<div class="state">
              ${state === "sent" && ackMs !== undefined ? acked(ackMs) : say("web-sending")}
            </div>`
      }
    </div>
  </div>`;
}

/** Draws what somebody wrote. */
function content(written: string): unknown {
  // Read once, though the list is drawn whenever anything has changed.
  return guard([written], () => {
    const text = written.replace(OVERRIDES, "");
    return isEmojiOnly(text)
      ? html`<div class="text large">${text}</div>`
      : html`<div class="text">${read(text).map(piece)}</div>`;
  });
}

function piece(token: Token): unknown {
  switch (token.token) {
    case "text":
      return token.text;
    case "bold":
      return html`<strong>${token.inner.map(piece)}</strong>`;
    case "italic":
      return html`<em>${token.inner.map(piece)}</em>`;
    case "code":
      return html`<code>${token.text}</code>`;
    case "fence":
      return html`<pre tabindex="0"><code>${token.text}</code></pre>`;
    case "link":
      return html`<a href=${token.href} target="_blank" rel="noopener noreferrer nofollow"
        >${token.text}</a
      >`;
  }
}

function quote(id: string, answered: Entry | undefined, actions: MessageActions): TemplateResult {
  if (answered === undefined || !("type" in answered)) {
    return html`<div class="quote"><span>${say("web-earlier-message")}</span></div>`;
  }
  const text = [...plain(answered.content.replace(OVERRIDES, ""))].slice(0, QUOTED).join("");
  return html`<button
    class="quote"
    aria-label=${say("web-in-reply-to", { name: answered.username, text })}
    @click=${() => actions.jump(id)}
  >
    <b>${answered.username}</b><span>${text}</span>
  </button>`;
}

function acked(ms: number): string {
  return say("web-stored-in", { ms: ms < 10 ? ms.toFixed(1) : Math.round(ms) });
}
