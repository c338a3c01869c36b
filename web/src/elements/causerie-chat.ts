import { type Entry, type KeyLink, readKeyLink } from "@causerie/client";
import { css, html, nothing, type TemplateResult } from "lit";
import { customElement, property, query, state } from "lit/decorators.js";
import { choose, type LANGUAGES, load, say, speak, words } from "../i18n.js";
import { type Memories, recall, remember } from "../memory.js";
import { Notifier } from "../notifications.js";
import { explain, Session, take } from "../session.js";
import type { ChatState, Room } from "../store/chat.js";
import { base, tokens } from "../styles/tokens.js";
import { showBadge } from "../title-badge.js";
import { WireLog } from "../wire/wire-log.js";
import "./connection-pill.js";
import "./device-import.js";
import { close, cog, hash, link, lock, menu, people, wire } from "./icons.js";
import type { JoinDetail } from "./join-screen.js";
import "./join-screen.js";
import { LocalizedElement } from "./localized.js";
import "./member-list.js";
import type { MessageComposer } from "./message-composer.js";
import "./message-composer.js";
import type { MessageList } from "./message-list.js";
import "./message-list.js";
import "./room-list.js";
import "./settings-menu.js";

/** The whole chat. It can stand in anyone's page. */
@customElement("causerie-chat")
export class CauserieChat extends LocalizedElement {
  /** Where the server is; the page's own unless told otherwise. */
  @property() url = "";

  @state() private session: Session | undefined;
  @state() private memories: Memories = recall();
  @state() private isReady = false;
  @state() private error = "";
  /** A name that came with a link from another device. */
  @state() private offer: KeyLink | undefined;
  @state() private trouble = "";
  @state() private drawer: "rooms" | "members" | undefined;
  @state() private areMembersShown = true;
  @state() private areSettingsOpen = false;
  @state() private isWireOpen = false;
  @state() private announced = "";
  @state() private version = 0;

  @query("message-composer") private readonly composer!: MessageComposer | null;
  @query("message-list") private readonly list!: MessageList | null;

  readonly #wire = new WireLog();
  readonly #notifier = new Notifier((room) => this.#show(room));
  /** Of the room that is shown: after which entry all is new. */
  #newAfter: number | undefined;
  #shown: Room | undefined;
  #troubleEnds: ReturnType<typeof setTimeout> | undefined;

