import { css, html, nothing, type TemplateResult } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import { repeat } from "lit/directives/repeat.js";
import { say } from "../i18n.js";
import type { Room } from "../store/chat.js";
import { base } from "../styles/tokens.js";
import { ruleBroken } from "../text/names.js";
import { excerpt } from "../text/plain.js";
import { close, hash, lock, plus } from "./icons.js";
import { LocalizedElement } from "./localized.js";

/** Conversations that are listed at once: strangers can begin any number. */
const MOST = 50;

/** Characters of a bad name that are shown. */
const SHOWN = 40;

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
  /** What is wrong with the name that one has written. */
  @state() private fault = "";
  @state() private most = MOST;

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
        block-size: auto;
        min-block-size: 1.75rem;
        background: var(--surface-hover);
        opacity: 0;
      }

      .leave svg {
        inline-size: 1rem;
      }

      .name.had {
        flex: 0 1 auto;
      }

      .former {
        flex: 1 0 auto;
        color: var(--text-faint);
        font-size: var(--type-tiny);
      }

      .fault {
        margin: var(--space-1) 0 0;
        color: var(--bad);
        font-size: var(--type-small);
        overflow-wrap: anywhere;
      }

      .others {
        margin: var(--space-2);
      }

      li:hover .leave,
      .leave:focus-visible {
        opacity: 1;
      }

      @media (hover: none) {
        .leave {
          position: static;
          align-self: center;
          background: none;
          opacity: 0.7;
        }
      }

      @media (pointer: coarse) {
        .room {
          min-block-size: 2.75rem;
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
                aria-invalid=${this.fault !== ""}
                aria-describedby="fault"
                enterkeyhint="go"
                @input=${() => {
                  this.fault = "";
                }}
                @keydown=${this.#escape}
              />
              <p class="fault" id="fault" role="alert">${this.fault}</p>
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
                ${this.#items(this.#listed(conversations))}
              </ul>
              ${this.#others(conversations.length - this.most)}`
          : nothing
      }
    `;
  }

  /** The newest, and the one that is shown. */
  #listed(conversations: readonly Room[]): readonly Room[] {
    return conversations.filter((room, index) => index < this.most || room === this.current);
  }

  #others(count: number): TemplateResult | typeof nothing {
    return count <= 0
      ? nothing
      : html`<button
          class="link others"
          @click=${() => {
            this.most += MOST;
          }}
        >
          ${say("web-members-more", { count })}
        </button>`;
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
          <span class="name ${room.isFormer ? "had" : ""}">${room.title}</span>
          ${room.isFormer ? html`<span class="former">${say("web-former")}</span>` : nothing}
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
    this.fault = "";
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
    const reason = name === "" ? undefined : ruleBroken(name, "room");
    if (reason !== undefined) {
      this.fault = say("bad-room", { name: excerpt(name, SHOWN), reason });
      return;
    }
    this.isAdding = false;
    if (name !== "") {
      this.#tell("open", name);
    }
  }

  #tell(type: string, detail: unknown): void {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
