import type { State } from "@causerie/client";
import { css, html, nothing, type PropertyValues, type TemplateResult } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import { repeat } from "lit/directives/repeat.js";
import { say } from "../i18n.js";
import { base } from "../styles/tokens.js";
import { pieces, pretty, timeOf } from "../wire/describe.js";
import type { Happening, WireLog, WireRecord } from "../wire/wire-log.js";
import { close } from "./icons.js";
import { LocalizedElement } from "./localized.js";
import "./wire-frame.js";
import "./wire-handshake.js";
import "./wire-mask.js";
import "./wire-states.js";
import { lesson } from "./wire-styles.js";

/** Records that are drawn: the newest. */
const DRAWN = 200;

/**
 * What this page and the server exchange, live. It is a drawer: as large as what it is put into.
 *
 * Tells `close`; and `trace` with true when it opens, for the server is to tell of the frames that no
 * page can see, and with false when it has gone.
 */
@customElement("wire-panel")
export class WirePanel extends LocalizedElement {
  @property({ attribute: false }) log!: WireLog;
  @property({ attribute: false }) state: State = { state: "Connecting" };
  /** Whether the server tells of frames that no page sees; undefined while that is not known. */
  @property({ attribute: false }) isTraced: boolean | undefined;
  @state() private isPaused = false;
  @state() private direction: "both" | "sent" | "received" = "both";
  @state() private type = "";
  @state() private wanted = "";
  @state() private open: ReadonlySet<number> = new Set();
  #frozen: readonly WireRecord[] = [];
  #stop: (() => void) | undefined;
  #drawing: number | undefined;
  /** Settled while no pointer is pressed on the list. */
  #released: Promise<void> = Promise.resolve();

  static override readonly styles = [
    base,
    lesson,
    css`
      :host {
        display: flex;
        flex-direction: column;
        block-size: 100%;
        min-block-size: 0;
        font-size: var(--type-small);
      }

      header {
        display: flex;
        align-items: center;
        justify-content: space-between;
        min-block-size: 3.5rem;
        padding-inline: var(--space-4) var(--space-2);
        border-block-end: 1px solid var(--line);
      }

      h2 {
        margin: 0;
        font-size: var(--type-large);
      }

      .lesson {
        flex: none;
        overflow-y: auto;
        max-block-size: 45%;
        border-block-end: 1px solid var(--line);
      }

      details {
        padding: var(--space-2) var(--space-4);
        border-block-end: 1px solid var(--line);
      }

      details:last-child {
        border-block-end: 0;
      }

      summary {
        padding-block: var(--space-1);
        cursor: pointer;
        font-weight: 600;
      }

      .frame code {
        font-family: var(--mono);
        font-size: var(--type-tiny);
      }

      .bar {
        display: flex;
        flex: none;
        flex-wrap: wrap;
        gap: var(--space-2);
        padding: var(--space-2) var(--space-4);
        border-block-end: 1px solid var(--line);
      }

      .bar [type="search"] {
        flex: 1 1 100%; /* a line of its own, so that the choices below it are not cut short */
        min-inline-size: 0;
      }

      .bar select {
        flex: 1 1 auto;
        max-inline-size: 100%;
      }

      .bar [type="search"],
      .bar select,
      .bar button {
        min-block-size: 1.875rem;
        padding: 0.125rem var(--space-2);
        border: 1px solid var(--line-strong);
        border-radius: 6px;
        background: var(--surface);
        color: var(--text);
      }

      .bar [aria-pressed="true"] {
        border-color: var(--warn);
        color: var(--warn);
      }

      ol {
        flex: 1;
        overflow-y: auto;
        min-block-size: 0;
        margin: 0;
        padding: 0;
        list-style: none;
      }

      .frame {
        display: grid;
        grid-template-columns: 1rem auto minmax(0, 1fr) auto;
        gap: var(--space-2);
        align-items: baseline;
        inline-size: 100%;
        padding: 0.1875rem var(--space-4);
        text-align: start;
      }

      .frame:hover {
        background: var(--surface-hover);
      }

      .sent .arrow {
        color: var(--accent);
      }

      .received .arrow {
        color: var(--good);
      }

      .frame code {
        overflow: hidden;
        color: var(--text-soft);
        text-overflow: ellipsis;
        white-space: nowrap;
      }

      .frame b {
        font-family: var(--mono);
        font-size: var(--type-tiny);
      }

      .meta {
        color: var(--text-faint);
        font-size: var(--type-tiny);
        font-variant-numeric: tabular-nums;
        white-space: nowrap;
      }

      li pre {
        margin-inline: var(--space-4);
      }

      li pre .key-piece {
        color: var(--accent);
      }

      li pre .string {
        color: var(--good);
      }

      li pre .number,
      li pre .word {
        color: var(--warn);
      }

      wire-frame {
        margin-inline: var(--space-4);
      }

      .mask {
        margin: 0 var(--space-4) var(--space-3);
      }

      .seen {
        padding-inline: 0.3125rem;
        border: 1px solid var(--line-strong);
        border-radius: 4px;
        color: var(--text-soft);
        font-family: var(--font);
        font-size: 0.6875rem;
      }

      .event {
        padding: var(--space-1) var(--space-4);
        color: var(--text-faint);
        font-style: italic;
      }

      .none {
        padding: var(--space-4);
        text-align: center;
      }
    `,
  ];