  static override readonly styles = [
    tokens,
    base,
    css`
      :host {
        display: block;
        overflow: hidden;
        block-size: 100%;
        background: var(--surface);
        color: var(--text);
        color-scheme: light dark;
        font: var(--type) / 1.4 var(--font);
        -webkit-font-smoothing: antialiased;
      }

      :host([theme="light"]) {
        color-scheme: light;
      }

      :host([theme="dark"]) {
        color-scheme: dark;
      }

      .layout {
        display: grid;
        grid-template-columns: 15.5rem minmax(0, 1fr) auto;
        grid-template-rows: minmax(0, 1fr);
        block-size: 100%;
      }

      nav,
      aside {
        display: flex;
        flex-direction: column;
        min-block-size: 0;
        background: var(--surface-sunken);
      }

      nav {
        border-inline-end: 1px solid var(--line);
      }

      aside {
        inline-size: 14rem;
        border-inline-start: 1px solid var(--line);
        background: var(--surface);
      }

      aside.wire {
        inline-size: min(28rem, 45vw);
      }

      nav > header {
        display: flex;
        gap: var(--space-2);
        align-items: center;
        block-size: 3.5rem;
        padding-inline: var(--space-4) var(--space-2);
        border-block-end: 1px solid var(--line);
        font-weight: 700;
      }

      nav > header img {
        inline-size: 1.5rem;
        block-size: 1.5rem;
      }

      nav > header span {
        flex: 1;
      }

      room-list {
        flex: 1;
      }

      .me {
        display: flex;
        gap: var(--space-2);
        align-items: center;
        padding: var(--space-2) var(--space-2) var(--space-2) var(--space-4);
        border-block-start: 1px solid var(--line);
      }

      .me .name {
        flex: 1;
        overflow: hidden;
        text-overflow: ellipsis;
        unicode-bidi: isolate;
        font-weight: 600;
        white-space: nowrap;
      }

      main {
        display: grid;
        grid-template-rows: auto minmax(0, 1fr) auto auto;
        grid-template-columns: minmax(0, 1fr);
        min-block-size: 0;
      }

      main > header {
        display: flex;
        gap: var(--space-2);
        align-items: center;
        min-block-size: 3.5rem;
        padding-inline: var(--space-4) var(--space-3);
        border-block-end: 1px solid var(--line);
      }

      main.private > header {
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

      .typing {
        min-block-size: 1.375rem;
        padding-inline: calc(var(--space-4) + 0.25rem);
        overflow: hidden;
        color: var(--text-soft);
        font-size: var(--type-small);
        text-overflow: ellipsis;
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
      }

      .trouble {
        position: fixed;
        inset-block-start: 4rem;
        inset-inline: 0;
        z-index: 10;
        display: flex;
        gap: var(--space-3);
        align-items: center;
        inline-size: fit-content;
        max-inline-size: min(30rem, calc(100vw - 2rem));
        margin-inline: auto;
        padding: var(--space-2) var(--space-2) var(--space-2) var(--space-4);
        border: 1px solid var(--bad);
        border-radius: var(--radius);
        background: var(--bad-soft);
        color: var(--bad);
        box-shadow: var(--shadow);
        overflow-wrap: anywhere;
      }

      .nowhere {
        display: grid;
        place-content: center;
        justify-items: center;
        gap: var(--space-2);
        padding: var(--space-4);
        color: var(--text-soft);
        text-align: center;
      }

      .veil {
        position: fixed;
        inset: 0;
        z-index: 6;
        background: rgb(0 0 0 / 40%);
      }

      @media (max-width: 62rem) {
        .layout {
          grid-template-columns: 15.5rem minmax(0, 1fr);
        }

        aside {
          position: fixed;
          inset-block: 0;
          inset-inline-end: 0;
          z-index: 7;
          box-shadow: var(--shadow);
        }

        aside:not(.wire):not(.drawn) {
          display: none;
        }

        aside.wire {
          inline-size: min(30rem, 100vw);
        }
      }

      @media (max-width: 44rem) {
        .layout {
          grid-template-columns: minmax(0, 1fr);
        }

        .only-narrow {
          display: inline-grid;
        }

        nav {
          position: fixed;
          inset-block: 0;
          inset-inline-start: 0;
          z-index: 7;
          inline-size: min(19rem, 85vw);
          box-shadow: var(--shadow);
        }

        nav:not(.drawn) {
          display: none;
        }

        main > header {
          gap: 0.125rem;
          padding-inline: var(--space-2);
        }

        .wire-button {
          display: none;
        }
      }
    `,
  ];

