import { css, html, type TemplateResult } from "lit";
import { customElement, property } from "lit/decorators.js";
import { type Key, say } from "../i18n.js";
import { base } from "../styles/tokens.js";
import { EXAMPLE_MASK, EXAMPLE_TEXT, type MaskedByte, masked } from "../wire/mask.js";
import { LocalizedElement } from "./localized.js";
import { lesson } from "./wire-styles.js";

/** Bytes that are shown. */
const SHOWN = 10;

/** The rows of the table, and what they show of a byte. */
const ROWS: readonly (readonly [Key, keyof MaskedByte])[] = [
  ["web-wire-mask-text", "character"],
  ["web-wire-mask-plain", "plain"],
  ["web-wire-mask-key", "mask"],
  ["web-wire-mask-sent", "masked"],
];

/** The first bytes of a text as they are masked; the RFC's example, if it is given none. */
@customElement("wire-mask")
export class WireMask extends LocalizedElement {
  @property() text = EXAMPLE_TEXT;
  /** In hexadecimal. */
  @property() mask = EXAMPLE_MASK;
  /** Bytes that it was masked for. */
  @property({ type: Number }) most = SHOWN;

  static override readonly styles = [
    base,
    lesson,
    css`
      div {
        overflow-x: auto;
      }

      table {
        border-collapse: collapse;
        font-size: var(--type-tiny);
      }

      th {
        padding-inline-end: var(--space-3);
        color: var(--text-soft);
        font-weight: 600;
        text-align: start;
        white-space: nowrap;
      }

      td {
        min-inline-size: 1.75rem;
        padding: 0.125rem var(--space-1);
        font-family: var(--mono);
        text-align: center;
      }

      .mask td {
        color: var(--warn);
      }

      .masked td {
        border-block-start: 1px solid var(--line-strong);
        color: var(--accent);
        font-weight: 600;
      }
    `,
  ];

  protected override render(): TemplateResult {
    const bytes = masked(this.text, this.mask, Math.min(SHOWN, this.most));
    return html`<div tabindex="0" role="group" aria-label=${say("web-wire-mask")}>
      <table>
        ${ROWS.map(
          ([key, field]) => html`<tr class=${field}>
            <th scope="row">${say(key)}</th>
            ${bytes.map((byte) => html`<td>${byte[field]}</td>`)}
          </tr>`,
        )}
      </table>
    </div>`;
  }
}