  override connectedCallback(): void {
    super.connectedCallback();
    this.#follow();
    this.#tell("trace", true);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#unfollow();
    this.#tell("trace", false);
  }

  /**
   * Draws nothing while a pointer is pressed on the list: a frame that came in between would push
   * the row away below it, and a press and a release on two rows open neither.
   */
  protected override async scheduleUpdate(): Promise<void> {
    await this.#released;
    super.scheduleUpdate();
  }

  protected override willUpdate(changes: PropertyValues<this>): void {
    if (changes.has("log")) {
      this.#unfollow();
      this.#follow();
    }
  }

  protected override render(): TemplateResult {
    const all = this.isPaused ? this.#frozen : this.log.records;
    const records = this.#wanted(all);
    return html`
      <header>
        <h2>${say("web-wire")}</h2>
        <button
          class="icon-button"
          aria-label=${say("web-close")}
          @click=${() => this.#tell("close")}
        >
          ${close}
        </button>
      </header>
      <div class="lesson">
        <details open>
          <summary>${say("web-wire-states")}</summary>
          <wire-states
            .client=${this.state.state}
            .socket=${this.log.socket}
            .transitions=${[...this.log.transitions]}
          ></wire-states>
        </details>
        <details>
          <summary>${say("web-wire-handshake")}</summary>
          <wire-handshake></wire-handshake>
        </details>
        <details>
          <summary>${say("web-wire-mask")}</summary>
          <p>${say("web-wire-mask-about")}</p>
          ${this.#lesson()}
        </details>
        <details>
          <summary>${say("web-wire-unseen")}</summary>
          <p>${say("web-wire-unseen-about")}</p>
          ${
            this.isTraced === undefined
              ? nothing
              : html`<p>${say(this.isTraced ? "web-wire-told" : "web-wire-untold")}</p>`
          }
        </details>
      </div>
      ${this.#bar(all)}
      ${
        records.length === 0
          ? html`<p class="none">
              ${all.length === 0 ? say("web-wire-none") : say("web-wire-none-such")}
            </p>`
          : html`<ol aria-label=${say("web-wire-frames")} @pointerdown=${this.#press}>
              ${repeat(
                records,
                ({ number }) => number,
                (record) => html`<li>${this.#record(record)}</li>`,
              )}
            </ol>`
      }
    `;
  }

  /** How masking works, with the last message of which the server has told the key. */
  #lesson(): TemplateResult {
    const last = this.log.lastMasked;
    return last === undefined
      ? html`<p>${say("web-wire-mask-example")}</p>
          <wire-mask></wire-mask>`
      : html`<p>${say("web-wire-mask-last", { type: last.summary.type })}</p>
          ${masking(last)}`;
  }

