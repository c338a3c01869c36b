import type { State } from "@causerie/client";
import { css, html, nothing, svg, type TemplateResult } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import { say } from "../i18n.js";
import { lineThrough, type RoundTrip, rounded, spread } from "../round-trips.js";
import { base } from "../styles/tokens.js";
import { explain, whyClosed } from "../text/explain.js";
import { retry } from "./icons.js";
import { LocalizedElement } from "./localized.js";

/** The sparkline's size, in its own units. */
const BOX = { width: 240, height: 48, margin: 4 };

/**
 * Whether one is connected, and how fast. A click opens a panel with the last minutes.
 *
 * Tells `try-now` when one wants to wait no longer, `wire` when one wants to see more.
 */
@customElement("connection-pill")
export class ConnectionPill extends LocalizedElement {
  @property({ attribute: false }) state: State = { state: "Connecting" };
  @property({ attribute: false }) rttMs: number | undefined;
  /** Milliseconds until the next attempt, asked for at every turn of the clock. */
  @property({ attribute: false }) retryIn: () => number | undefined = () => undefined;
  @property({ attribute: false }) roundTrips: readonly RoundTrip[] = [];
  @property({ attribute: false }) reconnects = 0;
  /** Messages that wait for their ack. */
  @property({ attribute: false }) waiting = 0;
  @property() server = "";
  /** The name that one has there. */
  @property() username = "";
  /** Changes whenever any of it has. */
  @property({ attribute: false }) version = 0;
  @state() private isOpen = false;
  #clock: ReturnType<typeof setInterval> | undefined;

  static override readonly styles = [
    base,
    css`
      :host {
        position: relative;
        display: inline-flex;
        gap: var(--space-2);
        align-items: center;
        font-size: var(--type-small);
      }

      .pill {
        display: inline-flex;
        gap: 0.4375rem;
        align-items: center;
        min-block-size: 1.875rem;
        padding: 0.1875rem 0.6875rem;
        border: 1px solid var(--line);
        border-radius: 2rem;
        background: var(--surface);
        color: var(--text-soft);
        font-variant-numeric: tabular-nums;
        white-space: nowrap;
      }

      .pill:hover {
        background: var(--surface-hover);
      }

      .short {
        display: none;
      }

      @media (max-width: 44rem) {
        .pill {
          padding-inline: 0.5625rem;
        }

        .pill .short {
          display: inline;
        }

        .pill .words {
          position: absolute;
          overflow: hidden;
          clip-path: inset(50%);
          inline-size: 1px;
          block-size: 1px;
        }
      }

      .dot {
        flex: none;
        inline-size: 0.5625rem;
        block-size: 0.5625rem;
        border-radius: 50%;
        background: var(--line-strong);
        forced-color-adjust: none;
      }

      .Connected .dot {
        background: var(--good-dot);
      }

      .Disconnected,
      .Closed {
        color: var(--bad);
      }

      .Disconnected .dot,
      .Closed .dot {
        background: var(--bad-dot);
      }

      .Connecting .dot,
      .Reconnecting .dot {
        border: 2px solid var(--warn);
        border-block-start-color: transparent;
        background: none;
        animation: turn 0.9s linear infinite;
      }

      @keyframes turn {
        to {
          transform: rotate(1turn);
        }
      }

      @media (prefers-reduced-motion: reduce) {
        .Connecting .dot,
        .Reconnecting .dot {
          animation-duration: 4s;
        }
      }

      .now {
        min-block-size: 1.875rem;
        padding: 0.1875rem 0.625rem;
        border-radius: 2rem;
        background: var(--surface-active);
        color: var(--accent-strong);
        font-weight: 600;
        white-space: nowrap;
      }

      .now svg {
        display: none;
        inline-size: 1.125rem;
      }

      @media (max-width: 44rem) {
        .now {
          padding-inline: 0.375rem;
        }

        .now svg {
          display: block;
        }

        .now span {
          position: absolute;
          overflow: hidden;
          clip-path: inset(50%);
          inline-size: 1px;
          block-size: 1px;
        }
      }

      .panel {
        position: absolute;
        inset-block-start: calc(100% + var(--space-2));
        inset-inline-end: 0;
        z-index: 5;
        inline-size: min(23rem, calc(100vw - 2rem));
        padding: var(--space-4);
        border: 1px solid var(--line);
        border-radius: var(--radius-large);
        background: var(--surface-raised);
        box-shadow: var(--shadow);
        color: var(--text);
      }

      .panel h2 {
        margin: 0 0 var(--space-2);
        font-size: var(--type);
      }

      .panel p {
        margin: 0 0 var(--space-3);
        overflow-wrap: anywhere;
        color: var(--text-soft);
        line-height: 1.45;
      }

      .line {
        inline-size: 100%;
        block-size: 3rem;
      }

      .line path {
        fill: none;
        stroke: var(--accent);
        stroke-width: 1.6;
        stroke-linejoin: round;
        vector-effect: non-scaling-stroke;
      }

      .line .area {
        fill: var(--surface-active);
        stroke: none;
      }

      .spread {
        display: flex;
        justify-content: space-between;
        margin-block: var(--space-1) var(--space-3);
        color: var(--text-soft);
        font-size: var(--type-tiny);
      }

      .spread b {
        color: var(--text);
        font-variant-numeric: tabular-nums;
      }

      dl {
        display: grid;
        grid-template-columns: auto minmax(0, 1fr);
        gap: var(--space-1) var(--space-3);
        margin: var(--space-3) 0;
      }

      dt {
        color: var(--text-soft);
      }

      dd {
        margin: 0;
        overflow-wrap: anywhere;
        text-align: end;
        font-variant-numeric: tabular-nums;
      }

      .name {
        unicode-bidi: isolate;
      }
    `,
  ];

