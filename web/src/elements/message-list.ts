import type { Entry } from "@causerie/client";
import { css, html, nothing, type PropertyValues, type TemplateResult } from "lit";
import { customElement, property, query, state } from "lit/decorators.js";
import { guard } from "lit/directives/guard.js";
import { repeat } from "lit/directives/repeat.js";
import { say, words } from "../i18n.js";
import type { Room } from "../store/chat.js";
import { layOut, type Row, type Span } from "../store/rows.js";
import type { Timeline } from "../store/timeline.js";
import { base } from "../styles/tokens.js";
import { down } from "./icons.js";
import { LocalizedElement } from "./localized.js";
import { type MessageActions, message, messageStyles, pendingMessage } from "./message.js";

/** Entries that are in the page at once: the others of ten thousand are in memory alone. */
const MOST_DRAWN = 160;
/** Entries that come and go at a time. */
const STEP = 40;
/** Pixels from an end at which more is drawn: some turns of a wheel. */
const NEAR = 1200;
/** Entries above those that are drawn, with fewer than which earlier ones are asked for. */
const AHEAD = 100;
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

  /** The last entry that is drawn; undefined: the newest, whichever that is. */
  @state() private last: Entry | undefined;
  @state() private isAtEnd = true;
  @query(".scroller") private readonly scroller!: HTMLElement;

  /** What the page shows until it is drawn anew, though more may have come at both ends. */
  #lastDrawn: Entry | undefined;
  #isNewestDrawn = true;
  #anchor: { readonly key: string; readonly top: number } | undefined;
  #isAsking = false;
  /** The height for which the place was last found. */
  #height = 0;
  /** The place is lost when it becomes smaller: the composer grows, a keyboard comes up. */
  readonly #resized = new ResizeObserver(() => this.#fit());

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

  override connectedCallback(): void {
    super.connectedCallback();
    this.#resized.observe(this);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#resized.disconnect();
  }

  /** Goes to the newest message. */
  toEnd(): void {
    this.last = undefined;
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
    const timeline = this.room?.timeline;
    const entry = timeline?.find(id);
    if (timeline === undefined || entry === undefined) {
      return;
    }
    this.isAtEnd = false;
    this.#drawUpTo(timeline, timeline.indexOf(entry) + MOST_DRAWN / 2);
    this.#anchor = undefined;
    await this.updateComplete;
    const found = this.renderRoot.querySelector(`#${CSS.escape(`m-${id}`)}`);
    found?.scrollIntoView({ block: "center" });
    found?.classList.add("found");
    found?.addEventListener("animationend", () => found.classList.remove("found"), { once: true });
  }

  protected override willUpdate(changed: PropertyValues<this>): void {
    const isAnother = changed.has("room");
    if (isAnother) {
      this.last = undefined;
      this.isAtEnd = true;
      this.#anchor = undefined;
    }
    const timeline = this.room?.timeline;
    if (timeline === undefined) {
      return;
    }
    if (this.last !== undefined && timeline.indexOf(this.last) < 0) {
      this.last = timeline.at(timeline.length - 1); // it was in another log, and too long ago
    }
    this.#lastDrawn = this.last ?? timeline.at(timeline.length - 1);
    this.#isNewestDrawn = this.#lastDrawn === timeline.at(timeline.length - 1);
    if (!isAnother && !this.isAtEnd) {
      this.#noteAnchor();
    }
  }

  protected override updated(changed: PropertyValues): void {
    if (changed.has("isAtEnd")) {
      this.#tell("watch", this.isAtEnd);
    }
    if (this.isAtEnd) {
      this.#stayAtEnd();
      this.#askIfShort();
      return;
    }
    const { room } = this;
    const anchor = this.#anchor;
    this.#anchor = undefined;
    if (anchor !== undefined) {
      const row = this.#drawn().find((one) => one.dataset["key"] === anchor.key);
      if (row !== undefined) {
        this.scroller.scrollTop += row.getBoundingClientRect().top - anchor.top;
      }
    }
    if (this.scroller.scrollTop === 0 && room !== undefined) {
      this.#reachUp(room.timeline); // one cannot scroll further up to ask for it
    }
  }

  protected override render(): TemplateResult {
    const { room } = this;
    if (room === undefined) {
      return html`<div class="scroller"></div>`;
    }
    const span = this.#span(room.timeline);
    const rows = layOut(room, this.username, this.newAfter, span);
    return html`
      <div
        class="scroller ${room.isPrivate ? "is-private" : ""}"
        tabindex="0"
        role="log"
        aria-live="off"
        aria-label=${say("web-messages-of", { room: room.title })}
        @scroll=${this.#scrolled}
        @keydown=${this.#key}
      >
        <div class="rows">
          ${span.start === 0 && !room.timeline.hasEarlier ? this.#beginning(room) : nothing}
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
    const { timeline } = room;
    switch (row.row) {
      case "day":
        return html`<div class="day" role="separator">
          <span>${words().time(row.at, "day")}</span>
        </div>`;
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
        const { entry, follows, isOwn } = row;
        const replyTo = "type" in entry ? entry.replyTo : undefined;
        const answered = replyTo ? timeline.find(replyTo) : undefined;
        const ackMs = this.ackMs.get(entry.id);
        // Most are drawn already, and stay as they are.
        return guard([entry, follows, isOwn, answered, ackMs, words()], () =>
          message(entry, { follows, isOwn, answered, ackMs, actions: this }),
        );
      }
      case "pending":
        return pendingMessage(row.pending, this.username, {
          follows: row.follows,
          answered: timeline.find(row.pending.replyTo),
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
    const timeline = this.room?.timeline;
    if (timeline === undefined) {
      return;
    }
    const { scrollTop, scrollHeight, clientHeight } = this.scroller;
    // A list that has become smaller since was higher when it was scrolled.
    const below = scrollHeight - Math.max(clientHeight, this.#height) - scrollTop;
    this.isAtEnd = this.#isNewestDrawn && below < AT_END;
    // Who reads further up stays there: what is drawn does not move on with what comes.
    this.last = this.isAtEnd ? undefined : (this.last ?? this.#lastDrawn);
    if (scrollTop < NEAR) {
      this.#reachUp(timeline);
    } else if (!this.#isNewestDrawn && below < NEAR) {
      this.#drawUpTo(timeline, this.#span(timeline).stop + STEP);
    }
  }

  /** Which entries are drawn. */
  #span(timeline: Timeline): Span {
    const stop = this.#lastDrawn === undefined ? 0 : timeline.indexOf(this.#lastDrawn) + 1;
    return { start: Math.max(0, stop - MOST_DRAWN), stop };
  }

  /** Draws the entries before an index, as many as there may be, and none of those after it. */
  #drawUpTo(timeline: Timeline, stop: number): void {
    this.last = timeline.at(Math.min(Math.max(stop, MOST_DRAWN), timeline.length) - 1);
  }

  /** Draws what is above, and asks for more in time. */
  #reachUp(timeline: Timeline): void {
    const { start, stop } = this.#span(timeline);
    if (start > 0) {
      this.#drawUpTo(timeline, stop - STEP);
    }
    if (start < AHEAD) {
      this.#ask();
    }
  }

  /** Home and End lead to the ends of what is loaded, not to those of what is drawn. */
  #key(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) {
      return;
    }
    if (event.key === "End") {
      event.preventDefault();
      this.toEnd();
    } else if (event.key === "Home") {
      event.preventDefault();
      void this.#toStart();
    }
  }

  async #toStart(): Promise<void> {
    if (this.room !== undefined) {
      this.isAtEnd = false;
      this.#drawUpTo(this.room.timeline, 0);
      await this.updateComplete;
      this.scroller.scrollTop = 0;
    }
  }

  #fit(): void {
    const { clientHeight } = this.scroller;
    if (clientHeight === 0) {
      return; // it is hidden, and comes back as it was
    }
    this.#height = clientHeight;
    this.#stayAtEnd();
    this.#scrolled();
  }

  #stayAtEnd(): void {
    if (this.isAtEnd) {
      this.scroller.scrollTop = this.scroller.scrollHeight;
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