  #bar(all: readonly WireRecord[]): TemplateResult {
    const types = new Set(all.map(({ summary }) => summary.type).filter(Boolean));
    if (this.type !== "") {
      types.add(this.type); // it stays chosen, though none of it is left
    }
    return html`<div class="bar" role="search">
      <input
        type="search"
        aria-label=${say("web-wire-filter")}
        placeholder=${say("web-wire-filter")}
        @input=${(event: Event) => {
          this.wanted = chosen(event);
        }}
      />
      <button aria-pressed=${this.isPaused} @click=${this.#pause}>${say("web-wire-pause")}</button>
      <button @click=${this.#clear}>${say("web-wire-clear")}</button>
      <select
        aria-label=${say("web-wire-direction")}
        @change=${(event: Event) => {
          this.direction = chosen(event) as typeof this.direction;
        }}
      >
        <option value="both">${say("web-wire-both")}</option>
        <option value="sent">${say("web-wire-sent")}</option>
        <option value="received">${say("web-wire-received")}</option>
      </select>
      <select
        class="types"
        aria-label=${say("web-wire-type")}
        @change=${(event: Event) => {
          this.type = chosen(event);
        }}
      >
        <option value="">${say("web-wire-all-types")}</option>
        ${repeat(
          [...types].sort(),
          (type) => type,
          (type) => html`<option value=${type} ?selected=${type === this.type}>${type}</option>`,
        )}
      </select>
    </div>`;
  }

  #record(record: WireRecord): TemplateResult {
    const { number, event, direction, summary, frames } = record;
    if (direction === undefined) {
      return html`<div class="event">
        <span class="meta">${timeOf(event.at)}</span> ${wordsFor(event)}
      </div>`;
    }
    const head = html`<span class="arrow" role="img" aria-label=${say(`web-wire-${direction}`)}
        >${direction === "sent" ? "↑" : "↓"}</span
      >
      <b>${summary.type}</b>
      <code>${summary.line}</code>
      <span class="meta"
        >${
          frames.length === 0
            ? nothing
            : html`<span class="seen" title=${say("web-wire-seen-about")}
                  >${say("web-wire-seen")}</span
                > `
        }${say(summary.isAtMost ? "web-wire-bytes-at-most" : "web-wire-bytes", {
          count: summary.bytes,
        })} · ${timeOf(event.at)}</span
      >`;
    const isOpen = this.open.has(number);
    return html`<button
        class="frame ${direction}"
        aria-expanded=${isOpen}
        @click=${() => this.#toggle(number)}
      >
        ${head}
      </button>
      ${isOpen ? this.#inside(record) : nothing}`;
  }

  #inside(record: WireRecord): TemplateResult {
    const { event, frames, mask } = record;
    return html`
      ${frames.map((frame) => html`<wire-frame .frame=${frame}></wire-frame>`)}
      ${
        mask === "" || event.wire === "control"
          ? nothing
          : html`<div class="mask">
              <p>${say("web-wire-mask-frame")}</p>
              ${masking(record)}
            </div>`
      }
      ${"text" in event ? html`<pre tabindex="0">${json(event.text)}</pre>` : nothing}
    `;
  }

  #wanted(all: readonly WireRecord[]): readonly WireRecord[] {
    const wanted = this.wanted.trim().toLowerCase();
    return all
      .filter(({ direction, summary }) => {
        if (this.direction !== "both" && direction !== this.direction) {
          return false;
        }
        if (this.type !== "" && summary.type !== this.type) {
          return false;
        }
        return (
          wanted === "" ||
          (direction !== undefined &&
            `${summary.type} ${summary.line}`.toLowerCase().includes(wanted))
        );
      })
      .slice(-DRAWN)
      .reverse();
  }

  #follow(): void {
    if (this.#stop === undefined && this.log !== undefined && this.isConnected) {
      const { log } = this;
      const unwatch = log.watch();
      log.addEventListener("change", this.#changed);
      this.#stop = () => {
        unwatch();
        log.removeEventListener("change", this.#changed);
      };
    }
  }

  #unfollow(): void {
    this.#stop?.();
    this.#stop = undefined;
    cancelAnimationFrame(this.#drawing ?? 0);
    this.#drawing = undefined;
  }

  /** However much has come, it is drawn once a frame. */
  readonly #changed = (): void => {
    this.#drawing ??= requestAnimationFrame(() => {
      this.#drawing = undefined;
      this.requestUpdate();
    });
  };

  #press(): void {
    this.#released = new Promise((resolve) => {
      const listening = new AbortController();
      const release = (): void => {
        listening.abort();
        requestAnimationFrame(() => resolve()); // the click is told after the release
      };
      addEventListener("pointerup", release, { signal: listening.signal });
      addEventListener("pointercancel", release, { signal: listening.signal });
    });
  }

  #pause(): void {
    this.isPaused = !this.isPaused;
    this.#frozen = [...this.log.records];
  }

  #clear(): void {
    this.log.clear();
    this.#frozen = [];
    this.requestUpdate();
  }

  #toggle(number: number): void {
    const open = new Set(this.open);
    if (!open.delete(number)) {
      open.add(number);
    }
    this.open = open;
  }

  #tell(type: "close" | "trace", detail?: boolean): void {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

function chosen(event: Event): string {
  return (event.target as HTMLInputElement | HTMLSelectElement).value;
}

/** A message in colours. */
function json(text: string): TemplateResult[] {
  return pieces(pretty(text)).map(
    ({ kind, text }) => html`<span class=${kind === "key" ? "key-piece" : kind}>${text}</span>`,
  );
}

/** How the first bytes of a message went out; of one in fragments, those of the first. */
function masking({ event, frames, mask }: WireRecord): TemplateResult {
  return html`<wire-mask
    .text=${"text" in event ? event.text : ""}
    .mask=${mask}
    .most=${frames[0]?.length ?? 0}
  ></wire-mask>`;
}

/** What has happened to the connection. */
function wordsFor(event: Happening): string {
  switch (event.wire) {
    case "opening":
      return say("web-wire-opening");
    case "opened":
      return say("web-wire-opened");
    case "dropped":
      return say("web-wire-dropped");
    case "missed":
      return say("web-wire-missed", { count: event.count });
    case "closed":
      return `${say("web-wire-closed")} ${event.code} ${event.reason}`;
    default:
      return ""; // a frame, of which there is more to say
  }
}
