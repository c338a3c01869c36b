import { type State, TRANSITIONS } from "@causerie/client";
import { css, html, nothing, type SVGTemplateResult, svg, type TemplateResult } from "lit";
import { customElement, property } from "lit/decorators.js";
import { say } from "../i18n.js";
import { base } from "../styles/tokens.js";
import { timeOf } from "../wire/describe.js";
import { SOCKET_STATES, type SocketState, type Transition } from "../wire/wire-log.js";
import { LocalizedElement } from "./localized.js";
import { lesson } from "./wire-styles.js";

type Name = State["state"];

/** Where each state of the client stands in its diagram. */
const PLACES: Readonly<Record<Name, readonly [x: number, y: number]>> = {
  Connecting: [50, 24],
  Connected: [190, 24],
  Reconnecting: [50, 96],
  Disconnected: [190, 96],
  Closed: [310, 60],
};

/** How far along an arrow its head stands. */
const HEAD = 0.58;

/** Changes of state that are listed: the newest. */
const LISTED = 8;

/** The states of the connection as diagrams, the present ones lit, and the last changes. */
@customElement("wire-states")
export class WireStates extends LocalizedElement {
  @property({ attribute: false }) client: Name = "Connecting";
  @property({ attribute: false }) socket: SocketState | undefined;
  /** From old to new. */
  @property({ attribute: false }) transitions: readonly Transition[] = [];

  static override readonly styles = [
    base,
    lesson,
    css`
      svg {
        inline-size: 100%;
        max-inline-size: 30rem;
        margin-inline: auto;
      }

      rect {
        fill: var(--surface-sunken);
        stroke: var(--line-strong);
      }

      text {
        fill: var(--text-soft);
        font: 11px var(--font);
        text-anchor: middle;
      }

      .socket text {
        font: 10px var(--mono);
      }

      path {
        fill: none;
        stroke: var(--line-strong);
      }

      .end {
        opacity: 0.3;
      }

      .lit rect {
        fill: var(--accent);
        stroke: var(--accent);
      }

      .lit text {
        fill: var(--on-accent);
        font-weight: 600;
      }

      h3 {
        margin: var(--space-2) 0 var(--space-1);
        color: var(--text-soft);
        font-size: var(--type-tiny);
        font-weight: 600;
      }

      ol {
        display: grid;
        grid-template-columns: auto auto minmax(0, 1fr);
        column-gap: var(--space-3);
        margin: 0;
        padding: 0;
        font-size: var(--type-tiny);
        line-height: 1.6;
        list-style: none;
      }

      li {
        display: contents;
      }

      time {
        color: var(--text-faint);
        font-variant-numeric: tabular-nums;
      }

      .machine {
        font-family: var(--mono);
      }

      .why {
        color: var(--text-soft);
        overflow-wrap: anywhere;
      }
    `,
  ];

  protected override render(): TemplateResult {
    return html`
      <h3>${say("web-wire-client")}</h3>
      ${this.#client()}
      <h3>${say("web-wire-socket")}</h3>
      ${this.#socket()} ${this.transitions.length > 0 ? this.#changes() : nothing}
    `;
  }

  #client(): TemplateResult {
    const arrows: SVGTemplateResult[] = [];
    for (const [from, targets] of Object.entries(TRANSITIONS) as [Name, object][]) {
      for (const to of new Set<Name>(Object.values(targets))) {
        const [x1, y1] = PLACES[from];
        const [x2, y2] = PLACES[to];
        // Of two arrows between the same states each stands a little aside.
        const isBothWays = Object.values(TRANSITIONS[to]).includes(from);
        const [dx, dy] = isBothWays ? [Math.sign(y2 - y1) * 6, Math.sign(x1 - x2) * 6] : [0, 0];
        // Past the middle, where others cross.
        const [x, y] = [x1 + (x2 - x1) * HEAD + dx, y1 + (y2 - y1) * HEAD + dy];
        arrows.push(svg`<path
          class=${to === "Closed" ? "end" : ""}
          d="M${x1 + dx} ${y1 + dy}L${x} ${y}L${x2 + dx} ${y2 + dy}"
          marker-mid="url(#arrow)"
        />`);
      }
    }
    const states = (Object.entries(PLACES) as [Name, readonly [number, number]][]).map(
      ([name, [x, y]]) => box(name, { x, y, width: 84, radius: 12, isLit: name === this.client }),
    );
    return html`<svg
      class="diagram"
      viewBox="0 0 360 120"
      role="img"
      aria-label=${say("web-wire-state-is", { state: this.client })}
    >
      ${arrowHead}${arrows}${states}
    </svg>`;
  }

  #socket(): TemplateResult {
    const boxes = SOCKET_STATES.map((name, index) =>
      box(name, { x: 39 + index * 94, y: 40, width: 70, radius: 4, isLit: name === this.socket }),
    );
    // Side by side; and over the top, where it is refused or lost without a goodbye.
    const arrows = ["M74 40H95", "M168 40H189", "M262 40H283"].map(
      (line) => svg`<path d=${line} marker-end="url(#arrow)" />`,
    );
    const overTheTop = ["M39 28C39 -4 328 -4 328 28", "M133 28C133 10 308 10 308 28"].map(
      (line) => svg`<path class="end" d=${line} />`,
    );
    return html`<svg
      class="socket"
      viewBox="0 0 360 56"
      role="img"
      aria-label=${say("web-wire-socket-is", { state: this.socket ?? "–" })}
    >
      ${arrowHead}${overTheTop}${arrows}${boxes}
    </svg>`;
  }

  #changes(): TemplateResult {
    return html`
      <h3 id="changes">${say("web-wire-transitions")}</h3>
      <ol aria-labelledby="changes">
        ${this.transitions
          .slice(-LISTED)
          .reverse()
          .map(
            ({ at, to, why }) => html`<li>
              <time>${timeOf(at)}</time>
              <span class=${isSocket(to) ? "machine" : ""}>${to}</span>
              <span class="why">${why}</span>
            </li>`,
          )}
      </ol>
    `;
  }
}

const arrowHead = svg`<defs>
  <marker
    id="arrow"
    viewBox="0 0 8 8"
    refX="5"
    refY="4"
    markerWidth="7"
    markerHeight="7"
    orient="auto"
  >
    <path d="M1 1 7 4 1 7" />
  </marker>
</defs>`;

/** One state. */
function box(
  name: string,
  at: { x: number; y: number; width: number; radius: number; isLit: boolean },
): SVGTemplateResult {
  return svg`<g class=${at.isLit ? "lit" : ""}>
    <rect x=${at.x - at.width / 2} y=${at.y - 12} width=${at.width} height="24" rx=${at.radius} />
    <text x=${at.x} y=${at.y + 4}>${name}</text>
  </g>`;
}

function isSocket(name: SocketState | Name): name is SocketState {
  return SOCKET_STATES.some((one) => one === name);
}
