import { css, html, nothing, type TemplateResult } from "lit";
import { customElement, property, query, state } from "lit/decorators.js";
import { LANGUAGES, say } from "../i18n.js";
import type { Memories } from "../memory.js";
import type { Session } from "../session.js";
import { base } from "../styles/tokens.js";
import { explain } from "../text/explain.js";
import { close } from "./icons.js";
import { LocalizedElement } from "./localized.js";
import type { Note } from "./passing-note.js";

/**
 * What one can choose: name, theme, language, notifications; another device; the way out.
 *
 * Tells `change-memories` with what is chosen, `trouble` with a sentence, `quit`, `close`.
 */
@customElement("settings-menu")
export class SettingsMenu extends LocalizedElement {
  @property({ attribute: false }) memories!: Memories;
  @property({ attribute: false }) session!: Session;
  /** What is to be told, which nobody could see behind this. */
  @property({ attribute: false }) note: Note | undefined;
  @state() private isDeviceOpen = false;
  @query("dialog") private readonly dialog!: HTMLDialogElement;

  static override readonly styles = [
    base,
    css`
      dialog {
        inline-size: min(26rem, calc(100vw - 2rem));
        max-block-size: calc(100dvh - 2rem);
        padding: 0;
        border: 1px solid var(--line);
        border-radius: var(--radius-large);
        background: var(--surface-raised);
        color: var(--text);
        box-shadow: var(--shadow);
      }

      dialog::backdrop {
        background: rgb(0 0 0 / 40%);
      }

      header {
        display: flex;
        align-items: center;
        justify-content: space-between;
        padding: var(--space-3) var(--space-3) var(--space-3) var(--space-5);
        border-block-end: 1px solid var(--line);
      }

      h2 {
        margin: 0;
        font-size: var(--type-large);
      }

      .choices {
        display: grid;
        grid-template-columns: minmax(0, 1fr);
        gap: var(--space-4);
        padding: var(--space-5);
      }

      label,
      .row {
        display: flex;
        gap: var(--space-3);
        align-items: center;
        justify-content: space-between;
      }

      label > select,
      .row > input,
      .row > label {
        min-inline-size: 0;
      }

      select,
      input[type="text"] {
        inline-size: 13rem;
        max-inline-size: 62%;
        padding: var(--space-2);
        border: 1px solid var(--line-strong);
        border-radius: var(--radius);
        background: var(--surface);
        color: var(--text);
      }

      input[type="checkbox"] {
        inline-size: 1.125rem;
        block-size: 1.125rem;
        accent-color: var(--accent);
      }

      .secondary {
        padding: var(--space-2) var(--space-3);
        border: 1px solid var(--line-strong);
        border-radius: var(--radius);
        white-space: nowrap;
      }

      .secondary:hover {
        background: var(--surface-hover);
      }

      .trouble {
        margin: 0;
        padding: var(--space-2) var(--space-3);
        border-radius: var(--radius);
        background: var(--bad-soft);
        color: var(--bad);
        overflow-wrap: anywhere;
      }

      @media (max-width: 26rem) {
        .choices {
          padding: var(--space-4);
        }

        label:has(select) {
          display: grid;
          gap: var(--space-1);
        }

        label > select {
          inline-size: 100%;
          max-inline-size: none;
        }
      }

      hr {
        inline-size: 100%;
        margin: 0;
        border: 0;
        border-block-start: 1px solid var(--line);
      }
    `,
  ];

  override firstUpdated(): void {
    this.dialog.showModal();
  }

  protected override render(): TemplateResult {
    const { theme, language, notifications } = this.memories;
    return html`<dialog
      aria-label=${say("web-settings")}
      @close=${() => this.#tell("close")}
      @click=${this.#outside}
    >
      <header>
        <h2>${say("web-settings")}</h2>
        <button class="icon-button" aria-label=${say("web-close")} @click=${this.#close}>
          ${close}
        </button>
      </header>
      <div class="choices">
        ${
          this.note === undefined
            ? nothing
            : html`<p class=${this.note.isTrouble ? "trouble" : ""} role="alert">${this.note.text}</p>`
        }
        <form class="row" @submit=${this.#rename}>
          <label for="name">${say("web-join-name")}</label>
          <input
            id="name"
            type="text"
            .value=${this.session.chat.username}
            maxlength="64"
            autocomplete="off"
            autocapitalize="off"
            spellcheck="false"
            enterkeyhint="done"
          />
        </form>
        <label>
          ${say("web-theme")}
          <select @change=${(event: Event) => this.#choose({ theme: chosenIn(event) as Memories["theme"] })}>
            <option value="system" ?selected=${theme === "system"}>${say("web-theme-system")}</option>
            <option value="light" ?selected=${theme === "light"}>${say("web-theme-light")}</option>
            <option value="dark" ?selected=${theme === "dark"}>${say("web-theme-dark")}</option>
          </select>
        </label>
        <label>
          ${say("web-language")}
          <select @change=${(event: Event) => this.#choose({ language: chosenIn(event) })}>
            <option value="" ?selected=${language === ""}>${say("web-language-browser")}</option>
            ${LANGUAGES.map(
              (one) =>
                html`<option value=${one} lang=${one} ?selected=${language === one}>
                  ${nameOf(one)}
                </option>`,
            )}
          </select>
        </label>
        <label>
          ${say("web-notifications")}
          <input
            type="checkbox"
            .checked=${notifications}
            @change=${(event: Event) =>
              this.#choose({ notifications: (event.target as HTMLInputElement).checked })}
          />
        </label>
        <hr />
        <div class="row">
          <span>${say("web-device")}</span>
          <button
            class="secondary"
            aria-expanded=${this.isDeviceOpen}
            @click=${this.#device}
          >${say("web-device-show")}</button>
        </div>
        ${this.isDeviceOpen ? html`<device-key .session=${this.session}></device-key>` : nothing}
        <hr />
        <div class="row">
          <span>${say("web-quit-note")}</span>
          <button class="secondary" @click=${() => this.#tell("quit")}>${say("web-quit")}</button>
        </div>
      </div>
    </dialog>`;
  }

  async #rename(event: SubmitEvent): Promise<void> {
    event.preventDefault();
    const field = this.renderRoot.querySelector<HTMLInputElement>("#name");
    const name = field?.value.trim() ?? "";
    if (name === "" || name === this.session.chat.username) {
      return;
    }
    const { client, chat } = this.session;
    if (chat.state.state !== "Connected" && !client.waitsForName) {
      this.#tell("trouble", say("web-needs-connection")); // and not perhaps in an hour
      return;
    }
    try {
      const username = await client.rename(name);
      this.#choose({ username });
      this.#close();
    } catch (error) {
      this.#tell("trouble", explain(error, { username: name }));
      field?.select();
    }
  }

  async #device(): Promise<void> {
    try {
      await import("./device-key.js");
      this.isDeviceOpen = !this.isDeviceOpen;
    } catch {
      this.#tell("trouble", say("web-not-loaded-now"));
    }
  }

  #choose(change: Partial<Memories>): void {
    this.#tell("change-memories", change);
  }

  #close(): void {
    this.dialog.close();
  }

  #outside(event: MouseEvent): void {
    if (event.target === this.dialog) {
      this.#close();
    }
  }

  #tell(type: string, detail?: unknown): void {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

function chosenIn(event: Event): string {
  return (event.target as HTMLSelectElement).value;
}

function nameOf(language: string): string {
  return new Intl.DisplayNames(language, { type: "language" }).of(language) ?? language;
}
