import { css, html, nothing, type TemplateResult } from "lit";
import { customElement, property } from "lit/decorators.js";
import { say } from "../i18n.js";
import { base } from "../styles/tokens.js";
import { close } from "./icons.js";
import { LocalizedElement } from "./localized.js";

/** Something to tell that stands over the page for a while. */
export interface Note {
  readonly text: string;
  readonly isTrouble: boolean;
}

/** Milliseconds that good news stays. Trouble stays until one has read it. */
export const LASTS = 4_000;

/** A note over the page. Tells `dismiss` when it has been seen. */
@customElement("passing-note")
export class PassingNote extends LocalizedElement {
  @property({ attribute: false }) note: Note | undefined;
  #ends: ReturnType<typeof setTimeout> | undefined;

  static override readonly styles = [
    base,
    css`
      div {
        position: fixed;
        inset-block-start: 4rem;
        inset-inline: 0;
        z-index: 10;
        display: flex;
        gap: var(--space-3);
        align-items: center;
        inline-size: fit-content;
        max-inline-size: min(30rem, calc(100vw - 2rem));
        margin-inline: auto;
        padding: var(--space-2) var(--space-2) var(--space-2) var(--space-4);
        border: 1px solid var(--line-strong);
        border-radius: var(--radius);
        background: var(--surface-raised);
        box-shadow: var(--shadow);
        overflow-wrap: anywhere;
      }

      .trouble {
        border-color: var(--bad);
        background: var(--bad-soft);
        color: var(--bad);
      }

      span {
        min-inline-size: 0;
      }
    `,
  ];

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    clearTimeout(this.#ends);
  }

  protected override willUpdate(): void {
    clearTimeout(this.#ends);
    if (this.note?.isTrouble === false) {
      this.#ends = setTimeout(() => this.#dismiss(), LASTS);
    }
  }

  protected override render(): TemplateResult | typeof nothing {
    const { note } = this;
    if (note === undefined) {
      return nothing;
    }
    return html`<div
      class=${note.isTrouble ? "trouble" : ""}
      role=${note.isTrouble ? "alert" : "status"}
    >
      <span>${note.text}</span>
      <button
        class="icon-button"
        aria-label=${say("web-dismiss")}
        title=${say("web-dismiss")}
        @click=${this.#dismiss}
      >
        ${close}
      </button>
    </div>`;
  }

  #dismiss(): void {
    this.dispatchEvent(new CustomEvent("dismiss"));
  }
}
