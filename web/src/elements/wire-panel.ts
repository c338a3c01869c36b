import { type State, TRANSITIONS } from "@causerie/client";
import { css, html, nothing, type SVGTemplateResult, svg, type TemplateResult } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import { repeat } from "lit/directives/repeat.js";
import { say } from "../i18n.js";
import { base } from "../styles/tokens.js";
import { bytesOf, inline, pieces, pretty, typeOf } from "../wire/describe.js";
import { acceptOf, EXAMPLE_KEY, GUID } from "../wire/handshake.js";
import type { WireLog, WireRecord } from "../wire/wire-log.js";
import { close } from "./icons.js";
import { LocalizedElement } from "./localized.js";

/** Records that are drawn: the newest. */
const DRAWN = 200;

type Name = State["state"];

/** Where each state stands in the diagram. */
const PLACES: Readonly<Record<Name, readonly [x: number, y: number]>> = {
  Connecting: [50, 24],
  Connected: [190, 24],
  Reconnecting: [50, 96],
  Disconnected: [190, 96],
  Closed: [310, 60],
};

/** What this page and the server exchange, live. Tells `close`. */
@customElement("wire-panel")
export class WirePanel extends LocalizedElement {
  @property({ attribute: false }) log!: WireLog;
  @property({ attribute: false }) state: State = { state: "Connecting" };
  @state() private isPaused = false;
  @state() private direction: "both" | "sent" | "received" = "both";
  @state() private wanted = "";
  @state() private key = EXAMPLE_KEY;
  @state() private open: ReadonlySet<number> = new Set();
  #frozen: readonly WireRecord[] = [];