  override connectedCallback(): void {
    super.connectedCallback();
    window.addEventListener("hashchange", this.#addressed);
    window.addEventListener("focus", this.#looked);
    window.addEventListener("blur", this.#looked);
    document.addEventListener("visibilitychange", this.#looked);
    void this.#begin();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    window.removeEventListener("hashchange", this.#addressed);
    window.removeEventListener("focus", this.#looked);
    window.removeEventListener("blur", this.#looked);
    document.removeEventListener("visibilitychange", this.#looked);
    void this.session?.close();
  }

  protected override render(): TemplateResult | typeof nothing {
    if (!this.isReady) {
      return nothing;
    }
    const { session, offer } = this;
    if (offer !== undefined) {
      return html`<device-import
        .offer=${offer}
        .present=${this.memories.username}
        .error=${this.error}
        @take=${() => this.#take(offer)}
        @refuse=${() => this.#enter()}
      ></device-import>`;
    }
    if (session === undefined) {
      return html`<join-screen
        .username=${this.memories.username}
        .room=${roomInAddress() ?? "lobby"}
        .error=${this.error}
        @join=${(event: CustomEvent<JoinDetail>) => this.#join(event.detail)}
      ></join-screen>`;
    }
    const { chat, client } = session;
    const room = chat.current;
    this.#follow(room);
    return html`
      <div class="layout" @keydown=${this.#key}>
        <nav class=${this.drawer === "rooms" ? "drawn" : ""} aria-label=${say("web-rooms")}>
          <header><img src="/favicon.svg" alt="" /><span>Causerie</span></header>
          <room-list
            .rooms=${chat.rooms}
            .current=${room}
            .version=${this.version}
            @show=${(event: CustomEvent<Room>) => this.#show(event.detail)}
            @leave=${(event: CustomEvent<Room>) => session.leave(event.detail)}
            @open=${(event: CustomEvent<string>) => this.#open(event.detail)}
          ></room-list>
          <div class="me">
            <span class="name" title=${chat.username}>${chat.username}</span>
            <button
              class="icon-button"
              aria-label=${say("web-settings")}
              title=${say("web-settings")}
              aria-expanded=${this.areSettingsOpen}
              @click=${this.#toggleSettings}
            >
              ${cog}
            </button>
          </div>
        </nav>
        <main class=${room?.isPrivate ? "private" : ""}>
          <header>
            <button
              class="icon-button only-narrow ${chat.unread.all > 0 ? "dotted" : ""}"
              aria-label=${say("web-rooms")}
              @click=${() => this.#draw("rooms")}
            >
              ${menu}
            </button>
            <h1>
              ${room === undefined ? nothing : room.isPrivate ? lock : hash}
              <span
                >${room?.isPrivate ? say("web-private-with", { name: room.title }) : room?.title}</span
              >
            </h1>
            ${
              room && !room.isPrivate
                ? html`<button
                      class="icon-button"
                      aria-label=${say("web-copy-link")}
                      title=${say("web-copy-link")}
                      @click=${() => this.#copyLink(room)}
                    >
                      ${link}</button
                    ><button
                      class="icon-button"
                      aria-label=${say("web-members", { count: room.company.count })}
                      title=${say("web-members", { count: room.company.count })}
                      aria-pressed=${isNarrow() ? this.drawer === "members" : this.areMembersShown}
                      @click=${this.#toggleMembers}
                    >
                      ${people}
                    </button>`
                : nothing
            }
            <button
              class="icon-button wire-button"
              aria-label=${say("web-wire")}
              title=${say("web-wire")}
              aria-pressed=${this.isWireOpen}
              @click=${this.#toggleWire}
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
              @wire=${() => this.isWireOpen || this.#toggleWire()}
            ></connection-pill>
          </header>
          ${room === undefined ? this.#nowhere() : this.#room(session, room)}
        </main>
        ${this.#side(session, room)}
      </div>
      ${this.drawer ? html`<div class="veil" @click=${() => this.#draw(undefined)}></div>` : nothing}
      ${
        this.trouble
          ? html`<div class="trouble" role="alert">
              ${this.trouble}
              <button
                class="icon-button"
                aria-label=${say("web-dismiss")}
                @click=${() => this.#complain("")}
              >
                ${close}
              </button>
            </div>`
          : nothing
      }
      ${
        this.areSettingsOpen
          ? html`<settings-menu
              .memories=${this.memories}
              .session=${session}
              @change-memories=${(event: CustomEvent<Partial<Memories>>) =>
                this.#choose(event.detail)}
              @trouble=${(event: CustomEvent<string>) => this.#complain(event.detail)}
              @quit=${this.#quit}
              @close=${this.#toggleSettings}
            ></settings-menu>`
          : nothing
      }
      <div class="visually-hidden" role="log" aria-live="polite">${this.announced}</div>
    `;
  }

  #room(session: Session, room: Room): TemplateResult {
    const { chat, client } = session;
    const answered = room.replyTo === undefined ? undefined : room.timeline.find(room.replyTo);
    return html`
      <message-list
        .room=${room}
        .username=${chat.username}
        .ackMs=${chat.ackMs}
        .version=${this.version}
        .newAfter=${this.#newAfter}
        @earlier=${async (event: CustomEvent<() => void>) => {
          await session.loadEarlier(room);
          event.detail();
        }}
        @fill=${(event: CustomEvent<number>) => session.fill(room, event.detail)}
        @retry=${(event: CustomEvent<string>) => session.retry(room, event.detail)}
        @discard=${(event: CustomEvent<string>) => session.discard(room, event.detail)}
        @reply=${(event: CustomEvent<Entry>) => {
          room.replyTo = event.detail.id;
          this.requestUpdate();
          this.composer?.focus();
        }}
        @watch=${this.#looked}
      ></message-list>
      <div class="typing" aria-live="off">${typists(room.typists)}</div>
      <message-composer
        .room=${room}
        .answered=${answered}
        .most=${client.welcome?.limits.content ?? 4000}
        @say=${(event: CustomEvent<string>) => {
          session.send(room, event.detail, room.replyTo);
          room.replyTo = undefined;
          this.#newAfter = undefined;
          this.list?.toEnd();
        }}
        @typing=${(event: CustomEvent<boolean>) => session.typing(room, event.detail)}
        @cancel=${() => {
          room.replyTo = undefined;
          this.requestUpdate();
          this.composer?.focus();
        }}
      ></message-composer>
    `;
  }

  #side(session: Session, room: Room | undefined): TemplateResult | typeof nothing {
    if (this.isWireOpen) {
      return html`<aside class="wire" aria-label=${say("web-wire")}>
        <wire-panel
          .log=${this.#wire}
          .state=${session.chat.state}
          .isTraced=${session.isTraced}
          @close=${this.#toggleWire}
          @trace=${(event: CustomEvent<boolean>) => session.trace(event.detail)}
        ></wire-panel>
      </aside>`;
    }
    if (room === undefined || room.isPrivate || !this.areMembersShown) {
      return nothing;
    }
    return html`<aside class=${this.drawer === "members" ? "drawn" : ""}>
      <member-list
        .company=${room.company}
        .typists=${room.typists}
        .username=${session.chat.username}
        @talk=${(event: CustomEvent<string>) => this.#talk(event.detail)}
      ></member-list>
    </aside>`;
  }

  #nowhere(): TemplateResult {
    return html`<div class="nowhere">
      <p>${say("web-nowhere")}</p>
      <button class="primary" @click=${() => this.#open("lobby")}>
        ${say("web-to-lobby")}
      </button>
    </div>`;
  }

  // Coming and going.

  async #begin(): Promise<void> {
    const wishes = [this.memories.language || null, ...navigator.languages];
    await this.#speak(choose(wishes));
    this.setAttribute("theme", this.memories.theme);
    this.isReady = true;
    this.offer = readKeyLink(location.href);
    if (this.offer === undefined) {
      await this.#enter();
    } else {
      // The key is not to stay where others can see it.
      history.replaceState(null, "", location.pathname);
    }
  }

  async #take(offer: KeyLink): Promise<void> {
    if (await take(offer)) {
      this.memories = remember({ username: offer.username, rooms: [], current: "", seen: {} });
      await this.#enter();
    } else {
      this.error = say("web-import-other", { name: offer.username });
    }
  }

  /** Shows the way in, or goes straight back to where one was. */
  async #enter(): Promise<void> {
    this.offer = undefined;
    this.error = "";
    if (this.memories.username !== "" && this.memories.rooms.length > 0) {
      const room = roomInAddress() ?? this.memories.current;
      await this.#join({ username: this.memories.username, room: room || "lobby" });
    }
  }

  async #join({ username, room }: JoinDetail): Promise<void> {
    this.error = "";
    const rooms = this.memories.rooms.filter((name) => name !== room);
    try {
      const url = this.url || location.origin;
      const session = await Session.open(url, username, rooms, (event) => this.#wire.add(event));
      this.session = session;
      session.addEventListener("change", () => this.#changed(session));
      session.addEventListener("call", (event) => this.#called(event as CustomEvent));
      session.addEventListener("trouble", (event) => this.#complain((event as CustomEvent).detail));
      this.memories = remember({ username });
      if (room.startsWith("~")) {
        await session.client.connected();
        const known = session.chat.room(room);
        if (known !== undefined) {
          session.show(known);
        }
      } else {
        session.show(session.enter(room));
        this.#changed(session);
        await this.updateComplete;
        if (matchMedia("(hover: hover)").matches) {
          this.composer?.focus(); // on a phone this would call up the keyboard
        }
      }
    } catch (error) {
      this.#ended(error as Error);
    }
  }

  #ended(error: Error): void {
    this.session = undefined;
    this.error = explain(error);
  }

  readonly #quit = async (): Promise<void> => {
    const session = this.session;
    this.session = undefined;
    this.areSettingsOpen = false;
    this.memories = remember({ rooms: [], current: "" });
    history.replaceState(null, "", location.pathname);
    await session?.close();
  };

  // What is told.

  #changed(session: Session): void {
    if (session !== this.session) {
      return;
    }
    const { state: now } = session.chat;
    this.#wire.moved(now, Date.now());
    if (now.state === "Closed") {
      const { error } = now;
      this.#ended("refusal" in error ? (error.refusal as Error) : error);
      return;
    }
    this.memories = recall();
    this.version += 1;
    showBadge(session.chat);
    this.#announce(session.chat);
  }

  /** A screen reader is told of what comes to the room that is shown. */
  #announce(chat: ChatState): void {
    const room = chat.current;
    const newest = room?.timeline.entries.at(-1);
    if (newest === undefined || !("type" in newest) || newest.replay) {
      return;
    }
    this.announced = `${newest.username}: ${newest.content}`;
  }

  #called({ detail }: CustomEvent): void {
    if (this.memories.notifications) {
      this.#notifier.notify(detail.room, detail.entry);
    }
  }

  #complain(text: string): void {
    clearTimeout(this.#troubleEnds);
    this.trouble = text;
    if (text !== "") {
      this.#troubleEnds = setTimeout(() => this.#complain(""), 8_000);
    }
  }

  // Where one looks.

  #show(room: Room): void {
    this.session?.show(room);
    this.#draw(undefined);
    void this.updateComplete.then(() => this.composer?.focus());
  }

  async #open(name: string): Promise<void> {
    const room = await this.session?.join(name, true);
    if (room !== undefined) {
      this.#show(room);
    }
  }

  #talk(name: string): void {
    const room = this.session?.chat.conversation(name);
    if (room !== undefined) {
      this.#show(room);
    }
  }

  /** Another room is shown: what was not seen of it is new. */
  #follow(room: Room | undefined): void {
    if (room === this.#shown) {
      return;
    }
    this.#shown = room;
    this.#newAfter = room?.seenBefore;
    if (room !== undefined && !room.isPrivate) {
      const address = `#/room=${encodeURIComponent(room.name)}`;
      if (location.hash !== address) {
        history.replaceState(null, "", address);
      }
    }
    document.title = room === undefined ? "Causerie" : `${room.title} – Causerie`;
  }

  readonly #addressed = (): void => {
    const name = roomInAddress();
    if (name !== undefined && name !== this.session?.chat.current?.name) {
      void this.#open(name);
    }
  };

  readonly #looked = (event?: Event): void => {
    const isAtEnd = event instanceof CustomEvent ? (event.detail as boolean) : true;
    const isLooking = document.visibilityState === "visible" && document.hasFocus();
    this.session?.watch(isLooking && isAtEnd);
  };

  // What one can press.

  #key(event: KeyboardEvent): void {
    if (event.key === "Escape") {
      this.#draw(undefined);
      this.composer?.focus();
    } else if (event.altKey && (event.key === "ArrowUp" || event.key === "ArrowDown")) {
      event.preventDefault();
      const rooms = this.session?.chat.rooms ?? [];
      const at = rooms.indexOf(this.session?.chat.current as Room);
      const step = event.key === "ArrowDown" ? 1 : rooms.length - 1;
      const next = rooms[(at + step) % rooms.length];
      if (next !== undefined) {
        this.#show(next);
      }
    }
  }

  #draw(drawer: "rooms" | "members" | undefined): void {
    this.drawer = drawer;
  }

  #toggleMembers(): void {
    if (isNarrow()) {
      this.areMembersShown = true;
      this.#draw(this.drawer === "members" ? undefined : "members");
    } else {
      this.areMembersShown = !this.areMembersShown;
    }
  }

  async #toggleWire(): Promise<void> {
    await import("./wire-panel.js");
    this.isWireOpen = !this.isWireOpen;
  }

  #toggleSettings(): void {
    this.areSettingsOpen = !this.areSettingsOpen;
  }

  async #copyLink(room: Room): Promise<void> {
    const address = `${location.origin}${location.pathname}#/room=${encodeURIComponent(room.name)}`;
    try {
      await navigator.clipboard.writeText(address);
      this.announced = say("web-link-copied");
      this.#complain("");
    } catch {
      this.#complain(address); // no clipboard here: one can copy it by hand
    }
  }

  async #choose(change: Partial<Memories>): Promise<void> {
    this.memories = remember(change);
    this.setAttribute("theme", this.memories.theme);
    if (change.language !== undefined) {
      await this.#speak(choose([change.language || null, ...navigator.languages]));
    }
    if (change.notifications === true) {
      const isAllowed = await this.#notifier.ask();
      this.memories = remember({ notifications: isAllowed });
      if (!isAllowed) {
        this.#complain(say("web-notifications-denied"));
      }
    }
  }

  async #speak(language: (typeof LANGUAGES)[number]): Promise<void> {
    speak(await load(language));
    document.documentElement.lang = words().language;
  }
}

/** Whether the members have to be asked for, since there is no place beside the messages. */
function isNarrow(): boolean {
  return matchMedia("(max-width: 62rem)").matches;
}

/** The room that a link names: `#/room=lobby`. */
function roomInAddress(): string | undefined {
  const name = new URLSearchParams(location.hash.replace(/^#\/?/, "")).get("room")?.trim();
  return name || undefined;
}

/** Who is typing, as a sentence. */
function typists(names: readonly string[]): string {
  if (names.length === 0) {
    return "";
  }
  return names.length > 3
    ? say("typing-several")
    : say("typing", { count: names.length, names: words().names(names) });
}
