import type { TracedFrame } from "@causerie/client";
import { css, html, nothing, type TemplateResult } from "lit";
import { customElement, property } from "lit/decorators.js";
import { say } from "../i18n.js";
import { base } from "../styles/tokens.js";
import { timeOf } from "../wire/describe.js";
import { carried, nameOf, spaced } from "../wire/trace.js";
import { LocalizedElement } from "./localized.js";
import { lesson } from "./wire-styles.js";

/** A frame as the server saw it: its header, field by field (RFC 6455, section 5.2). */
@customElement("wire-frame")
export class WireFrame extends LocalizedElement {
  @property({ attribute: false }) frame!: TracedFrame;

  static override readonly styles = [
    base,
    lesson,
    css`
      dl {
        display: flex;
        flex-wrap: wrap;
        gap: 1px;
        margin: var(--space-2) 0;
        font-size: var(--type-tiny);
      }

      div {
        flex: 1 0 auto;
        padding: var(--space-1) var(--space-2);
        background: var(--surface-sunken);
      }

      dt {
        color: var(--text-soft);
        white-space: nowrap;
      }

      dd {
        margin: 0;
        font-family: var(--mono);
        overflow-wrap: anywhere;
      }

      .key dd {
        color: var(--warn);
      }
    `,
  ];

  protected override render(): TemplateResult {
    const { time, fin, rsv1, opcode, length, size, maskingKey } = this.frame;
    const content = carried(this.frame);
    return html`<dl>
      <div><dt>FIN</dt><dd>${fin ? 1 : 0}</dd></div>
      ${
        rsv1
          ? html`<div title=${say("web-wire-compressed")}><dt>RSV1</dt><dd>1</dd></div>`
          : nothing
      }
      <div><dt>opcode</dt><dd>${nameOf(opcode)}</dd></div>
      <div><dt>MASK</dt><dd>${maskingKey === undefined ? 0 : 1}</dd></div>
      <div><dt>${say("web-wire-length")}</dt><dd>${say("web-wire-bytes", { count: length })}</dd></div>
      ${
        maskingKey === undefined
          ? nothing
          : html`<div class="key">
              <dt>${say("web-wire-masking-key")}</dt>
              <dd>${spaced(maskingKey)}</dd>
            </div>`
      }
      ${
        content === ""
          ? nothing
          : html`<div><dt>${say("web-wire-payload")}</dt><dd>${content}</dd></div>`
      }
      <div><dt>${say("web-wire-seen-at")}</dt><dd>${timeOf(time)}</dd></div>
      <div><dt>${say("web-wire-size")}</dt><dd>${say("web-wire-bytes", { count: size })}</dd></div>
    </dl>`;
  }
}
