import { css, html, nothing, type PropertyValues, type TemplateResult } from "lit";
import { customElement, property, query } from "lit/decorators.js";
import { say } from "../i18n.js";
import { base } from "../styles/tokens.js";
import { logo } from "./icons.js";
import { LocalizedElement } from "./localized.js";

/** Who wants to come in, and where to. */
export interface JoinDetail {
  readonly username: string;
  readonly room: string;
}

/** The first thing that one sees: a name, a room, a button. Tells `join` with a `JoinDetail`. */
@customElement("join-screen")
export class JoinScreen extends LocalizedElement {
  @property() username = "";
  @property() room = "lobby";
  /** What went wrong the last time. */
  @property() error = "";
  /** Whether one waits for the server's answer. */
  @property({ type: Boolean }) isBusy = false;

  @query("#username") private readonly nameField!: HTMLInputElement;
  @query("#room") private readonly roomField!: HTMLInputElement;

  static override readonly styles = [
    base,
    css`
      :host {
        display: grid;
        place-items: center;
        overflow: auto;
        block-size: 100%;
        padding: var(--space-4);
        background: var(--surface-sunken);
      }

      form {
        display: grid;
        gap: var(--space-4);
        inline-size: min(24rem, 100%);
        padding: var(--space-6);
        border: 1px solid var(--line);
        border-radius: var(--radius-large);
        background: var(--surface);
      }

      header {
        display: grid;
        gap: var(--space-2);
        justify-items: start;
        margin-block-end: var(--space-2);
      }

      header svg {
        inline-size: 2.75rem;
        block-size: 2.75rem;
      }

      h1 {
        margin: 0;
        font-size: var(--type-title);
        letter-spacing: -0.01em;
      }

      p {
        margin: 0;
        color: var(--text-soft);
        line-height: 1.5;
      }

      label {
        display: grid;
        gap: var(--space-1);
        color: var(--text-soft);
        font-size: var(--type-small);
        font-weight: 600;
      }

      input {
        inline-size: 100%;
        padding: 0.625rem var(--space-3);
        border: 1px solid var(--line-strong);
        border-radius: var(--radius);
        background: var(--surface);
        color: var(--text);
        font-size: 1rem;
        font-weight: 400;
      }

      .primary {
        padding-block: 0.6875rem;
        font-size: 1rem;
      }

      input[aria-invalid="true"] {
        border-color: var(--bad);
      }

      .error {
        padding: var(--space-2) var(--space-3);
        border-radius: var(--radius);
        background: var(--bad-soft);
        color: var(--bad);
        overflow-wrap: anywhere;
      }

      .note {
        color: var(--text-faint);
        font-size: var(--type-small);
      }
    `,
  ];

  override firstUpdated(): void {
    if (this.error === "") {
      (this.username === "" ? this.nameField : this.renderRoot.querySelector("button"))?.focus();
    }
  }

  protected override updated(changed: PropertyValues<this>): void {
    if (changed.has("error") && this.error !== "") {
      this.nameField.focus(); // nearly always it is the name that has to be another
      this.nameField.select();
    }
  }

  protected override render(): TemplateResult {
    return html`<form @submit=${this.#submit} novalidate>
      <header>
        ${logo}
        <h1>Causerie</h1>
        <p>${say("web-join-tagline")}</p>
      </header>
      ${this.error ? html`<p class="error" id="error" role="alert">${this.error}</p>` : nothing}
      <label>
        ${say("web-join-name")}
        <input
          id="username"
          name="username"
          .value=${this.username}
          maxlength="64"
          autocomplete="nickname"
          autocapitalize="off"
          spellcheck="false"
          required
          aria-invalid=${this.error !== ""}
          aria-describedby=${this.error === "" ? "note" : "error note"}
        />
      </label>
      <label>
        ${say("web-join-room")}
        <input
          id="room"
          name="room"
          .value=${this.room}
          maxlength="128"
          autocomplete="off"
          autocapitalize="off"
          spellcheck="false"
        />
      </label>
      <button class="primary" aria-busy=${this.isBusy}>
        ${this.isBusy ? say("connecting") : say("web-join-go")}
      </button>
      <p class="note" id="note">${say("web-join-note")}</p>
    </form>`;
  }

  #submit(event: SubmitEvent): void {
    event.preventDefault();
    if (this.isBusy) {
      return;
    }
    const username = this.nameField.value.trim();
    const room = this.roomField.value.trim().replace(/^#/, "") || "lobby";
    if (username === "") {
      this.error = say("web-join-nameless");
      this.nameField.focus();
      return;
    }
    const detail: JoinDetail = { username, room };
    this.dispatchEvent(new CustomEvent("join", { detail }));
  }
}