  static override readonly styles = [
    base,
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

      p {
        margin: var(--space-2) 0;
        color: var(--text-soft);
        line-height: 1.5;
      }

      pre,
      .frame code,
      .key {
        font-family: var(--mono);
        font-size: var(--type-tiny);
      }

      pre {
        overflow-x: auto;
        margin: var(--space-2) 0;
        padding: var(--space-2);
        border-radius: var(--radius);
        background: var(--surface-sunken);
        line-height: 1.5;
        overflow-wrap: anywhere;
        white-space: pre-wrap;
      }

      pre b {
        color: var(--accent);
      }

      .key {
        inline-size: 100%;
        padding: var(--space-1) var(--space-2);
        border: 1px solid var(--line-strong);
        border-radius: 6px;
        background: var(--surface);
        color: var(--text);
      }

      .diagram {
        inline-size: 100%;
        max-block-size: 11rem;
      }

      .diagram rect {
        fill: var(--surface-sunken);
        stroke: var(--line-strong);
      }

      .diagram text {
        fill: var(--text-soft);
        font: 11px var(--font);
        text-anchor: middle;
      }

      .diagram path {
        fill: none;
        stroke: var(--line-strong);
      }

      .diagram .end {
        opacity: 0.3;
      }

      .diagram .lit rect {
        fill: var(--accent);
        stroke: var(--accent);
      }

      .diagram .lit text {
        fill: var(--on-accent);
        font-weight: 600;
      }

      .bar {
        display: flex;
        flex: none;
        flex-wrap: wrap;
        gap: var(--space-2);
        padding: var(--space-2) var(--space-4);
        border-block-end: 1px solid var(--line);
      }

      .bar input {
        flex: 1;
        min-inline-size: 6rem;
      }

      .bar input,
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

      .event {
        padding: var(--space-1) var(--space-4);
        color: var(--text-faint);
        font-style: italic;
      }
    `,
  ];

  override connectedCallback(): void {
    super.connectedCallback();
    this.log.addEventListener("change", this.#changed);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.log.removeEventListener("change", this.#changed);
  }

  protected override render(): TemplateResult {
    const records = this.#wanted();
    return html`
      <header>
        <h2>${say("web-wire")}</h2>
        <button
          class="icon-button"
          aria-label=${say("web-close")}
          @click=${() => this.dispatchEvent(new CustomEvent("close"))}
        >
          ${close}
        </button>
      </header>
      <div class="lesson">
        <details open>
          <summary>${say("web-wire-states")}</summary>
          ${this.#diagram()}
        </details>
        <details>
          <summary>${say("web-wire-handshake")}</summary>
          ${this.#handshake()}
        </details>
      </div>
      <div class="bar" role="search">
        <input
          type="search"
          aria-label=${say("web-wire-filter")}
          placeholder=${say("web-wire-filter")}
          @input=${(event: Event) => {
            this.wanted = (event.target as HTMLInputElement).value;
          }}
        />
        <select
          aria-label=${say("web-wire-direction")}
          @change=${(event: Event) => {
            this.direction = (event.target as HTMLSelectElement).value as typeof this.direction;
          }}
        >
          <option value="both">${say("web-wire-both")}</option>
          <option value="sent">${say("web-wire-sent")}</option>
          <option value="received">${say("web-wire-received")}</option>
        </select>
        <button aria-pressed=${this.isPaused} @click=${this.#pause}>
          ${say("web-wire-pause")}
        </button>
        <button @click=${this.#clear}>${say("web-wire-clear")}</button>
      </div>
      <ol aria-label=${say("web-wire-frames")}>
        ${repeat(
          records,
          ({ number }) => number,
          (record) => html`<li>${this.#record(record)}</li>`,
        )}
      </ol>
    `;
  }

  #record({ number, event }: WireRecord): TemplateResult {
    const time = new Date(event.at).toISOString().slice(11, 23);
    if (event.wire !== "sent" && event.wire !== "received") {
      const more = event.wire === "closed" ? ` ${event.code} ${event.reason}` : "";
      return html`<div class="event">
        <span class="meta">${time}</span> ${say(`web-wire-${event.wire}`)}${more}
      </div>`;
    }
    const { text, wire } = event;
    const isOpen = this.open.has(number);
    return html`<button
        class="frame ${wire}"
        aria-expanded=${isOpen}
        @click=${() => this.#toggle(number)}
      >
        <span class="arrow" aria-label=${say(`web-wire-${wire}`)}>${wire === "sent" ? "↑" : "↓"}</span>
        <b>${typeOf(text)}</b>
        <code>${inline(text)}</code>
        <span class="meta">${bytesOf(text)} B · ${time}</span>
      </button>
      ${
        isOpen
          ? html`<pre tabindex="0">${pieces(pretty(text)).map(
              (piece) =>
                html`<span class=${piece.kind === "key" ? "key-piece" : piece.kind}
                  >${piece.text}</span
                >`,
            )}</pre>`
          : nothing
      }`;
  }

  #diagram(): TemplateResult {
    const arrows: SVGTemplateResult[] = [];
    for (const [from, targets] of Object.entries(TRANSITIONS) as [Name, object][]) {
      for (const to of new Set<Name>(Object.values(targets))) {
        const [x1, y1] = PLACES[from];
        const [x2, y2] = PLACES[to];
        // Of two arrows between the same states each stands a little aside.
        const isBothWays = Object.values(TRANSITIONS[to]).includes(from);
        const [dx, dy] = isBothWays ? [Math.sign(y2 - y1) * 6, Math.sign(x1 - x2) * 6] : [0, 0];
        const [x, y] = [(x1 + x2) / 2 + dx, (y1 + y2) / 2 + dy];
        arrows.push(svg`<path
          class=${to === "Closed" ? "end" : ""}
          d="M${x1 + dx} ${y1 + dy}L${x} ${y}L${x2 + dx} ${y2 + dy}"
          marker-mid="url(#arrow)"
        />`);
      }
    }
    const states = (Object.entries(PLACES) as [Name, readonly [number, number]][]).map(
      ([name, [x, y]]) => svg`<g class=${name === this.state.state ? "lit" : ""}>
        <rect x=${x - 42} y=${y - 12} width="84" height="24" rx="12" />
        <text x=${x} y=${y + 4}>${name}</text>
      </g>`,
    );
    return html`<svg
      class="diagram"
      viewBox="0 0 360 120"
      role="img"
      aria-label=${say("web-wire-state-is", { state: this.state.state })}
    >
      <defs>
        <marker id="arrow" viewBox="0 0 8 8" refX="5" refY="4" markerWidth="7" markerHeight="7" orient="auto">
          <path d="M1 1 7 4 1 7" />
        </marker>
      </defs>
      ${arrows}${states}
    </svg>`;
  }

  #handshake(): TemplateResult {
    const { joined, digest, accept } = acceptOf(this.key);
    return html`
      <p>${say("web-wire-handshake-about")}</p>
      <pre>
GET /ws HTTP/1.1
Host: ${location.host}
Connection: Upgrade
Upgrade: websocket
Sec-WebSocket-Version: 13
Sec-WebSocket-Protocol: causerie.v1
Sec-WebSocket-Key: <b>${this.key}</b></pre>
      <label>
        ${say("web-wire-key")}
        <input
          class="key"
          .value=${this.key}
          spellcheck="false"
          autocomplete="off"
          maxlength="64"
          @input=${(event: Event) => {
            this.key = (event.target as HTMLInputElement).value;
          }}
        />
      </label>
      <p>${say("web-wire-accept-about")}</p>
      <pre>
key + GUID  ${joined.slice(0, -GUID.length)}<b>${GUID}</b>
SHA-1       ${digest}
base64      <b>${accept}</b></pre>
      <pre>
HTTP/1.1 101 Switching Protocols
Upgrade: websocket
Connection: Upgrade
Sec-WebSocket-Protocol: causerie.v1
Sec-WebSocket-Accept: <b>${accept}</b></pre>
      <p>${say("web-wire-unseen")}</p>
    `;
  }

  #wanted(): readonly WireRecord[] {
    const records = this.isPaused ? this.#frozen : this.log.records;
    const wanted = this.wanted.trim().toLowerCase();
    return records
      .filter(({ event }) => {
        const isFrame = event.wire === "sent" || event.wire === "received";
        if (this.direction !== "both" && event.wire !== this.direction) {
          return false;
        }
        return wanted === "" || (isFrame && inline(event.text).toLowerCase().includes(wanted));
      })
      .slice(-DRAWN)
      .reverse();
  }

  readonly #changed = (): void => {
    if (!this.isPaused) {
      this.requestUpdate();
    }
  };

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
}
