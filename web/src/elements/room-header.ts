import { css, html, nothing, type TemplateResult } from "lit";
import { customElement, property } from "lit/decorators.js";
import { say } from "../i18n.js";
import type { Session } from "../session.js";
import type { Room } from "../store/chat.js";
import { base } from "../styles/tokens.js";
import "./connection-pill.js";
import { hash, link, lock, menu, people, wire } from "./icons.js";
import { LocalizedElement } from "./localized.js";

/**
 * The line above the messages: where one is, how the connection is, what else there is to see.
 *
 * Tells `rooms`, `members` and `wire` when one wants to see or put away these, `copy-link` when one
 * wants a link to the room.
 */
@customElement("room-header")
export class RoomHeader extends LocalizedElement {
  @property({ attribute: false }) session!: Session;
  @property({ attribute: false }) room: Room | undefined;
  @property({ type: Boolean }) areRoomsDrawn = false;
  @property({ type: Boolean }) areMembersOpen = false;
  @property({ type: Boolean }) isWireOpen = false;
  /** Changes whenever any of it has. */
  @property({ attribute: false }) version = 0;

  static override readonly styles = [
    base,
    css`
      :host {
        display: block;
      }

      header {
        display: flex;
        gap: var(--space-2);
        align-items: center;
        min-block-size: 3.5rem;
        padding-inline: var(--space-4) var(--space-3);
        border-block-end: 1px solid var(--line);
      }

      .private {
        background: var(--private-soft);
        border-color: var(--private);
      }

      h1 {
        display: flex;
        flex: 1;
        gap: var(--space-2);
        align-items: center;
        min-inline-size: 0;
        margin: 0;
        font-size: var(--type-large);
      }

      h1 svg {
        flex: none;
        color: var(--text-faint);
      }

      .private h1 svg {
        color: var(--private);
      }

      h1 span {
        overflow: hidden;
        text-overflow: ellipsis;
        unicode-bidi: isolate;
        white-space: nowrap;
      }

      .only-narrow {
        display: none;
      }

      .dotted {
        position: relative;
      }

      .dotted::after {
        content: "";
        position: absolute;
        inset-block-start: 0.375rem;
        inset-inline-end: 0.375rem;
        inline-size: 0.5rem;
        block-size: 0.5rem;
        border-radius: 50%;
        background: var(--accent);
        forced-color-adjust: none;
      }

      @media (max-width: 44rem) {
        .only-narrow {
          display: inline-grid;
        }

        header {
          gap: 0.125rem;
          padding-inline: var(--space-2);
        }

        .wire {
          display: none;
        }
      }
    `,
  ];

  protected override render(): TemplateResult {
    const { room, session } = this;
    const { chat, client } = session;
    const hasUnread = chat.unread.all > 0;
    return html`<header class=${room?.isPrivate ? "private" : ""}>
      <button
        class="icon-button only-narrow ${hasUnread ? "dotted" : ""}"
        aria-label=${hasUnread ? say("web-rooms-unread", { count: chat.unread.all }) : say("web-rooms")}
        aria-expanded=${this.areRoomsDrawn}
        @click=${() => this.#tell("rooms")}
      >
        ${menu}
      </button>
      <h1>
        ${room === undefined ? nothing : room.isPrivate ? lock : hash}
        <span title=${room?.title ?? ""}>${room === undefined ? "" : titleOf(room)}</span>
      </h1>
      ${room && !room.isPrivate ? this.#roomButtons(room) : nothing}
      <button
        class="icon-button wire"
        aria-label=${say("web-wire")}
        title=${say("web-wire")}
        aria-pressed=${this.isWireOpen}
        @click=${() => this.#tell("wire")}
      >
        ${wire}
      </button>
      <connection-pill
        .state=${chat.state}
        .rttMs=${chat.rttMs}
        .retryIn=${() => client.retryIn}
        .roundTrips=${session.roundTrips}
        .reconnects=${session.reconnects}
        .waiting=${client.waiting}
        .server=${client.url}
        .username=${chat.username}
        .version=${this.version}
        @try-now=${() => client.wake()}
        @wire=${() => this.isWireOpen || this.#tell("wire")}
      ></connection-pill>
    </header>`;
  }

  #roomButtons(room: Room): TemplateResult {
    const here = say("web-members", { count: room.company.count });
    return html`<button
        class="icon-button"
        aria-label=${say("web-copy-link")}
        title=${say("web-copy-link")}
        @click=${() => this.#tell("copy-link")}
      >
        ${link}</button
      ><button
        class="icon-button"
        aria-label=${here}
        title=${here}
        aria-pressed=${this.areMembersOpen}
        @click=${() => this.#tell("members")}
      >
        ${people}
      </button>`;
  }

  #tell(type: string): void {
    this.dispatchEvent(new CustomEvent(type));
  }
}

/** What a room is called above its messages. */
export function titleOf(room: Room): string {
  if (!room.isPrivate) {
    return room.title;
  }
  const key = room.isFormer ? "web-private-with-former" : "web-private-with";
  return say(key, { name: room.title });
}
