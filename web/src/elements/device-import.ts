import type { KeyLink } from "@causerie/client";
import { css, html, nothing, type TemplateResult } from "lit";
import { customElement, property } from "lit/decorators.js";
import type { Standing } from "../device.js";
import { say } from "../i18n.js";
import { base } from "../styles/tokens.js";
import { LocalizedElement } from "./localized.js";

/** Asks whether this browser is to take over a name that came with a link. Tells `take`, `refuse`. */
@customElement("device-import")
export class DeviceImport extends LocalizedElement {
  @property({ attribute: false }) offer!: KeyLink;
  /** The name that one has in this browser now; empty, if one has none. */
  @property() present = "";
  /** What this browser has for the name that the key is for. */
  @property() standing: Standing = "nothing";

  static override readonly styles = [
    base,
    css`
      :host {
        display: grid;
        place-items: center;
        block-size: 100%;
        padding: var(--space-4);
        background: var(--surface-sunken);
      }

      section {
        display: grid;
        gap: var(--space-4);
        inline-size: min(26rem, 100%);
        padding: var(--space-6);
        border: 1px solid var(--line);
        border-radius: var(--radius-large);
        background: var(--surface);
      }

      h1 {
        margin: 0;
        font-size: 1.25rem;
        overflow-wrap: anywhere;
      }

      p {
        margin: 0;
        color: var(--text-soft);
        line-height: 1.5;
        overflow-wrap: anywhere;
      }

      .warning {
        padding: var(--space-2) var(--space-3);
        border-radius: var(--radius);
        background: var(--bad-soft);
        color: var(--bad);
      }

      .row {
        display: flex;
        flex-wrap: wrap;
        gap: var(--space-3);
      }

      button {
        white-space: nowrap;
      }

      @media (max-width: 30rem) {
        section {
          padding: var(--space-5);
        }
      }

      .secondary {
        padding: var(--space-2) var(--space-4);
        border: 1px solid var(--line-strong);
        border-radius: var(--radius);
      }
    `,
  ];

  override firstUpdated(): void {
    const safest = this.standing === "another key" ? ".secondary" : ".primary";
    this.renderRoot.querySelector<HTMLElement>(safest)?.focus();
  }

  protected override render(): TemplateResult {
    return html`<section>
      <h1>${say("web-import-ask", { name: this.offer.username })}</h1>
      <p>${say("web-import-about")}</p>
      ${
        this.present !== "" && this.present !== this.offer.username
          ? html`<p>${say("web-import-present", { name: this.present })}</p>`
          : nothing
      }
      ${
        this.standing === "another key"
          ? html`<p class="warning">${say("web-import-other", { name: this.offer.username })}</p>`
          : nothing
      }
      <div class="row">
        <button class="primary" @click=${() => this.dispatchEvent(new CustomEvent("take"))}>
          ${say("web-import-yes")}
        </button>
        <button class="secondary" @click=${() => this.dispatchEvent(new CustomEvent("refuse"))}>
          ${say("web-import-no")}
        </button>
      </div>
    </section>`;
  }
}
