import { css, html, nothing, type TemplateResult } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import { repeat } from "lit/directives/repeat.js";
import { say } from "../i18n.js";
import type { Room } from "../store/chat.js";
import { base } from "../styles/tokens.js";
import { close, hash, lock, plus } from "./icons.js";
import { LocalizedElement } from "./localized.js";

/**
 * The rooms and conversations one is in, with what is unread. Tells `show` and `leave` with the
 * room, `open` with the name of another.
 */
@customElement("room-list")
export class RoomList extends LocalizedElement {
  @property({ attribute: false }) rooms: readonly Room[] = [];
  @property({ attribute: false }) current: Room | undefined;
  /** Changes whenever a room has. */
  @property({ attribute: false }) version = 0;
  @state() private isAdding = false;

  static override readonly styles = [
    base,
    css`
      :host {
        display: block;
        overflow-y: auto;
        padding: var(--space-3) var(--space-2);
      }

      h2 {
        display: flex;
        align-items: center;
        justify-content: space-between;
        min-block-size: 2.25rem;
        margin: 0;
        padding-inline-start: var(--space-2);
        color: var(--text-faint);
        font-size: var(--type-tiny);
        font-weight: 600;
        letter-spacing: 0.04em;
        text-transform: uppercase;
      }

      h2:not(:first-child) {
        margin-block-start: var(--space-4);
      }

      ul {
        margin: 0;
        padding: 0;
        list-style: none;
      }

      li {
        position: relative;
        display: flex;
      }

      .room {
        display: flex;
        flex: 1;
        gap: var(--space-2);
        align-items: center;
        min-inline-size: 0;
        min-block-size: 2.25rem;
        padding: var(--space-1) var(--space-2);
        border-radius: var(--radius);
        color: var(--text-soft);
        text-align: start;
        transition: background var(--quick);
      }

      .room:hover {
        background: var(--surface-hover);
      }

      .room[aria-current] {
        background: var(--surface-active);
        color: var(--text);
        font-weight: 600;
      }

      .unread {
        color: var(--text);
        font-weight: 600;
      }

      .room svg {
        flex: none;
        inline-size: 1.0625rem;
        opacity: 0.75;
      }

      .private svg {
        color: var(--private);
        opacity: 1;
      }

      .name {
        flex: 1;
        overflow: hidden;
        text-overflow: ellipsis;
        unicode-bidi: isolate;
        white-space: nowrap;
      }

      .count {
        flex: none;
        min-inline-size: 1.375rem;
        padding: 0.0625rem 0.375rem;
        border-radius: 1rem;
        background: var(--surface-hover);
        color: var(--text-soft);
        font-size: var(--type-tiny);
        font-weight: 600;
        text-align: center;
      }

      .count.calls {
        background: var(--accent);
        color: var(--on-accent);
      }

      .leave {
        position: absolute;
        inset-block: 0.25rem;
        inset-inline-end: 0.25rem;
        inline-size: 1.75rem;
        block-size: 1.75rem;
        background: var(--surface-hover);
        opacity: 0;
      }

      .leave svg {
        inline-size: 1rem;
      }

      li:hover .leave,
      .leave:focus-visible {
        opacity: 1;
      }

      @media (hover: none) {
        .leave {
          position: static;
          background: none;
          opacity: 0.7;
        }
      }

      form {
        padding: var(--space-1) var(--space-2) var(--space-2);
      }

      input {
        inline-size: 100%;
        padding: var(--space-2);
        border: 1px solid var(--line-strong);
        border-radius: var(--radius);
        background: var(--surface);
        color: var(--text);
      }
    `,
  ];

  protected override render(): TemplateResult {
    const open = this.rooms.filter((room) => !room.isPrivate);
    const conversations = this.rooms.filter((room) => room.isPrivate);
    return html`
      <h2>
        ${say("web-rooms")}
        <button
          class="icon-button"
          aria-label=${say("web-room-open")}
          title=${say("web-room-open")}
          aria-expanded=${this.isAdding}
          @click=${this.#toggle}
        >
          ${plus}
        </button>
      </h2>
      ${
        this.isAdding
          ? html`<form @submit=${this.#add}>
              <input
                name="room"
                aria-label=${say("web-room-name")}
                placeholder=${say("web-room-name")}
                maxlength="128"
                autocomplete="off"
                autocapitalize="off"
                spellcheck="false"
                @keydown=${this.#escape}
              />
            </form>`
          : nothing
      }
      <ul aria-label=${say("web-rooms")}>
        ${this.#items(open)}
      </ul>
      ${
        conversations.length > 0
          ? html`<h2>${say("web-conversations")}</h2>
              <ul aria-label=${say("web-conversations")}>
                ${this.#items(conversations)}
              </ul>`
          : nothing
      }
    `;
  }

  #items(rooms: readonly Room[]): unknown {
    return repeat(
      rooms,
      (room) => room.name,
      (room) => html`<li>
        <button
          class="room ${room.isPrivate ? "private" : ""} ${room.unread ? "unread" : ""}"
          aria-current=${room === this.current ? "page" : nothing}
          title=${room.title}
          @click=${() => this.#tell("show", room)}
        >
          ${room.isPrivate ? lock : hash}
          <span class="name">${room.title}</span>
          ${
            room.unread
              ? html`<span class="count ${room.calls ? "calls" : ""}"
                  ><span aria-hidden="true">${room.unread > 99 ? "99+" : room.unread}</span
                  ><span class="visually-hidden"
                    >${say("web-unread", { count: room.unread })}</span
                  ></span
                >`
              : nothing
          }
        </button>
        <button
          class="icon-button leave"
          aria-label=${say("web-room-leave", { room: room.title })}
          title=${say("web-room-leave", { room: room.title })}
          @click=${() => this.#tell("leave", room)}
        >
          ${close}
        </button>
      </li>`,
    );
  }

  async #toggle(): Promise<void> {
    this.isAdding = !this.isAdding;
    await this.updateComplete;
    this.renderRoot.querySelector("input")?.focus();
  }

  #escape(event: KeyboardEvent): void {
    if (event.key === "Escape") {
      event.stopPropagation();
      this.isAdding = false;
      this.renderRoot.querySelector<HTMLElement>("h2 button")?.focus();
    }
  }

  #add(event: SubmitEvent): void {
    event.preventDefault();
    const name = this.renderRoot.querySelector("input")?.value.trim().replace(/^#/, "") ?? "";
    this.isAdding = false;
    if (name !== "") {
      this.#tell("open", name);
    }
  }

  #tell(type: string, detail: unknown): void {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
