import { keyLink } from "@causerie/client";
import { css, html, nothing, svg, type TemplateResult } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import { encode } from "uqr";
import { say } from "../i18n.js";
import type { Session } from "../session.js";
import { base } from "../styles/tokens.js";
import { LocalizedElement } from "./localized.js";

/** The key to one's name, as a link and as a picture that another device can read. */
@customElement("device-key")
export class DeviceKey extends LocalizedElement {
  @property({ attribute: false }) session!: Session;
  /** Undefined until it is known; empty, if there is no key. */
  @state() private link: string | undefined;
  @state() private isCopied = false;

  static override readonly styles = [
    base,
    css`
      :host {
        display: grid;
        grid-template-columns: minmax(0, 1fr);
        gap: var(--space-3);
      }

      p {
        margin: 0;
        color: var(--text-soft);
        line-height: 1.5;
      }

      .warning {
        padding: var(--space-2) var(--space-3);
        border-radius: var(--radius);
        background: var(--bad-soft);
        color: var(--bad);
      }

      .code {
        inline-size: min(14rem, 100%);
        margin-inline: auto;
        border-radius: var(--radius);
        background: #ffffff;
      }

      .row {
        display: flex;
        gap: var(--space-2);
      }

      input {
        flex: 1;
        min-inline-size: 0;
        padding: var(--space-2);
        border: 1px solid var(--line-strong);
        border-radius: var(--radius);
        background: var(--surface);
        color: var(--text);
        font-family: var(--mono);
        font-size: var(--type-tiny);
      }
    `,
  ];

  override connectedCallback(): void {
    super.connectedCallback();
    void this.#load();
  }

  protected override render(): TemplateResult | typeof nothing {
    const { link } = this;
    if (link === undefined) {
      return nothing;
    }
    if (link === "") {
      return html`<p>${say("web-device-none")}</p>`;
    }
    return html`
      <p>${say("web-device-about")}</p>
      ${qrCode(link)}
      <div class="row">
        <input
          readonly
          aria-label=${say("web-device-link")}
          .value=${link}
          @focus=${(event: Event) => (event.target as HTMLInputElement).select()}
        />
        <button class="primary" @click=${this.#copy}>
          ${this.isCopied ? say("web-copied") : say("web-copy")}
        </button>
      </div>
      <span class="visually-hidden" role="status">${this.isCopied ? say("web-copied") : ""}</span>
      <p class="warning">${say("web-device-warning")}</p>
    `;
  }

  async #load(): Promise<void> {
    const key = await this.session.key();
    const { username } = this.session.chat;
    const server = this.session.client.url;
    this.link = key === undefined ? "" : keyLink({ server, username, key });
  }

  async #copy(): Promise<void> {
    try {
      await navigator.clipboard.writeText(this.link ?? "");
      this.isCopied = true;
    } catch {
      this.renderRoot.querySelector("input")?.focus(); // no clipboard here: it is selected
    }
  }
}

/** A text as a QR code: black on white in a dark theme too, as many readers want it. */
function qrCode(text: string): TemplateResult {
  const { data, size } = encode(text, { border: 2 });
  const dark = data
    .flatMap((row, y) => row.map((isDark, x) => (isDark ? `M${x} ${y}h1v1h-1z` : "")))
    .join("");
  return html`<svg
    class="code"
    viewBox="0 0 ${size} ${size}"
    shape-rendering="crispEdges"
    role="img"
    aria-label=${say("web-device-code")}
  >
    ${svg`<rect width=${size} height=${size} fill="#ffffff" /><path d=${dark} fill="#000000" />`}
  </svg>`;
}
