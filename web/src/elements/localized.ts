/** Elements that are drawn anew when the page speaks another language. @module */

import { LitElement } from "lit";
import { onLanguage } from "../i18n.js";

/** An element with sentences in it. */
export class LocalizedElement extends LitElement {
  #stop: (() => void) | undefined;

  override connectedCallback(): void {
    super.connectedCallback();
    this.#stop = onLanguage(() => this.requestUpdate());
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#stop?.();
  }
}
