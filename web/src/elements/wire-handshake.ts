import { css, html, type TemplateResult } from "lit";
import { customElement, state } from "lit/decorators.js";
import { say } from "../i18n.js";
import { base } from "../styles/tokens.js";
import { acceptOf, EXAMPLE_KEY, GUID } from "../wire/handshake.js";
import { LocalizedElement } from "./localized.js";
import { lesson } from "./wire-styles.js";

/** How a WebSocket begins, with a key of the learner's choice. */
@customElement("wire-handshake")
export class WireHandshake extends LocalizedElement {
  @state() private key = EXAMPLE_KEY;

  static override readonly styles = [
    base,
    lesson,
    css`
      label {
        display: grid;
        gap: var(--space-1);
        margin-block: var(--space-3);
        color: var(--text-soft);
        font-weight: 600;
      }

      input {
        inline-size: 100%;
        min-block-size: 1.875rem;
        padding: var(--space-1) var(--space-2);
        border: 1px solid var(--line-strong);
        border-radius: 6px;
        background: var(--surface);
        color: var(--text);
        font-family: var(--mono);
        font-size: var(--type-tiny);
        font-weight: 400;
      }
    `,
  ];

  protected override render(): TemplateResult {
    const { joined, digest, accept } = acceptOf(this.key);
    return html`
      <p>${say("web-wire-handshake-about")}</p>
      <label>
        ${say("web-wire-key")}
        <input
          .value=${this.key}
          spellcheck="false"
          autocomplete="off"
          maxlength="64"
          @input=${(event: Event) => {
            this.key = (event.target as HTMLInputElement).value;
          }}
        />
      </label>
      <pre>
GET /ws HTTP/1.1
Host: ${location.host}
Connection: Upgrade
Upgrade: websocket
Sec-WebSocket-Version: 13
Sec-WebSocket-Protocol: causerie.v1
Sec-WebSocket-Key: <b>${this.key}</b></pre>
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
    `;
  }
}
