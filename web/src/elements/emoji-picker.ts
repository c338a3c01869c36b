import { css, html, nothing, type TemplateResult } from "lit";
import { customElement, query, state } from "lit/decorators.js";
import { say, words } from "../i18n.js";
import { recall, remember } from "../memory.js";
import { base } from "../styles/tokens.js";
import { find, GROUPS, type Pick, picksOf } from "../text/emoji-groups.js";
import { LocalizedElement } from "./localized.js";

/** Emoji beside one another. */
const COLUMNS = 8;

/** Emoji that are remembered as picked before: two rows. */
const MOST_RECENT = 2 * COLUMNS;

/** Emoji under one title; what was found has none. */
interface Section {
  readonly title: string;
  readonly picks: readonly Pick[];
}

/**
 * Emoji to pick from, by looking, by searching, or by the arrow keys. Tells `pick` with the emoji,
 * `close` when one wants none.
 */
@customElement("emoji-picker")
export class EmojiPicker extends LocalizedElement {
  @state() private wish = "";
  /** The emoji that the arrow keys are at, by its place among all that are shown. */
  @state() private at = 0;
  readonly #recent = picksOf(recall().emoji);
  @query("input") private readonly field!: HTMLInputElement;

  static override readonly styles = [
    base,
    css`
      :host {
        display: grid;
        grid-template-rows: auto minmax(0, 1fr);
        box-sizing: border-box;
        inline-size: min(20rem, calc(100vw - 1rem));
        block-size: min(22rem, 55dvh);
        border: 1px solid var(--line-strong);
        border-radius: var(--radius-large);
        background: var(--surface-raised);
        color: var(--text);
        box-shadow: var(--shadow);
      }

      input {
        min-inline-size: 0;
        margin: var(--space-3) var(--space-3) var(--space-2);
        padding: var(--space-2) var(--space-3);
        border: 1px solid var(--line-strong);
        border-radius: var(--radius);
        background: var(--surface);
        font-size: 1rem;
      }

      .all {
        overflow: hidden auto;
        overscroll-behavior: contain;
        padding: 0 var(--space-2) var(--space-2);
      }

      h3 {
        margin: 0;
        padding: var(--space-2) var(--space-1) var(--space-1);
        color: var(--text-soft);
        font-size: var(--type-tiny);
        font-weight: 600;
      }

      [role="row"] {
        display: grid;
        grid-template-columns: repeat(8, minmax(0, 1fr));
      }

      [role="gridcell"] {
        display: grid;
        place-items: center;
        aspect-ratio: 1;
        padding: 0;
        border-radius: var(--radius);
        font-size: 1.375rem;
        line-height: 1;
      }

      [role="gridcell"]:hover,
      [role="gridcell"]:focus-visible {
        background: var(--surface-active);
      }

      p {
        margin: 0;
        padding: var(--space-3);
        color: var(--text-soft);
      }
    `,
  ];

  override firstUpdated(): void {
    if (matchMedia("(hover: hover)").matches) {
      this.field.focus(); // on a phone this would call up the keyboard over the emoji
    }
  }

  protected override render(): TemplateResult {
    let before = 0;
    const sections = this.#sections();
    return html`
      <input
        type="search"
        placeholder=${say("web-emoji-search")}
        aria-label=${say("web-emoji-search")}
        autocomplete="off"
        autocapitalize="off"
        spellcheck="false"
        enterkeyhint="done"
        @input=${this.#search}
        @keydown=${this.#searchKey}
      />
      <div class="all" role="grid" aria-label=${say("web-emoji")} @keydown=${this.#gridKey}>
        ${sections.map(({ title, picks }) => {
          const first = before;
          before += picks.length;
          return html`<div role="rowgroup" aria-label=${title || nothing}>
            ${title === "" ? nothing : html`<h3 aria-hidden="true">${title}</h3>`}
            ${rowsOf(picks).map(
              (row, index) => html`<div role="row">
                ${row.map((pick, column) => this.#cell(pick, first + index * COLUMNS + column))}
              </div>`,
            )}
          </div>`;
        })}
        ${before === 0 ? html`<p>${say("web-emoji-none")}</p>` : nothing}
      </div>
    `;
  }

