import { css, html, nothing, type PropertyValues, type TemplateResult } from "lit";
import { customElement, property, query, state } from "lit/decorators.js";
import { repeat } from "lit/directives/repeat.js";
import { say } from "../i18n.js";
import type { Room } from "../store/chat.js";
import { layOut, type Row } from "../store/rows.js";
import { base } from "../styles/tokens.js";
import { down } from "./icons.js";
import { LocalizedElement } from "./localized.js";
import { day, type MessageActions, message, messageStyles, pendingMessage } from "./message.js";

/** Rows that are in the page at once: the others of ten thousand are in memory alone. */
const MOST_ROWS = 160;
/** Rows that come and go at a time. */
const STEP = 50;
/** Pixels from an end at which more is drawn. */
const NEAR = 600;
/** Pixels from the newest message at which one still stands at it. */
const AT_END = 40;

/**
 * What was said in a room. It stays where one reads, whatever comes above or below.
 *
 * Tells `earlier` (more is wanted), `fill` with the seq behind a hole, `reply` with an entry, `retry`
 * and `discard` with an id, `watch` with whether the newest messages are in sight.
 */
@customElement("message-list")
export class MessageList extends LocalizedElement implements MessageActions {
  @property({ attribute: false }) room: Room | undefined;
  @property() username = "";
  @property({ attribute: false }) ackMs: ReadonlyMap<string, number> = new Map();
  /** Changes whenever the room has. */
  @property({ attribute: false }) version = 0;
  /** The seq after which messages are new. */
  @property({ attribute: false }) newAfter: number | undefined;

  /** The index behind the last row that is drawn; undefined: the newest. */
  @state() private end: number | undefined;
  @state() private isAtEnd = true;
  @query(".scroller") private readonly scroller!: HTMLElement;

  #rows: Row[] = [];
  #start = 0;
  #anchor: { readonly key: string; readonly top: number } | undefined;
  #isAsking = false;

  static override readonly styles = [
    base,
    ...messageStyles,
    css`
      :host {
        position: relative;
        display: block;
        min-block-size: 0;
      }

      .scroller {
        display: flex;
        flex-direction: column;
        overflow: hidden auto;
        overscroll-behavior: contain;
        block-size: 100%;
        overflow-anchor: none;
      }

      .rows {
        margin-block-start: auto;
        padding-block-end: var(--space-3);
      }

      .day,
      .new {
        display: flex;
        gap: var(--space-3);
        align-items: center;
        margin: var(--space-4) var(--space-4) var(--space-1);
        color: var(--text-faint);
        font-size: var(--type-tiny);
        font-weight: 600;
      }

      .day::before,
      .day::after,
      .new::before {
        content: "";
        flex: 1;
        border-block-start: 1px solid var(--line);
      }

      .day span::first-letter {
        text-transform: uppercase;
      }

      .new {
        color: var(--bad);
      }

      .new::before {
        border-color: var(--bad-dot);
      }

      .hole {
        display: flex;
        gap: var(--space-3);
        justify-content: center;
        align-items: center;
        margin: var(--space-3) var(--space-4);
        padding: var(--space-2) var(--space-3);
        border: 1px dashed var(--line-strong);
        border-radius: var(--radius);
        color: var(--text-soft);
        font-size: var(--type-small);
      }

      .empty,
      .begin {
        padding: var(--space-5) var(--space-4) var(--space-2);
        color: var(--text-soft);
      }

      .begin h2 {
        margin: 0 0 var(--space-1);
        color: var(--text);
        font-size: 1.25rem;
        overflow-wrap: anywhere;
      }

      .begin p {
        margin: 0;
        line-height: 1.5;
      }

      .jump {
        position: absolute;
        inset-block-end: var(--space-3);
        inset-inline-end: var(--space-4);
        display: inline-flex;
        gap: var(--space-2);
        align-items: center;
        padding: var(--space-2) var(--space-3);
        border: 1px solid var(--line);
        border-radius: 2rem;
        background: var(--surface-raised);
        box-shadow: var(--shadow);
        font-size: var(--type-small);
        font-weight: 600;
      }

      .jump svg {
        inline-size: 1rem;
      }
    `,
  ];

