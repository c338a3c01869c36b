import type { Entry } from "@causerie/client";
import { css, html, nothing, type PropertyValues, type TemplateResult } from "lit";
import { customElement, property, query, state } from "lit/decorators.js";
import { say } from "../i18n.js";
import type { Room } from "../store/chat.js";
import { base } from "../styles/tokens.js";
import { suggest } from "../text/emoji.js";
import { excerpt } from "../text/plain.js";
import { close, lock, send, smile } from "./icons.js";
import { LocalizedElement } from "./localized.js";

/** Emoji offered at once. */
const OFFERED = 8;

/** Characters of the message that one answers. */
const QUOTED = 80;

/**
 * Where one writes. Tells `say` with the text, `typing` with whether one is, `cancel` when one
 * answers no message any more, `trouble` with a sentence.
 */
@customElement("message-composer")
export class MessageComposer extends LocalizedElement {
  @property({ attribute: false }) room: Room | undefined;
  @property({ attribute: false }) answered: Entry | undefined;
  /** Code points that a message may have. */
  @property({ attribute: false }) most = 4000;
  @state() private length = 0;
  @state() private offers: [name: string, emoji: string][] = [];
  @state() private chosen = 0;
  @state() private isPicking = false;
  @query("textarea") private readonly field!: HTMLTextAreaElement;

  static override readonly styles = [
    base,
    css`
      :host {
        position: relative;
        display: block;
        padding: 0 var(--space-4) var(--space-3);
      }

      .answered {
        display: flex;
        gap: var(--space-2);
        align-items: center;
        padding: 0.25rem 0.25rem 0.25rem var(--space-3);
        border: 1px solid var(--line);
        border-block-end: 0;
        border-radius: var(--radius) var(--radius) 0 0;
        background: var(--surface-sunken);
        color: var(--text-soft);
        font-size: var(--type-small);
      }

      .answered q {
        color: var(--text-faint);
        unicode-bidi: isolate;
      }

      .answered span {
        flex: 1;
        overflow: hidden;
        text-overflow: ellipsis;
        white-space: nowrap;
      }

      .answered .icon-button {
        inline-size: 1.75rem;
        block-size: 1.75rem;
      }

      form {
        display: flex;
        align-items: end;
        padding: 0.1875rem;
        border: 1px solid var(--line-strong);
        border-radius: var(--radius-large);
        background: var(--surface);
      }

      .answered + form {
        border-start-start-radius: 0;
        border-start-end-radius: 0;
      }

      form:focus-within {
        border-color: var(--accent);
        box-shadow: 0 0 0 1px var(--accent);
      }

      .private form {
        border-color: var(--private);
        background: var(--private-soft);
      }

      .private form:focus-within {
        box-shadow: 0 0 0 1px var(--private);
      }

      .marker {
        display: inline-grid;
        place-items: center;
        block-size: 2.25rem;
        padding-inline-start: var(--space-2);
        color: var(--private);
      }

      .marker svg {
        inline-size: 1.0625rem;
      }

      textarea {
        flex: 1;
        min-inline-size: 0;
        min-block-size: 2.25rem;
        max-block-size: min(14rem, 40dvh);
        padding: 0.4375rem var(--space-2);
        border: 0;
        outline: 0;
        background: none;
        field-sizing: content;
        font-size: 1rem;
        line-height: 1.35;
        resize: none;
        unicode-bidi: plaintext;
      }

      textarea:focus-visible {
        outline: 0; /* the form around it shows the focus */
      }

      .send {
        color: var(--accent);
      }

      .private .send {
        color: var(--private);
      }

      .send:disabled {
        color: var(--line-strong);
      }

      .left {
        align-self: center;
        padding-inline: var(--space-2);
        color: var(--text-faint);
        font-size: var(--type-tiny);
        font-variant-numeric: tabular-nums;
      }

      .left.over {
        color: var(--bad);
        font-weight: 600;
      }

      .offers {
        position: absolute;
        inset-block-end: calc(100% - var(--space-2));
        inset-inline: var(--space-4);
        z-index: 2;
        max-inline-size: 20rem;
        margin: 0;
        padding: var(--space-1);
        border: 1px solid var(--line);
        border-radius: var(--radius);
        background: var(--surface-raised);
        box-shadow: var(--shadow);
        list-style: none;
      }

      .offers li {
        display: flex;
        gap: var(--space-2);
        padding: var(--space-1) var(--space-2);
        border-radius: 6px;
        cursor: pointer;
      }

      emoji-picker {
        position: absolute;
        inset-block-end: calc(100% - var(--space-1));
        inset-inline-end: var(--space-2);
        z-index: 3;
      }

      .offers [aria-selected="true"] {
        background: var(--surface-active);
      }
    `,
  ];

