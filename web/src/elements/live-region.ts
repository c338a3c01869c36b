import { html, type TemplateResult } from "lit";
import { customElement, state } from "lit/decorators.js";
import { repeat } from "lit/directives/repeat.js";
import { Announcements } from "../announcements.js";
import { say } from "../i18n.js";
import { base } from "../styles/tokens.js";
import { LocalizedElement } from "./localized.js";

/** Milliseconds in which lines gather before they are told together. */
const GATHERED = 1_000;

/** Lines that stay in the page: those before them have been told. */
const KEPT = 10;

/** Tells a screen reader what comes. Nobody sees it. */
@customElement("live-region")
export class LiveRegion extends LocalizedElement {
  readonly #announcements = new Announcements((count) => say("web-unread", { count }));
  #timer: ReturnType<typeof setTimeout> | undefined;
  #number = 0;
  @state() private told: readonly { readonly number: number; readonly line: string }[] = [];

  static override readonly styles = base;

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    clearTimeout(this.#timer);
    this.#announcements.take();
  }

  /** Tells a line, in a moment. */
  announce(line: string): void {
    if (this.#announcements.add(line)) {
      this.#timer = setTimeout(() => this.#tell(), GATHERED);
    }
  }

  protected override render(): TemplateResult {
    return html`<div class="visually-hidden" role="log" aria-live="polite">
      ${repeat(
        this.told,
        ({ number }) => number,
        ({ line }) => html`<p>${line}</p>`,
      )}
    </div>`;
  }

  #tell(): void {
    const lines = this.#announcements.take().map((line) => ({ number: this.#number++, line }));
    this.told = [...this.told, ...lines].slice(-KEPT);
  }
}