  #cell(pick: Pick, place: number): TemplateResult {
    const name = pick.names[words().language][0] ?? pick.emoji;
    return html`<button
      role="gridcell"
      tabindex=${place === this.at ? "0" : "-1"}
      data-place=${place}
      aria-label=${name}
      title=${name}
      @click=${() => this.#pick(pick)}
    >
      ${pick.emoji}
    </button>`;
  }

  #sections(): readonly Section[] {
    if (this.wish !== "") {
      return [{ title: "", picks: find(this.wish) }];
    }
    const groups = GROUPS.map(({ title, picks }) => ({ title: say(title), picks }));
    const recent = { title: say("web-emoji-recent"), picks: this.#recent };
    return this.#recent.length === 0 ? groups : [recent, ...groups];
  }

  #search(): void {
    this.wish = this.field.value.trim();
    this.at = 0;
  }

  #searchKey(event: KeyboardEvent): void {
    if (event.isComposing) {
      return;
    }
    if (event.key === "ArrowDown") {
      event.preventDefault();
      void this.#goTo(this.at);
    } else if (event.key === "Enter") {
      event.preventDefault();
      const first = this.#sections()[0]?.picks[0];
      if (first !== undefined) {
        this.#pick(first);
      }
    }
    this.#escape(event);
  }

  #gridKey(event: KeyboardEvent): void {
    const next = this.#next(event);
    if (next !== undefined) {
      event.preventDefault();
      void this.#goTo(next);
    }
    this.#escape(event);
  }

  /** Where a key leads from the emoji that one is at; undefined: nowhere, below 0: to the search. */
  #next({ key, ctrlKey }: KeyboardEvent): number | undefined {
    const rows = this.#sections().flatMap(({ picks }) => rowsOf(picks));
    const firsts = rows.map((_, index) => rows.slice(0, index).flat().length);
    const row = firsts.findLastIndex((first) => first <= this.at);
    const [first = 0, length = 0] = [firsts[row], rows[row]?.length];
    const column = this.at - first;
    const last = rows.flat().length - 1;
    const inRow = (index: number): number | undefined => {
      const [start, there] = [firsts[index], rows[index]];
      return start === undefined || !there ? undefined : start + Math.min(column, there.length - 1);
    };
    const forwards = getComputedStyle(this).direction === "rtl" ? "ArrowLeft" : "ArrowRight";
    switch (key) {
      case "ArrowLeft":
      case "ArrowRight":
        return Math.min(last, Math.max(0, this.at + (key === forwards ? 1 : -1)));
      case "ArrowUp":
        return row === 0 ? -1 : inRow(row - 1);
      case "ArrowDown":
        return inRow(row + 1);
      case "Home":
        return ctrlKey ? 0 : first;
      case "End":
        return ctrlKey ? last : first + length - 1;
      default:
        return undefined;
    }
  }

  async #goTo(place: number): Promise<void> {
    if (place < 0) {
      this.field.focus();
      return;
    }
    this.at = place;
    await this.updateComplete;
    this.renderRoot.querySelector<HTMLElement>(`[data-place="${place}"]`)?.focus();
  }

  #escape(event: KeyboardEvent): void {
    if (event.key === "Escape") {
      event.stopPropagation();
      this.dispatchEvent(new CustomEvent("close"));
    }
  }

  #pick({ emoji }: Pick): void {
    const recent = [emoji, ...recall().emoji.filter((one) => one !== emoji)];
    remember({ emoji: recent.slice(0, MOST_RECENT) });
    this.dispatchEvent(new CustomEvent("pick", { detail: emoji }));
  }
}

function rowsOf(picks: readonly Pick[]): (readonly Pick[])[] {
  return Array.from({ length: Math.ceil(picks.length / COLUMNS) }, (_, index) =>
    picks.slice(index * COLUMNS, (index + 1) * COLUMNS),
  );
}
