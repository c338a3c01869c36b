import type { Entry } from "@causerie/client";
import { html, nothing, type PropertyValues, type TemplateResult } from "lit";
import { customElement, property, query, state } from "lit/decorators.js";
import { linkTo, roomInAddress, showRoom } from "../address.js";
import { choose, type LANGUAGES, load, say, speak, words } from "../i18n.js";
import { type Memories, recall, remember } from "../memory.js";
import { Notifier } from "../notifications.js";
import type { Said, Session } from "../session.js";
import type { Room } from "../store/chat.js";
import { layout } from "../styles/layout.js";
import { base, tokens } from "../styles/tokens.js";
import { excerpt } from "../text/plain.js";
import { showBadge } from "../title-badge.js";
import { WireLog } from "../wire/wire-log.js";
import { close, cog, logo } from "./icons.js";
import type { JoinDetail } from "./join-screen.js";
import "./join-screen.js";
import type { LiveRegion } from "./live-region.js";
import "./live-region.js";
import { LocalizedElement } from "./localized.js";
import "./member-list.js";
import type { MessageComposer } from "./message-composer.js";
import "./message-composer.js";
import type { MessageList } from "./message-list.js";
import "./message-list.js";
import { type Drawer, Panes } from "./panes.js";
import type { Note } from "./passing-note.js";
import "./passing-note.js";
import "./room-header.js";
import "./room-list.js";
import { type Offer, Stay } from "./stay.js";

/** Characters of a message that a screen reader is told. */
const HEARD = 300;

/** The whole chat. It can stand in anyone's page. */
@customElement("causerie-chat")
export class CauserieChat extends LocalizedElement {
  /** Where the server is; the page's own unless told otherwise. */
  @property() url = "";

  @state() private memories: Memories = recall();
  @state() private isReady = false;
  @state() private note: Note | undefined;
  @state() private version = 0;

  @query("message-composer") private readonly composer!: MessageComposer | null;
  @query("message-list") private readonly list!: MessageList | null;
  @query("live-region") private readonly region!: LiveRegion | null;

