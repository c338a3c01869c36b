import { css, html, nothing, type TemplateResult } from "lit";
import { customElement, property } from "lit/decorators.js";
import { repeat } from "lit/directives/repeat.js";
import { say } from "../i18n.js";
import { type Company, fold } from "../store/chat.js";
import { base } from "../styles/tokens.js";
import { avatar, avatarStyles } from "./avatar.js";
import { LocalizedElement } from "./localized.js";

/** Who is in the room. Tells `talk` with the name of whom one wants to talk to alone. */
@customElement("member-list")
export class MemberList extends LocalizedElement {
  @property({ attribute: false }) company: Company = { count: 0, names: [] };
  @property({ attribute: false }) typists: readonly string[] = [];
  @property() username = "";

  static override readonly styles = [
    base,
    avatarStyles,
    css`
      :host {
        display: block;
        overflow-y: auto;
        padding: var(--space-3) var(--space-2);
      }

      h2 {
        margin: 0;
        padding: var(--space-2);
        color: var(--text-faint);
        font-size: var(--type-tiny);
        font-weight: 600;
        letter-spacing: 0.04em;
        text-transform: uppercase;
      }

      ul {
        margin: 0;
        padding: 0;
        list-style: none;
      }

      button,
      .self {
        display: flex;
        gap: var(--space-2);
        align-items: center;
        inline-size: 100%;
        min-block-size: 2.25rem;
        padding: var(--space-1) var(--space-2);
        border-radius: var(--radius);
        text-align: start;
        transition: background var(--quick);
      }

      button:hover {
        background: var(--surface-hover);
      }

      .name {
        overflow: hidden;
        text-overflow: ellipsis;
        unicode-bidi: isolate;
        white-space: nowrap;
      }

      .aside {
        flex: none;
        color: var(--text-faint);
        font-size: var(--type-small);
      }

      .avatar {
        position: relative;
        inline-size: 1.625rem;
        block-size: 1.625rem;
        font-size: 0.75rem;
      }

      .avatar::after {
        content: "";
        position: absolute;
        inset-block-end: -1px;
        inset-inline-end: -1px;
        inline-size: 0.5rem;
        block-size: 0.5rem;
        border: 2px solid var(--surface);
        border-radius: 50%;
        background: var(--good-dot);
        forced-color-adjust: none;
      }

      @media (pointer: coarse) {
        button,
        .self {
          min-block-size: 2.75rem;
        }
      }

      p {
        margin: 0;
        padding: var(--space-2);
        color: var(--text-faint);
        font-size: var(--type-small);
      }
    `,
  ];

  protected override render(): TemplateResult {
    const { count, names } = this.company;
    const others = count - names.length;
    return html`
      <h2>${say("web-members", { count })}</h2>
      <ul aria-label=${say("web-members", { count })}>
        ${repeat(
          names,
          (name) => name,
          (name) => html`<li>${this.#member(name)}</li>`,
        )}
      </ul>
      ${others > 0 ? html`<p>${say("web-members-more", { count: others })}</p>` : nothing}
    `;
  }

  #member(name: string): TemplateResult {
    const isTyping = this.typists.includes(name);
    const aside = isTyping ? html`<span class="aside">…</span>` : nothing;
    if (fold(name) === fold(this.username)) {
      return html`<div class="self">
        ${avatar(name)}<span class="name">${name}</span>
        <span class="aside">${say("web-you")}</span>
      </div>`;
    }
    return html`<button
      title=${say("web-talk-privately", { name })}
      aria-label=${say("web-talk-privately", { name })}
      @click=${() => this.dispatchEvent(new CustomEvent("talk", { detail: name }))}
    >
      ${avatar(name)}<span class="name">${name}</span>${aside}
    </button>`;
  }
}