  /** Takes what is written from the keyboard. */
  override focus(): void {
    this.field.focus();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    document.removeEventListener("pointerdown", this.#outside);
    this.isPicking = false;
  }

  protected override updated(changed: PropertyValues<this>): void {
    if (changed.has("room")) {
      this.field.value = this.room?.draft ?? "";
      this.#measure();
      this.offers = [];
      this.#stopPicking();
    }
  }

  protected override render(): TemplateResult {
    const { room, answered } = this;
    const placeholder =
      room?.peer === undefined
        ? say("web-write-in", { room: room?.title ?? "" })
        : say("web-write-to", { name: room.title });
    const left = this.most - this.length;
    return html`<div class=${room?.isPrivate ? "private" : ""}>
      ${this.offers.length > 0 ? this.#menu() : nothing}
      ${
        this.isPicking
          ? html`<emoji-picker
              @pick=${(event: CustomEvent<string>) => this.#insert(event.detail)}
              @close=${() => {
                this.#stopPicking();
                this.field.focus();
              }}
            ></emoji-picker>`
          : nothing
      }
      ${
        answered === undefined
          ? nothing
          : html`<div class="answered">
              <span
                >${say("web-answering", { name: answered.username })}${
                  "type" in answered ? html` <q>${excerpt(answered.content, QUOTED)}</q>` : nothing
                }</span
              >
              <button
                class="icon-button"
                aria-label=${say("web-cancel")}
                @click=${() => this.#tell("cancel")}
              >
                ${close}
              </button>
            </div>`
      }
      <form @submit=${this.#submit}>
        ${
          room?.isPrivate
            ? html`<span class="marker" title=${say("web-private-with", { name: room.title })}
                >${lock}</span
              >`
            : nothing
        }
        <textarea
          rows="1"
          placeholder=${placeholder}
          aria-label=${placeholder}
          aria-autocomplete="list"
          aria-controls="offers"
          aria-expanded=${this.offers.length > 0}
          aria-activedescendant=${this.offers.length > 0 ? `offer-${this.chosen}` : nothing}
          role="combobox"
          enterkeyhint="send"
          @input=${this.#input}
          @keydown=${this.#key}
          @blur=${this.#blur}
        ></textarea>
        ${left < 200 ? html`<span class="left ${left < 0 ? "over" : ""}">${left}</span>` : nothing}
        <button
          type="button"
          class="icon-button"
          aria-label=${say("web-emoji")}
          title=${say("web-emoji")}
          aria-haspopup="dialog"
          aria-expanded=${this.isPicking}
          @click=${this.#togglePicking}
        >
          ${smile}
        </button>
        <button
          class="icon-button send"
          aria-label=${say("web-send")}
          title=${say("web-send")}
          ?disabled=${this.length === 0 || left < 0}
        >
          ${send}
        </button>
      </form>
    </div>`;
  }

  #menu(): TemplateResult {
    return html`<ul class="offers" id="offers" role="listbox" aria-label=${say("web-emoji")}>
      ${this.offers.map(
        ([name, emoji], index) => html`<li
          role="option"
          id="offer-${index}"
          aria-selected=${index === this.chosen}
          @mousedown=${(event: MouseEvent) => {
            event.preventDefault();
            this.#take(index);
          }}
        >
          <span>${emoji}</span><span>:${name}:</span>
        </li>`,
      )}
    </ul>`;
  }

  #input(): void {
    if (this.room !== undefined) {
      this.room.draft = this.field.value;
    }
    this.#measure();
    this.#offer();
    this.#tell("typing", this.length > 0);
  }

  #measure(): void {
    this.length = [...this.field.value.trim()].length;
    if (!CSS.supports("field-sizing", "content")) {
      this.field.rows = Math.min(8, this.field.value.split("\n").length);
    }
  }

  #offer(): void {
    const before = this.field.value.slice(0, this.field.selectionStart);
    const prefix = /(?:^|\s):([a-z0-9_+-]{1,20})$/.exec(before)?.[1];
    this.offers = prefix === undefined ? [] : suggest(prefix, OFFERED);
    this.chosen = 0;
  }

  #take(index: number): void {
    const [, emoji] = this.offers[index] ?? [];
    if (emoji !== undefined) {
      const at = this.field.selectionStart;
      const begin = this.field.value.slice(0, at).lastIndexOf(":");
      this.field.setRangeText(`${emoji} `, begin, at, "end");
      this.#input();
    }
    this.offers = [];
    this.field.focus();
  }

  async #togglePicking(): Promise<void> {
    if (this.isPicking) {
      this.#stopPicking();
      return;
    }
    try {
      await import("./emoji-picker.js");
      this.isPicking = true;
      document.addEventListener("pointerdown", this.#outside);
    } catch {
      this.#tell("trouble", say("web-not-loaded-now"));
    }
  }

  #stopPicking(): void {
    this.isPicking = false;
    document.removeEventListener("pointerdown", this.#outside);
  }

  readonly #outside = (event: Event): void => {
    if (!event.composedPath().includes(this)) {
      this.#stopPicking();
    }
  };

  /** Puts an emoji where one writes. */
  #insert(emoji: string): void {
    this.#stopPicking();
    this.field.setRangeText(emoji, this.field.selectionStart, this.field.selectionEnd, "end");
    this.field.focus();
    this.#input();
  }

  #key(event: KeyboardEvent): void {
    if (event.isComposing) {
      return;
    }
    const count = this.offers.length;
    if (count > 0) {
      switch (event.key) {
        case "ArrowDown":
        case "ArrowUp":
          event.preventDefault();
          this.chosen = (this.chosen + (event.key === "ArrowDown" ? 1 : count - 1)) % count;
          return;
        case "Enter":
        case "Tab":
          event.preventDefault();
          this.#take(this.chosen);
          return;
        case "Escape":
          event.stopPropagation();
          this.offers = [];
          return;
      }
    }
    if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      this.#say();
    } else if (event.key === "Escape" && this.answered !== undefined) {
      event.stopPropagation();
      this.#tell("cancel");
    }
  }

  #blur(): void {
    this.offers = [];
  }

  #submit(event: SubmitEvent): void {
    event.preventDefault();
    this.#say();
  }

  #say(): void {
    const text = this.field.value.trim();
    if (text !== "" && [...text].length <= this.most) {
      this.field.value = "";
      this.offers = [];
      if (this.room !== undefined) {
        this.room.draft = "";
      }
      this.#measure();
      this.#tell("say", text);
    }
    this.field.focus();
  }

  #tell(type: string, detail?: unknown): void {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