  readonly #panes = new Panes(this);
  readonly #stay = new Stay(this, {
    changed: (session) => this.#changed(session),
    heard: (said) => this.#heard(said),
    called: ({ room, entry }) => this.memories.notifications && this.#notifier.notify(room, entry),
    troubled: (text) => this.#tell(text, true),
    tapped: (event) => this.#wire.add(event),
  });
  readonly #wire = new WireLog();
  readonly #notifier = new Notifier((room) => this.#show(room));
  /** Of the room that is shown: after which entry all is new. */
  #newAfter: number | undefined;
  #shown: Room | undefined;

  static override readonly styles = [tokens, base, layout];

  override connectedCallback(): void {
    super.connectedCallback();
    window.addEventListener("focus", this.#looked);
    window.addEventListener("blur", this.#looked);
    document.addEventListener("visibilitychange", this.#looked);
    void this.#begin();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    window.removeEventListener("focus", this.#looked);
    window.removeEventListener("blur", this.#looked);
    document.removeEventListener("visibilitychange", this.#looked);
  }

  protected override willUpdate(changed: PropertyValues): void {
    super.willUpdate(changed);
    this.#follow(this.#stay.session?.chat.current);
  }

  protected override render(): TemplateResult | typeof nothing {
    if (!this.isReady) {
      return nothing;
    }
    const { session, offer, isArriving } = this.#stay;
    if (offer !== undefined) {
      return this.#offered(offer);
    }
    return session === undefined || isArriving ? this.#entrance() : this.#chat(session);
  }

  #offered(offer: Offer): TemplateResult {
    return html`<device-import
      .offer=${offer.link}
      .standing=${offer.standing}
      .present=${this.#stay.session?.chat.username ?? this.memories.username}
      @take=${() => this.#stay.take(offer)}
      @refuse=${() => this.#stay.refuse()}
    ></device-import>`;
  }

  #entrance(): TemplateResult {
    const { username, current } = this.memories;
    const before = current.startsWith("~") ? "" : current;
    return html`<join-screen
      .username=${username}
      .room=${roomInAddress() ?? (before || "lobby")}
      .error=${this.#stay.error}
      .isBusy=${this.#stay.isArriving}
      @join=${({ detail }: CustomEvent<JoinDetail>) => this.#join(detail)}
    ></join-screen>`;
  }

  #chat(session: Session): TemplateResult {
    const { chat } = session;
    const room = chat.current;
    const panes = this.#panes;
    return html`
      <div class="layout" @keydown=${this.#key}>
        <nav
          class=${panes.drawer === "rooms" ? "drawn" : ""}
          aria-label=${say("web-rooms")}
          ?inert=${panes.drawer === "members"}
        >
          <header>${logo}<span>Causerie</span>${this.#closeDrawer()}</header>
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
              aria-haspopup="dialog"
              aria-expanded=${panes.areSettingsOpen}
              @click=${() => this.#load(panes.openSettings())}
            >
              ${cog}
            </button>
          </div>
        </nav>
        <main class=${room?.isPrivate ? "private" : ""} ?inert=${panes.drawer !== undefined}>
          <room-header
            .session=${session}
            .room=${room}
            .areRoomsDrawn=${panes.drawer === "rooms"}
            .areMembersOpen=${panes.areMembersOpen}
            .isWireOpen=${panes.isWireOpen}
            .version=${this.version}
            @rooms=${() => this.#draw("rooms")}
            @members=${this.#toggleMembers}
            @wire=${this.#toggleWire}
            @copy-link=${() => room && this.#copyLink(room)}
          ></room-header>
          ${room === undefined ? this.#nowhere() : this.#room(session, room)}
        </main>
        ${this.#side(session, room)}
      </div>
      ${panes.drawer ? html`<div class="veil" @click=${() => this.#draw(undefined)}></div>` : nothing}
      ${
        panes.areSettingsOpen
          ? html`<settings-menu
              .memories=${this.memories}
              .session=${session}
              .note=${this.note}
              @change-memories=${({ detail }: CustomEvent<Partial<Memories>>) => this.#choose(detail)}
              @trouble=${({ detail }: CustomEvent<string>) => this.#tell(detail, true)}
              @quit=${this.#quit}
              @close=${this.#closeSettings}
            ></settings-menu>`
          : html`<passing-note
              .note=${this.note}
              @dismiss=${() => this.#tell("", false)}
            ></passing-note>`
      }
      <live-region></live-region>
    `;
  }

  #room(session: Session, room: Room): TemplateResult {
    const { chat, client } = session;
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
        @reply=${(event: CustomEvent<Entry>) => this.#reply(room, event.detail.id)}
        @watch=${this.#looked}
      ></message-list>
      ${this.#below(session, room)}
      ${
        room.isFormer
          ? html`<div class="former">
              <span>${say("web-former-about", { name: room.title })}</span>
              <button class="link" @click=${() => this.#talk(room.title)}>
                ${say("web-former-go", { name: room.title })}
              </button>
            </div>`
          : html`<message-composer
              .room=${room}
              .answered=${room.replyTo === undefined ? undefined : room.timeline.find(room.replyTo)}
              .most=${client.welcome?.limits.content ?? 4000}
              @say=${(event: CustomEvent<string>) => this.#say(session, room, event.detail)}
              @typing=${(event: CustomEvent<boolean>) => session.typing(room, event.detail)}
              @cancel=${() => this.#reply(room, undefined)}
              @trouble=${(event: CustomEvent<string>) => this.#tell(event.detail, true)}
            ></message-composer>`
      }
    `;
  }

  /** The line between messages and composer: who is typing, or that nothing goes out. */
  #below({ chat }: Session, room: Room): TemplateResult {
    const isOffline = ["Disconnected", "Reconnecting"].includes(chat.state.state);
    return html`<div class="below">
      ${isOffline ? html`<p class="offline">${say("web-offline")}</p>` : nothing}
      <div class="typing" aria-live="off">${typists(room.typists)}</div>
    </div>`;
  }

  #side(session: Session, room: Room | undefined): TemplateResult | typeof nothing {
    const panes = this.#panes;
    if (panes.isWireOpen) {
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
    if (room === undefined || room.isPrivate || !panes.areMembersShown) {
      return nothing;
    }
    return html`<aside
      class=${panes.drawer === "members" ? "drawn" : ""}
      aria-label=${say("web-members", { count: room.company.count })}
    >
      ${this.#closeDrawer()}
      <member-list
        .company=${room.company}
        .typists=${room.typists}
        .username=${session.chat.username}
        @talk=${(event: CustomEvent<string>) => this.#talk(event.detail)}
      ></member-list>
    </aside>`;
  }

  #closeDrawer(): TemplateResult {
    return html`<button
      class="icon-button close-drawer"
      aria-label=${say("web-close")}
      title=${say("web-close")}
      @click=${() => this.#draw(undefined)}
    >
      ${close}
    </button>`;
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
    await this.#speak(choose([this.memories.language || null, ...navigator.languages]));
    this.setAttribute("theme", this.memories.theme);
    this.isReady = true;
    await this.#stay.begin();
  }

  async #join(detail: JoinDetail): Promise<void> {
    await this.#stay.join(detail);
    this.memories = recall();
    await this.updateComplete;
    if (matchMedia("(hover: hover)").matches) {
      this.composer?.focus(); // on a phone this would call up the keyboard
    }
  }

  async #quit(): Promise<void> {
    this.#panes.closeSettings();
    await this.#stay.quit();
    this.memories = recall();
  }

  // What is told.

  #changed(session: Session): void {
    this.#wire.moved(session.chat.state, Date.now());
    this.memories = recall();
    this.version += 1;
    showBadge(session.chat);
  }

  /** A screen reader is told of what comes here, and of what calls elsewhere. */
  #heard({ room, entry }: Said): void {
    const [name, text] = [entry.username, excerpt(entry.content, HEARD)];
    if (room === this.#stay.session?.chat.current) {
      this.region?.announce(say("web-heard", { name, text }));
    } else if (room.isPrivate) {
      this.region?.announce(say("web-heard-private", { name, text }));
    } else {
      this.region?.announce(say("web-heard-mention", { name, room: room.title, text }));
    }
  }

  #tell(text: string, isTrouble: boolean): void {
    this.note = text === "" ? undefined : { text, isTrouble };
  }

  // Where one looks.

  #show(room: Room): void {
    this.#stay.session?.show(room);
    this.#attend();
  }

  #open(name: string): void {
    this.#stay.enter(name);
    this.#attend();
  }

  #talk(name: string): void {
    const room = this.#stay.session?.chat.conversation(name);
    if (room !== undefined) {
      this.#show(room);
    }
  }

  #say(session: Session, room: Room, text: string): void {
    session.send(room, text, room.replyTo);
    room.replyTo = undefined;
    this.#newAfter = undefined;
    this.list?.toEnd();
  }

  #reply(room: Room, id: string | undefined): void {
    room.replyTo = id;
    this.requestUpdate();
    this.composer?.focus();
  }

  /** Puts drawers away, and takes the keyboard to where one writes. */
  #attend(): void {
    this.#panes.draw(undefined);
    void this.updateComplete.then(() => this.composer?.focus());
  }

  /** Another room is shown: what was not seen of it is new. */
  #follow(room: Room | undefined): void {
    if (room === this.#shown) {
      return;
    }
    this.#shown = room;
    this.#newAfter = room?.seenBefore;
    if (room !== undefined) {
      showRoom(room.isPrivate ? undefined : room.name);
    }
  }

  readonly #looked = (event?: Event): void => {
    const isAtEnd = event instanceof CustomEvent ? (event.detail as boolean) : true;
    const isLooking = document.visibilityState === "visible" && document.hasFocus();
    this.#stay.session?.watch(isLooking && isAtEnd);
  };

  // What one can press.

  #key(event: KeyboardEvent): void {
    if (event.key === "Escape") {
      this.#attend();
    } else if (event.altKey && (event.key === "ArrowUp" || event.key === "ArrowDown")) {
      event.preventDefault();
      const rooms = this.#stay.session?.chat.rooms ?? [];
      const at = rooms.indexOf(this.#stay.session?.chat.current as Room);
      const step = event.key === "ArrowDown" ? 1 : rooms.length - 1;
      const next = rooms[(at + step) % rooms.length];
      if (next !== undefined) {
        this.#show(next);
      }
    }
  }

  /** Opens a drawer and takes the keyboard into it, or puts it away. */
  async #draw(drawer: Drawer | undefined): Promise<void> {
    const before = this.#panes.drawer;
    this.#panes.draw(drawer);
    await this.updateComplete;
    if (drawer !== undefined) {
      this.renderRoot.querySelector<HTMLElement>(".drawn .close-drawer")?.focus();
    } else if (before !== undefined) {
      this.composer?.focus();
    }
  }

  async #toggleMembers(): Promise<void> {
    this.#panes.toggleMembers();
    await this.#draw(this.#panes.drawer);
  }

  #toggleWire(): void {
    void this.#load(this.#panes.toggleWire());
  }

  /** Waits for a part of the page that is loaded when it is wanted. */
  async #load(part: Promise<void>): Promise<void> {
    try {
      await part;
    } catch {
      this.#tell(say("web-not-loaded-now"), true);
    }
  }

  async #closeSettings(): Promise<void> {
    if (this.#panes.areSettingsOpen) {
      this.#panes.closeSettings();
      this.#tell("", false);
      await this.updateComplete;
      this.composer?.focus();
    }
  }

  async #copyLink(room: Room): Promise<void> {
    const address = linkTo(room.name);
    try {
      await navigator.clipboard.writeText(address);
      this.#tell(say("web-link-copied"), false);
    } catch {
      this.#tell(address, true); // no clipboard here: one can copy it by hand
    }
  }

  async #choose(change: Partial<Memories>): Promise<void> {
    this.memories = remember(change);
    this.setAttribute("theme", this.memories.theme);
    if (change.language !== undefined) {
      await this.#speak(choose([change.language || null, ...navigator.languages]));
    }
    if (change.notifications === true && !(await this.#notifier.ask())) {
      this.memories = remember({ notifications: false });
      this.#tell(say("web-notifications-denied"), true);
    }
  }

  async #speak(language: (typeof LANGUAGES)[number]): Promise<void> {
    speak(await load(language));
    document.documentElement.lang = words().language;
  }
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
