/**
 * What is open beside the messages: drawers on a narrow page, the members, the wire, the settings.
 *
 * @module
 */

import type { ReactiveController, ReactiveControllerHost } from "lit";

/** What can be drawn over a narrow page. */
export type Drawer = "rooms" | "members";

/** Which panes are open. */
export class Panes implements ReactiveController {
  drawer: Drawer | undefined;
  areMembersShown = true;
  areSettingsOpen = false;
  isWireOpen = false;
  readonly #host: ReactiveControllerHost;
  readonly #narrow = matchMedia("(max-width: 62rem)");

  constructor(host: ReactiveControllerHost) {
    this.#host = host;
    host.addController(this);
  }

  hostConnected(): void {
    this.#narrow.addEventListener("change", this.#resized);
    window.addEventListener("keydown", this.#pressed);
  }

  hostDisconnected(): void {
    this.#narrow.removeEventListener("change", this.#resized);
    window.removeEventListener("keydown", this.#pressed);
  }

  /** Whether the members can be seen, or would be if there were place beside them. */
  get areMembersOpen(): boolean {
    return this.#narrow.matches ? this.drawer === "members" : this.areMembersShown;
  }

  /** Opens a drawer, and closes any other. */
  draw(drawer: Drawer | undefined): void {
    this.drawer = drawer;
    this.#host.requestUpdate();
  }

  /** Shows the members, or puts them away. */
  toggleMembers(): void {
    if (this.#narrow.matches) {
      this.areMembersShown = true;
      this.draw(this.drawer === "members" ? undefined : "members");
    } else {
      this.areMembersShown = !this.areMembersShown;
      this.#host.requestUpdate();
    }
  }

  /**
   * Shows the wire, or puts it away.
   *
   * @throws `TypeError` when the panel cannot be loaded.
   */
  async toggleWire(): Promise<void> {
    await import("./wire-panel.js");
    this.isWireOpen = !this.isWireOpen;
    this.#host.requestUpdate();
  }

  /**
   * Shows the settings; a drawer would only lie over the page behind them.
   *
   * @throws `TypeError` when they cannot be loaded.
   */
  async openSettings(): Promise<void> {
    await import("./settings-menu.js");
    this.areSettingsOpen = true;
    this.draw(undefined);
  }

  /** Puts the settings away. */
  closeSettings(): void {
    this.areSettingsOpen = false;
    this.#host.requestUpdate();
  }

  /** Escape closes a drawer, wherever the keyboard is. */
  readonly #pressed = ({ key }: KeyboardEvent): void => {
    if (key === "Escape" && this.drawer !== undefined) {
      this.draw(undefined);
    }
  };

  readonly #resized = (): void => this.draw(undefined);
}