  /** Goes to the newest message. */
  toEnd(): void {
    this.end = undefined;
    this.isAtEnd = true;
    this.requestUpdate();
  }

  reply(entry: Parameters<MessageActions["reply"]>[0]): void {
    this.#tell("reply", entry);
  }

  retry(id: string): void {
    this.#tell("retry", id);
  }

  discard(id: string): void {
    this.#tell("discard", id);
  }

  /** Shows a message that is loaded. */
  async jump(id: string): Promise<void> {
    const index = this.#rows.findIndex((row) => row.row === "entry" && row.entry.id === id);
    if (index < 0) {
      return;
    }
    this.end = Math.min(this.#rows.length, index + MOST_ROWS / 2);
    this.isAtEnd = false;
    this.requestUpdate();
    await this.updateComplete;
    const found = this.renderRoot.querySelector(`#${CSS.escape(`m-${id}`)}`);
    found?.scrollIntoView({ block: "center" });
    found?.classList.add("found");
    found?.addEventListener("animationend", () => found.classList.remove("found"), { once: true });
  }

  protected override willUpdate(changed: PropertyValues<this>): void {
    if (changed.has("room")) {
      this.end = undefined;
      this.isAtEnd = true;
      this.#anchor = undefined;
    }
    const room = this.room;
    if (room === undefined) {
      this.#rows = [];
      return;
    }
    const before = this.end === undefined ? undefined : this.#rows[this.end - 1]?.key;
    this.#rows = layOut(room, this.username, this.newAfter);
    if (before !== undefined && this.end !== undefined) {
      // Rows may have come above: the window stays on the same ones.
      const index = this.#rows.findLastIndex(({ key }) => key === before);
      this.end = index < 0 ? undefined : index + 1;
    }
    this.#start = Math.max(0, (this.end ?? this.#rows.length) - MOST_ROWS);
    if (!changed.has("room") && !this.isAtEnd) {
      this.#noteAnchor();
    }
  }

  protected override updated(): void {
    if (this.isAtEnd) {
      this.scroller.scrollTop = this.scroller.scrollHeight;
      this.#askIfShort();
      return;
    }
    const anchor = this.#anchor;
    this.#anchor = undefined;
    if (anchor !== undefined) {
      const row = this.#drawn().find((one) => one.dataset["key"] === anchor.key);
      if (row !== undefined) {
        this.scroller.scrollTop += row.getBoundingClientRect().top - anchor.top;
      }
    }
    if (this.scroller.scrollTop === 0) {
      this.#reachUp(); // one cannot scroll further up to ask for it
    }
  }

  protected override render(): TemplateResult {
    const { room } = this;
    if (room === undefined) {
      return html`<div class="scroller"></div>`;
    }
    const rows = this.#rows.slice(this.#start, this.end);
    return html`
      <div
        class="scroller ${room.isPrivate ? "is-private" : ""}"
        tabindex="0"
        role="log"
        aria-live="off"
        aria-label=${say("web-messages-of", { room: room.title })}
        @scroll=${this.#scrolled}
      >
        <div class="rows">
          ${this.#start === 0 && !room.timeline.hasEarlier ? this.#beginning(room) : nothing}
          ${repeat(
            rows,
            ({ key }) => key,
            (row) => html`<div data-key=${row.key}>${this.#row(room, row)}</div>`,
          )}
          ${room.notices.map((notice) => html`<p class="hole">${notice}</p>`)}
        </div>
      </div>
      ${
        this.isAtEnd
          ? nothing
          : html`<button class="jump" @click=${this.toEnd}>
              ${down}${room.unread ? say("web-unread", { count: room.unread }) : say("web-to-latest")}
            </button>`
      }
    `;
  }

  #row(room: Room, row: Row): unknown {
    switch (row.row) {
      case "day":
        return html`<div class="day" role="separator"><span>${day(row.at)}</span></div>`;
      case "new":
        return html`<div class="new" role="separator">${say("web-new-messages")}</div>`;
      case "break":
        return html`<div class="hole">${say("gap-unknown")}</div>`;
      case "hole":
        return html`<div class="hole">
          ${
            row.hole.missing === null
              ? say("gap-unknown")
              : say("web-not-loaded", { count: row.hole.missing })
          }
          <button class="link" @click=${() => this.#tell("fill", row.before)}>
            ${say("web-load")}
          </button>
        </div>`;
      case "entry": {
        const { entry } = row;
        const replyTo = "type" in entry ? entry.replyTo : undefined;
        return message(entry, {
          follows: row.follows,
          isOwn: row.isOwn,
          answered: replyTo ? room.timeline.find(replyTo) : undefined,
          ackMs: this.ackMs.get(entry.id),
          actions: this,
        });
      }
      case "pending":
        return pendingMessage(row.pending, this.username, {
          follows: row.follows,
          answered: room.timeline.find(row.pending.replyTo),
          ackMs: this.ackMs.get(row.pending.id),
          actions: this,
        });
    }
  }

  #beginning(room: Room): TemplateResult {
    return html`<div class="begin">
      <h2>${room.isPrivate ? say("web-private-with", { name: room.title }) : `# ${room.title}`}</h2>
      <p>
        ${room.isPrivate ? say("web-private-begins", { name: room.title }) : say("web-room-begins")}
      </p>
    </div>`;
  }

  #scrolled(): void {
    const { scrollTop, scrollHeight, clientHeight } = this.scroller;
    const below = scrollHeight - clientHeight - scrollTop;
    const isLast = this.end === undefined || this.end >= this.#rows.length;
    const isAtEnd = isLast && below < AT_END;
    if (isAtEnd !== this.isAtEnd) {
      this.isAtEnd = isAtEnd;
      // Who reads further up stays there: what is drawn does not move on with what comes.
      this.end = isAtEnd ? undefined : (this.end ?? this.#rows.length);
      this.#tell("watch", isAtEnd);
    }
    if (scrollTop < NEAR) {
      this.#reachUp();
    } else if (!isLast && below < NEAR) {
      this.end = Math.min((this.end ?? 0) + STEP, this.#rows.length);
    }
  }

  /** Draws what is above, or asks for it. */
  #reachUp(): void {
    if (this.#start > 0) {
      const fewest = Math.min(MOST_ROWS, this.#rows.length);
      this.end = Math.max((this.end ?? this.#rows.length) - STEP, fewest);
    } else {
      this.#ask();
    }
  }

  /** A page that is not full asks for more by itself: there is nothing to scroll. */
  #askIfShort(): void {
    const { scrollHeight, clientHeight } = this.scroller;
    if (scrollHeight <= clientHeight + NEAR / 2) {
      this.#ask();
    }
  }

  #ask(): void {
    if (
      this.room?.timeline.hasEarlier &&
      !this.#isAsking &&
      this.room.timeline.entries.length > 0
    ) {
      this.#isAsking = true;
      this.#tell("earlier", () => {
        this.#isAsking = false;
      });
    }
  }

  #noteAnchor(): void {
    const top = this.scroller?.getBoundingClientRect().top ?? 0;
    // The line of a day moves up when earlier messages of the day come: a message stays.
    const row = this.#drawn().find(
      (one) => one.querySelector(".message") !== null && one.getBoundingClientRect().bottom > top,
    );
    this.#anchor =
      row === undefined
        ? undefined
        : { key: row.dataset["key"] ?? "", top: row.getBoundingClientRect().top };
  }

  #drawn(): HTMLElement[] {
    return [...this.renderRoot.querySelectorAll<HTMLElement>(".rows > [data-key]")];
  }

  #tell(type: string, detail: unknown): void {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