  override connectedCallback(): void {
    super.connectedCallback();
    this.#clock = setInterval(() => {
      if (this.state.state === "Disconnected") {
        this.requestUpdate();
      }
    }, 250);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    clearInterval(this.#clock);
    document.removeEventListener("pointerdown", this.#outside);
    this.isOpen = false;
  }

  protected override firstUpdated(): void {
    // Wherever in it the focus is: the button keeps it while the panel is open.
    this.renderRoot.addEventListener("keydown", (event) => this.#escape(event as KeyboardEvent));
  }

  protected override render(): TemplateResult {
    const words = this.#words();
    return html`
      <button
        class="pill ${this.state.state}"
        aria-haspopup="dialog"
        aria-expanded=${this.isOpen}
        aria-controls="panel"
        @click=${this.#toggle}
      >
        <span class="dot"></span><span class="words">${words}</span
        ><span class="short" aria-hidden="true">${this.#short()}</span>
      </button>
      <span class="visually-hidden" role="status">${this.#spoken()}</span>
      ${
        this.state.state === "Disconnected"
          ? html`<button class="now" title=${say("web-try-now")} @click=${this.#tryNow}>
              ${retry}<span>${say("web-try-now")}</span>
            </button>`
          : nothing
      }
      ${this.isOpen ? this.#panel() : nothing}
    `;
  }

  /** What the pill says: the seconds count down. */
  #words(): string {
    switch (this.state.state) {
      case "Connecting":
        return say("connecting");
      case "Connected":
        return this.rttMs === undefined
          ? say("web-connected")
          : say("connected", { ms: rounded(this.rttMs) });
      case "Disconnected":
        return say("web-disconnected-retry", {
          seconds: this.#secondsLeft(),
        });
      case "Reconnecting":
        return say("web-reconnecting");
      case "Closed":
        return say("closed");
    }
  }

  /** What the pill says where there is no place: what changes, next to the dot's colour. */
  #short(): string {
    switch (this.state.state) {
      case "Connected":
        return this.rttMs === undefined ? "" : `${rounded(this.rttMs)} ms`;
      case "Disconnected":
        return `${this.#secondsLeft()} s`;
      case "Closed":
        return say("closed");
      default:
        return "";
    }
  }

  #secondsLeft(): number {
    return Math.ceil((this.retryIn() ?? 0) / 1000);
  }

  /** What a screen reader says: that the connection is lost, once, and that it is back. */
  #spoken(): string {
    switch (this.state.state) {
      case "Connected":
        return say("web-connected");
      case "Disconnected":
      case "Reconnecting":
        return say("disconnected");
      default:
        return "";
    }
  }

  #panel(): TemplateResult {
    const times = spread(this.roundTrips);
    return html`<div id="panel" class="panel" role="dialog" aria-label=${say("web-connection")}>
      <h2>${say("web-connection")}</h2>
      <p>${this.#meaning()}</p>
      ${this.roundTrips.length > 1 ? this.#sparkline() : nothing}
      ${
        times === undefined
          ? nothing
          : html`<div class="spread">
              <span>${say("web-least")} <b>${rounded(times.least)} ms</b></span>
              <span>${say("web-median")} <b>${rounded(times.median)} ms</b></span>
              <span>${say("web-most")} <b>${rounded(times.most)} ms</b></span>
            </div>`
      }
      <dl>
        <dt>${say("web-reconnects")}</dt>
        <dd>${this.reconnects}</dd>
        <dt>${say("web-waiting")}</dt>
        <dd>${this.waiting}</dd>
        <dt>${say("web-server")}</dt>
        <dd>${this.server}</dd>
        <dt>${say("web-join-name")}</dt>
        <dd class="name">${this.username}</dd>
      </dl>
      <button class="link" @click=${this.#wire}>${say("web-wire-show")}</button>
    </div>`;
  }

  #meaning(): string {
    switch (this.state.state) {
      case "Connected":
        return say("web-means-connected");
      case "Disconnected":
        return this.#lost(this.state);
      case "Closed":
        return explain(this.state.error);
      default:
        return say("web-means-connecting");
    }
  }

  /** Why there is no connection, as far as a page is told, and that nothing is lost. */
  #lost({ code, reason }: Extract<State, { state: "Disconnected" }>): string {
    const why = whyClosed(code, reason);
    const means = say("web-means-disconnected");
    return why === "" ? means : `${say("disconnected-because", { reason: why })}. ${means}`;
  }

  #sparkline(): TemplateResult {
    const line = lineThrough(this.roundTrips, BOX);
    const { width, height } = BOX;
    return html`<svg
      class="line"
      viewBox="0 0 ${width} ${height}"
      preserveAspectRatio="none"
      role="img"
      aria-label=${say("web-round-trips-chart")}
    >
      ${svg`<path class="area" d="${line}L${width} ${height}L0 ${height}Z" /><path d=${line} />`}
    </svg>`;
  }

  #toggle(): void {
    this.isOpen = !this.isOpen;
    if (this.isOpen) {
      document.addEventListener("pointerdown", this.#outside);
    } else {
      document.removeEventListener("pointerdown", this.#outside);
    }
  }

  readonly #outside = (event: Event): void => {
    if (!event.composedPath().includes(this)) {
      this.#toggle();
    }
  };

  #escape(event: KeyboardEvent): void {
    if (event.key === "Escape" && this.isOpen) {
      event.stopPropagation();
      this.#toggle();
      this.renderRoot.querySelector<HTMLElement>(".pill")?.focus();
    }
  }

  #wire(): void {
    this.#toggle();
    this.dispatchEvent(new CustomEvent("wire"));
  }

  #tryNow(): void {
    // The button goes while one tries: the keyboard is not to be lost with it.
    this.renderRoot.querySelector<HTMLElement>(".pill")?.focus();
    this.dispatchEvent(new CustomEvent("try-now"));
  }
}
