"""The application that fills the screen: it lays the widgets out, and joins them to the session."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import ClassVar, Final

import msgspec
from textual import on
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.driver import Driver
from textual.filter import Monochrome
from textual.timer import Timer

from causerie.client.machine.events import Unknown
from causerie.client.machine.states import Connecting, Disconnected, Reconnecting
from causerie.language import Words
from causerie.tui.lines import Line, Style, line
from causerie.tui.local_time import local_time
from causerie.tui.sanitise import sanitise_name
from causerie.tui.screen.chat_state import Room
from causerie.tui.screen.completing import Completions, complete
from causerie.tui.screen.composer import Composer
from causerie.tui.screen.drawing import Scene
from causerie.tui.screen.help_screen import HelpScreen
from causerie.tui.screen.line_view import LineView
from causerie.tui.screen.listing import (
    SPINS,
    footer,
    header,
    member_rows,
    reply_row,
    room_rows,
    terminal_title,
    typing_row,
)
from causerie.tui.screen.memory import Memory
from causerie.tui.screen.message_list import MessageList
from causerie.tui.screen.pieces import (
    Complete,
    Discard,
    Emphasis,
    Jump,
    Load,
    Piece,
    Reply,
    Retry,
    Show,
    Tell,
    TryNow,
    broken,
)
from causerie.tui.screen.preferences import Preferences
from causerie.tui.screen.rows import EntryRow, Layout
from causerie.tui.screen.session import Session
from causerie.tui.screen.themes import DARK, LIGHT

MEMBERS_FROM: Final = 100
"""Columns; below, the members are hidden unless one asks for them."""

ROOMS_FROM: Final = 60
"""Columns; below, the rooms are."""

ROOMS_WIDTH, MEMBERS_WIDTH = 21, 23
"""Columns of the lists beside their borders, as the stylesheet has them."""

_PUSH_TITLE, _POP_TITLE = "\x1b[22;2t", "\x1b[23;2t"


class ChatApp(App[None]):
    """The screen. It is where a session is shown (`session.Face`)."""

    CSS_PATH = "screen.tcss"
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f1", "help", show=False, priority=True),
        Binding("f2", "theme", show=False, priority=True),
        Binding("f3", "ring", show=False, priority=True),
        Binding("f5", "toggle_rooms", show=False, priority=True),
        Binding("f6", "toggle_members", show=False, priority=True),
        Binding("alt+up,ctrl+p", "room(-1)", show=False, priority=True),
        Binding("alt+down,ctrl+n", "room(1)", show=False, priority=True),
        Binding("alt+a", "unread", show=False, priority=True),
        *(
            Binding(f"alt+{number}", f"numbered({number})", show=False, priority=True)
            for number in range(1, 10)
        ),
        Binding("pageup", "page(-1)", show=False, priority=True),
        Binding("pagedown", "page(1)", show=False, priority=True),
        Binding("ctrl+home", "start", show=False, priority=True),
        Binding("ctrl+end", "newest", show=False, priority=True),
        Binding("ctrl+r", "choose", show=False),
        Binding("ctrl+t", "try_now", show=False, priority=True),
        Binding("ctrl+q", "end_chat", show=False, priority=True),
        Binding("ctrl+c", "interrupt", show=False, priority=True),
    ]

    def __init__(
        self,
        words: Words,
        *,
        room: str,
        max_attempts: int | None,
        colour: bool,
        memory: Memory,
        preferences: Preferences,
        keep: Callable[[Preferences], None],
        interrupted: Callable[[], None],
        driver: type[Driver] | None = None,
    ) -> None:
        super().__init__(driver_class=driver)
        self.fault: Exception | None = None
        """A fault of ours that has ended the screen."""
        self.session = Session(words, self, room=room, max_attempts=max_attempts, memory=memory)
        self._words = words
        self._preferences = preferences
        self._keep = keep
        self._interrupted = interrupted
        self._is_changed = False
        self._laid_out: object = None
        self._drawn_for = ""
        self._shown: Room | None = None
        self._layout: Layout | None = None
        self._new_after: int | None = None
        self._answers: Sequence[Line] = ()
        self._are_rooms_shown: bool | None = None
        self._are_members_shown: bool | None = None
        self._title = ""
        self._ticking: Timer | None = None
        self.register_theme(DARK)
        self.register_theme(LIGHT)
        self.theme = LIGHT.name if preferences.theme == "light" else DARK.name
        if not (colour or self.no_color):
            self._filters.append(Monochrome())

    def compose(self) -> ComposeResult:
        """Makes the widgets."""
        yield LineView(id="header")
        yield LineView(id="trouble")
        with Horizontal(id="middle"):
            yield LineView(id="rooms")
            with Vertical(id="center"):
                yield MessageList(id="messages")
                yield LineView(id="newest")
                yield LineView(id="answer")
                yield LineView(id="choices")
                yield LineView(id="typing")
                yield LineView(id="reply")
                yield Composer(self._complete, self._submit, id="composer")
            yield LineView(id="members")
        yield LineView(id="footer")

    def on_mount(self) -> None:
        """Begins."""
        self._write(_PUSH_TITLE)
        self._ticking = self.set_interval(1 / SPINS, self._tick, pause=True)
        self._composer.focus()
        self._update()

    def _handle_exception(self, error: Exception) -> None:
        if self.fault is None:
            self.fault = error
        super()._handle_exception(error)

    def _fatal_error(self) -> None:
        # Textual's own has the traceback printed, with what people wrote among its variables.
        self._close_messages_no_wait()

    def on_unmount(self) -> None:
        """Ends."""
        self._write(_POP_TITLE)

    # What a session and a stay tell.

    def changed(self) -> None:
        """Something may read differently now; it is drawn once a turn, however much has changed."""
        if not self._is_changed:
            self._is_changed = True
            self.call_later(self._update)

    def show(self, lines: Sequence[Line]) -> None:
        """Shows what answers the person, until they go on."""
        self._answers = lines
        self.changed()

    def called(self) -> None:
        """Something calls for the person."""
        if self._preferences.bell:
            self.bell()

    def help(self) -> None:
        """Shows what keys and commands there are."""
        self.call_later(self.action_help)

    # What is shown.

    @property
    def _messages(self) -> MessageList:
        return self.screen_stack[0].query_one("#messages", MessageList)

    @property
    def _composer(self) -> Composer:
        return self.screen_stack[0].query_one("#composer", Composer)

    @property
    def _is_laid_out(self) -> bool:
        """The widgets are there: what is told before or after is not shown."""
        return bool(self.screen_stack) and bool(self.screen_stack[0].query("#footer"))

    def _view(self, name: str) -> LineView:
        return self.screen_stack[0].query_one(f"#{name}", LineView)

    def _update(self) -> None:
        """Shows everything as it is now."""
        self._is_changed = False
        if not self._is_laid_out:
            return
        chat, room = self.session.chat, self.session.chat.current
        is_other = room is not self._shown
        if is_other:
            self._turn_to(room)
        if room is not None and room.seen_before is not None:
            self._new_after, room.seen_before = room.seen_before, None
        self._show_messages(room, is_other=is_other)
        self._show_around(room)
        title = terminal_title(chat)
        if title != self._title:
            self._title = title
            self._write(f"\x1b]2;{title}\x07")
        is_moving = isinstance(chat.state, Connecting | Disconnected | Reconnecting)
        if self._ticking is not None:
            (self._ticking.resume if is_moving else self._ticking.pause)()

    def _turn_to(self, room: Room | None) -> None:
        """Another room is looked at."""
        if self._shown is not None:
            self._shown.draft = self._composer.text  # of the last key nobody may have told yet
        self._shown = room
        self._layout = Layout(room, local_time) if room is not None else None
        self._new_after = None
        self._composer.put(room.draft if room is not None else "")
        is_private = room is not None and room.is_private
        self._messages.set_class(is_private, "is-private")
        self._composer.set_class(is_private, "is-private")
        self.session.watch(is_watching=self.app_focus)

    def _show_messages(self, room: Room | None, *, is_other: bool) -> None:
        chat = self.session.chat
        if room is None or self._layout is None:
            self._messages.put_room([], partial(self._scene, None), is_other=True)
            return
        timeline = room.timeline
        laid_out = (
            room,
            timeline.entries,
            timeline.pending,
            timeline.former,
            timeline.holes,
            timeline.has_earlier,
            room.notices,
            self._new_after,
            chat.username,
        )
        if laid_out != self._laid_out:
            self._laid_out = laid_out
            if chat.username != self._drawn_for:
                self._drawn_for = chat.username
                self._messages.redraw()  # other messages call one
            rows = self._layout.rows(chat.username, self._new_after)
            self._messages.put_room(rows, partial(self._scene, room), is_other=is_other)

    def _scene(self, room: Room | None, columns: int) -> Scene:
        chat = self.session.chat
        return Scene(
            words=self._words,
            columns=columns,
            username=chat.username,
            title=room.title if room is not None else "",
            is_private=room is not None and room.is_private,
            find=room.timeline.find if room is not None else lambda _: None,
            ack_ms=chat.ack_ms,
        )

    def _show_around(self, room: Room | None) -> None:
        """Shows all that stands around the messages."""
        words, chat = self._words, self.session.chat
        width = self.size.width
        rooms, members = self._view("rooms"), self._view("members")
        rooms.display = _or_else(self._are_rooms_shown, width >= ROOMS_FROM)
        has_company = room is not None and not room.is_private
        members.display = has_company and _or_else(self._are_members_shown, width >= MEMBERS_FROM)
        rooms.put(room_rows(words, chat, ROOMS_WIDTH))
        members.put(member_rows(words, room, chat.username, MEMBERS_WIDTH))
        self._show_header()
        inner = self._messages.viewport.columns
        self._view("typing").put([typing_row(words, room, inner)])
        self._show_reply(room, inner)
        self._show_newest(room)
        self._show_answer(inner)
        self._show_choices()
        is_choosing = self._messages.is_choosing
        self._view("footer").put([footer(words, width, is_choosing=is_choosing)])
        self._composer.invite(self._invitation(room))

    def _show_header(self) -> None:
        session = self.session
        rows = header(
            self._words, session.chat, session.standing, session.now, max(1, self.size.width)
        )
        self._view("header").put(rows)
        trouble = tuple(Piece(text, style) for text, style in session.trouble)
        view = self._view("trouble")
        view.display = bool(trouble)
        view.put([(Piece(" "), *part) for part in broken(trouble, max(1, self.size.width - 2))])

    def _show_reply(self, room: Room | None, columns: int) -> None:
        view = self._view("reply")
        view.display = room is not None and bool(room.reply_to)
        if room is not None and room.reply_to:
            view.put([reply_row(self._words, room, columns)])

    def _show_newest(self, room: Room | None) -> None:
        view = self._view("newest")
        view.display = room is not None and not self._messages.is_at_end
        if room is not None:
            unread, newest = room.unread, self._words("screen-press-newest")
            text = self._words("web-unread", count=unread) if unread else ""
            text = f" ↓ {text or self._words('web-to-latest')} ({newest})"
            style = Style.WAITING if unread else Style.NEWS
            view.put([(Piece(text, style, Emphasis.BOLD, act=Jump("")),)])

    def _show_answer(self, columns: int) -> None:
        view = self._view("answer")
        view.display = bool(self._answers)
        pieces = [tuple(Piece(*span) for span in answer) for answer in self._answers]
        rows = [(Piece("  "), *part) for one in pieces for part in broken(one, max(1, columns - 3))]
        view.put(rows)

    def _show_choices(self) -> None:
        view, composer = self._view("choices"), self._composer
        view.display = bool(composer.choices)
        view.put(
            [
                (
                    Piece(
                        f"{'▸' if place == composer.chosen else ' '} {sanitise_name(choice.shown)}",
                        Style.OWN if place == composer.chosen else Style.PLAIN,
                        Emphasis.BOLD if place == composer.chosen else Emphasis.NONE,
                        act=Complete(place),
                    ),
                )
                for place, choice in enumerate(composer.choices)
            ]
        )

    def _invitation(self, room: Room | None) -> str:
        if room is None:
            return self._words("no-room")
        if room.is_private:
            return self._words("web-write-to", name=sanitise_name(room.title))
        return self._words("web-write-in", room=sanitise_name(room.title))

    def _tick(self) -> None:
        """Time has passed while one waits for a connection."""
        if self._is_laid_out:
            self._show_header()

    def _write(self, sequence: str) -> None:
        if self._driver is not None and not self.is_headless:
            self._driver.write(sequence)

    # What the person does.

    def _submit(self, text: str) -> bool:
        """Takes what was written; answers whether it is to be taken away."""
        self._answers = ()
        # Where it was written: another room may have come meanwhile, and is not shown yet.
        room = self._shown
        is_taken = self.session.submit(text, room)
        if is_taken:
            if room is not None:
                room.draft = ""
            self._new_after = None
            self._messages.to_end()
        self.changed()
        return is_taken

    @on(Composer.Edited)
    def _edited(self) -> None:
        room = self.session.chat.current
        if room is not None and room is self._shown:
            is_other = room.draft != self._composer.text
            room.draft = self._composer.text
            if is_other:
                self.session.typing(room.draft)

    @on(Composer.Offered)
    def _offered(self) -> None:
        self._show_choices()

    @on(Composer.Cancelled)
    def _cancelled(self) -> None:
        room = self.session.chat.current
        self._messages.unmark()
        if self._answers:
            self._answers = ()
        elif room is not None:
            room.reply_to = ""
        self._update()

    @on(Composer.Ended)
    def _ended(self) -> None:
        self.session.end()

    @on(MessageList.Earlier)
    def _earlier(self) -> None:
        room = self.session.chat.current
        if room is not None and room.timeline.entries:
            self.session.load_earlier(room)

    @on(MessageList.Watched)
    def _watched(self) -> None:
        self._watch()

    @on(MessageList.Done)
    def _done(self) -> None:
        self._composer.focus()
        self._update()

    def watch_app_focus(self, _: bool) -> None:
        """The terminal's window is looked at, or is not any more."""
        if self._is_laid_out:
            self._watch()

    def _watch(self) -> None:
        is_watching = self.app_focus and self._messages.is_at_end
        room = self.session.chat.current
        if not is_watching and self._new_after is None and room is not None:
            self._new_after = room.timeline.last or None  # what comes from now on is new
        self.session.watch(is_watching=is_watching)
        self.changed()

    @on(LineView.Acted)
    def _acted(self, event: LineView.Acted) -> None:
        room = self.session.chat.current
        match event.act:
            case Show(room=name) if shown := self.session.chat.room(name):
                self.session.show(shown)
            case Tell(name=name):
                self.session.talk_to(name)
            case Reply(id=id) if room is not None:
                room.reply_to = id
            case Jump(id=""):
                self._messages.to_end()
            case Jump(id=id):
                self._jump(id)
            case Retry(id=id):
                self.session.retry(id)
            case Discard(id=id):
                self.session.discard(id)
            case Load(seq=seq) if room is not None:
                self.session.fill(room, seq)
            case Complete(place=place):
                self._composer.choose(place)
            case TryNow():
                self.session.try_now()
            case _:
                pass
        if not self._messages.is_choosing:
            self._composer.focus()
        self._update()

    def _jump(self, id: str) -> None:
        """Goes to a message that is loaded, and marks it."""
        rows = self._messages.viewport.rows
        found = [
            row.key
            for row in rows
            if isinstance(row, EntryRow)
            and not isinstance(row.entry, Unknown)
            and row.entry.id == id
        ]
        if found:
            self._messages.reveal(found[0])

    def _complete(self, text: str) -> Completions:
        rooms = [room.title for room in self.session.chat.rooms if not room.is_private]
        peers = [room.title for room in self.session.chat.rooms if room.is_private]
        names = dict.fromkeys([*self.session.names(), *peers])
        names.pop(self.session.chat.username, None)
        return complete(text, names=names, rooms=rooms)

    def on_resize(self) -> None:
        """The terminal is another size."""
        self.changed()

    async def action_help(self) -> None:
        """Shows what keys and commands there are, or shows it no more."""
        if len(self.screen_stack) == 1:
            await self.push_screen(HelpScreen(self._words))
        else:
            await self.pop_screen()

    def action_theme(self) -> None:
        """Light or dark."""
        is_dark = self.theme == DARK.name
        self.theme = LIGHT.name if is_dark else DARK.name
        self._prefer(theme="light" if is_dark else "dark")

    def action_ring(self) -> None:
        """Rings from now on, or does not."""
        self._prefer(bell=not self._preferences.bell)
        key = "screen-bell-on" if self._preferences.bell else "screen-bell-off"
        self.show([line(self._words(key), Style.NEWS)])

    def action_toggle_rooms(self) -> None:
        """Shows or hides the rooms."""
        self._are_rooms_shown = not self._view("rooms").display
        self._update()

    def action_toggle_members(self) -> None:
        """Shows or hides the members."""
        self._are_members_shown = not self._view("members").display
        self._update()

    def action_room(self, step: int) -> None:
        """Looks at the next room, or the one before."""
        self._after_typing(partial(self._go, step))

    def _after_typing(self, turn: Callable[[], None]) -> None:
        """Turns to another room between the keys that were pressed before and after."""

        def turned() -> None:
            turn()
            self._update()

        self._composer.call_later(turned)

    def _go(self, step: int) -> None:
        rooms, current = self.session.chat.rooms, self.session.chat.current
        if current is not None:
            self.session.show(rooms[(rooms.index(current) + step) % len(rooms)])

    def action_numbered(self, number: int) -> None:
        """Looks at a room by its place in the list."""
        rooms = self.session.chat.rooms
        if number <= len(rooms):
            self._after_typing(partial(self.session.show, rooms[number - 1]))

    def action_unread(self) -> None:
        """Looks at the next room with something unread: at one that calls, first."""
        self._after_typing(self._go_to_unread)

    def _go_to_unread(self) -> None:
        rooms, current = self.session.chat.rooms, self.session.chat.current
        start = rooms.index(current) + 1 if current is not None else 0
        others = [*rooms[start:], *rooms[:start]]
        for wanted in (lambda room: room.calls, lambda room: room.unread):
            if room := next(filter(wanted, others), None):
                self.session.show(room)
                return

    def action_page(self, pages: int) -> None:
        """Goes up or down by a page."""
        if len(self.screen_stack) > 1:
            view = self.screen.query_one(LineView)
            view.scroll_relative(y=pages * (view.size.height - 1), animate=False)
        else:
            self._messages.page(pages)

    def action_start(self) -> None:
        """Goes to the first message that is loaded."""
        self._messages.to_start()

    def action_newest(self) -> None:
        """Goes to the newest message."""
        self._messages.to_end()

    def action_choose(self) -> None:
        """Chooses a message with the keys."""
        self._messages.begin_choosing()
        self._update()

    def action_try_now(self) -> None:
        """Tries to connect at once."""
        self.session.try_now()

    def action_end_chat(self) -> None:
        """Ends the chat, as soon as all is delivered: what was typed before goes before."""
        self._composer.post_message(Composer.Ended())

    def action_interrupt(self) -> None:
        """Ends the chat at once."""
        self._interrupted()

    def _prefer(self, **changes: object) -> None:
        self._preferences = msgspec.structs.replace(self._preferences, **changes)
        self._keep(self._preferences)


def _or_else(wish: bool | None, default: bool) -> bool:
    return default if wish is None else wish
