"""What stands around the messages: rooms, members, who is typing, the connection, the keys."""

from collections.abc import Iterator, Sequence
from typing import Final, assert_never

from causerie.client.machine.events import Unknown
from causerie.client.machine.states import Closed, Connected, Connecting, Disconnected, Reconnecting
from causerie.language import Words
from causerie.tui.commands import COMMANDS, MOST_HISTORY
from causerie.tui.lines import Style
from causerie.tui.sanitise import sanitise_name
from causerie.tui.screen.chat_state import ChatState, Room
from causerie.tui.screen.drawing import hue_of
from causerie.tui.screen.mentions import fold
from causerie.tui.screen.pieces import (
    BLANK,
    Drawn,
    Emphasis,
    Piece,
    Show,
    Tell,
    TryNow,
    broken,
    text_of,
)
from causerie.tui.standing import Standing
from causerie.tui.wording import typing_sentence
from causerie.tui.wrapping import shortened, width_of

SPINNER: Final = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
SPINS: Final = 8
"""Steps of the spinner in a second."""

MOST_COUNTED: Final = 99
"""Unread messages; of more it is said that they are more."""

NUMBERED: Final = 9
"""Rooms that a number leads to."""

PUBLIC, PRIVATE = "#", "🔒"

KEYS: Final = (
    ("help", "F1"),
    ("room", "Alt+↑↓  Ctrl+P  Ctrl+N"),
    ("number", "Alt+1 … Alt+9"),
    ("unread", "Alt+A"),
    ("scroll", ""),
    ("ends", ""),
    ("choose", "Ctrl+R"),
    ("newline", ""),
    ("complete", "Tab"),
    ("typed", "↑  ↓"),
    ("cancel", ""),
    ("select", ""),
    ("rooms", "F5"),
    ("members", "F6"),
    ("try", "Ctrl+T"),
    ("theme", "F2"),
    ("bell", "F3"),
    ("quit", "Ctrl+Q"),
    ("stop", "Ctrl+C"),
)
"""The end of what the catalogue has about each key (`screen-key-help`), and the key; nothing, where
the catalogue has that too, as keyboards call it in each language (`screen-press-scroll`)."""


def room_rows(words: Words, chat: ChatState, columns: int) -> list[Drawn]:
    """The rooms, and then the private conversations, with what is unread."""
    rows: list[Drawn] = []
    is_private = None
    for number, room in enumerate(chat.rooms, 1):
        if room.is_private != is_private:
            is_private = room.is_private
            head = words("web-conversations") if is_private else words("web-rooms")
            rows += [BLANK] if rows else []
            rows.append((Piece(f" {shortened(head, columns - 2)}", Style.NEWS, Emphasis.BOLD),))
        rows.append(_room(room, number, columns, is_current=room is chat.current))
    return rows


def _room(room: Room, number: int, columns: int, *, is_current: bool) -> Drawn:
    marker = PRIVATE if room.is_private else PUBLIC
    style = Style.PRIVATE if room.is_private else Style.PLAIN
    if not (room.unread or is_current or room.is_private):
        style = Style.NEWS
    count = ""
    if room.unread:
        count = f"{MOST_COUNTED}+" if room.unread > MOST_COUNTED else str(room.unread)
        count = f" ●{count}" if room.calls else f" {count}"
    key = str(number) if number <= NUMBERED else " "
    left = f"{'▌' if is_current else ' '}{key} "
    head = f"{marker}{' ' if room.is_private else ''}"
    room_for = columns - width_of(left) - width_of(head) - width_of(count) - 1
    title = shortened(sanitise_name(room.title), max(1, room_for))
    gap = " " * max(0, room_for - width_of(title))
    emphasis = Emphasis.BOLD if room.unread or is_current else Emphasis.NONE
    act = Show(room.name)
    return (
        Piece(left, Style.OWN if is_current else Style.TIME, act=act),
        Piece(head, style, emphasis, act=act),
        Piece(title + gap, style, emphasis, act=act),
        Piece(count, Style.BAD if room.calls else Style.WAITING, Emphasis.BOLD, act=act),
    )


def member_rows(words: Words, room: Room | None, username: str, columns: int) -> list[Drawn]:
    """Who is in a room, as far as they are known by name, and how many others there are."""
    if room is None or not room.company.members:
        return []
    members, names = room.company
    head = words("web-members", count=members)
    rows: list[Drawn] = [
        (Piece(f" {shortened(head, columns - 2)}", Style.NEWS, Emphasis.BOLD),),
    ]
    for name in names:
        is_own = fold(name) == fold(username)
        you = f" {words('web-you')}" if is_own else ""
        shown = shortened(sanitise_name(name), columns - 4 - width_of(you))
        act = None if is_own else Tell(name)
        hue = None if is_own else hue_of(name)
        style = Style.OWN if is_own else Style.NAME
        rows.append(
            (
                Piece(" ● ", Style.GOOD, act=act),
                Piece(shown, style, act=act, hue=hue),
                Piece(you, Style.TIME),
            )
        )
    if members > len(names):
        more = words("web-members-more", count=members - len(names))
        rows.append((Piece(f"   {shortened(more, columns - 4)}", Style.NEWS),))
    return rows


def header(
    words: Words, chat: ChatState, standing: Standing, now: float, columns: int
) -> list[Drawn]:
    """The room that is looked at, and how the connection stands."""
    pill = _pill(words, chat, standing, now)
    taken = width_of(text_of(pill))
    title = _title(words, chat.current, max(0, columns - taken - 2))
    gap = columns - width_of(text_of(title)) - taken - 1
    return [(*title, Piece(" " * max(1, gap)), *pill)]


def _title(words: Words, room: Room | None, columns: int) -> Drawn:
    if room is None:
        return (Piece(f" {shortened(words('web-nowhere'), columns - 1)}", Style.NEWS),)
    name = sanitise_name(room.title)
    if room.is_private:
        text = shortened(f"{PRIVATE} {words('web-private-with', name=name)}", columns - 1)
        return (Piece(f" {text}", Style.PRIVATE, Emphasis.BOLD),)
    shown = shortened(f"{PUBLIC} {name}", columns - 1)
    members = words("web-members", count=room.company.members) if room.company.members else ""
    rest = shortened(members, max(0, columns - 4 - width_of(shown)))
    return (
        Piece(f" {shown}", emphasis=Emphasis.BOLD),
        Piece(f" · {rest}" if len(rest) > 1 else "", Style.TIME),
    )


def _pill(words: Words, chat: ChatState, standing: Standing, now: float) -> Drawn:
    spans = tuple(Piece(text, style) for text, style in standing.words(now))
    spinner = Piece(f"{SPINNER[int(now * SPINS) % len(SPINNER)]} ", Style.WAITING)
    match chat.state:
        case Connecting() | Reconnecting():
            return (spinner, *spans)
        case Connected() | Closed():
            dot = Style.GOOD if isinstance(chat.state, Connected) else Style.BAD
            return (Piece("● ", dot), *spans)
        case Disconnected():
            return (
                Piece(f"● {words('disconnected')} ", Style.BAD, Emphasis.BOLD),
                spinner,
                *(piece._replace(style=Style.WAITING) for piece in spans),
                Piece(" "),
                Piece(f"[{words('web-try-now')} Ctrl+T]", Style.NAME, act=TryNow()),
            )
        case _:
            assert_never(chat.state)


def typing_row(words: Words, room: Room | None, columns: int) -> Drawn:
    """Who is typing."""
    sentence = typing_sentence(words, room.typists) if room is not None else ""
    return (Piece(f"  {shortened(sentence, columns - 2)}", Style.NAME, Emphasis.ITALIC),)


def reply_row(words: Words, room: Room, columns: int) -> Drawn:
    """Which message is being answered."""
    answered = room.timeline.find(room.reply_to)
    if answered is None or isinstance(answered, Unknown):
        name = words("web-earlier-message")
    else:
        name = sanitise_name(answered.username)
    text = words("web-answering", name=name)
    escape = f" ({words('screen-press-cancel')}: {words('web-cancel')})"
    return (
        Piece(f"  ↱ {shortened(text, columns - 4 - width_of(escape))}", Style.OWN, Emphasis.BOLD),
        Piece(escape, Style.TIME),
    )


def footer(words: Words, columns: int, *, is_choosing: bool) -> Drawn:
    """The keys that one needs most."""
    text = words("screen-choosing") if is_choosing else words("screen-footer")
    if width_of(text) > columns - 2 and not is_choosing:
        text = words("screen-footer-short")
    return (Piece(f" {shortened(text, columns - 2)}", Style.NEWS),)


def help_rows(words: Words, columns: int) -> list[Drawn]:
    """All keys, and all commands."""
    keys = [
        (key or words(f"screen-press-{about}"), words(f"screen-key-{about}")) for about, key in KEYS
    ]
    commands = [
        (words(f"usage-{name}"), words(f"help-{name}", most=MOST_HISTORY)) for name in COMMANDS
    ]
    commands.append((words("usage-text"), words("help-text")))
    head = (Piece(words("help-head"), emphasis=Emphasis.BOLD),)
    return [
        (Piece(words("screen-keys"), emphasis=Emphasis.BOLD),),
        *_table(keys, columns),
        BLANK,
        *broken(head, columns),
        *_table(commands, columns),
        BLANK,
        (Piece(words("screen-closes"), Style.NEWS),),
    ]


def _table(rows: Sequence[tuple[str, str]], columns: int) -> Iterator[Drawn]:
    """Two columns, of which the second is broken to what the first leaves; under it, where that is
    too little.
    """
    width = max(width_of(left) for left, _ in rows) + 4
    is_wide = columns - width >= width
    for left, right in rows:
        key = Piece(f"  {left}{' ' * (width - 2 - width_of(left))}", Style.NAME)
        indent = " " * (width if is_wide else 6)
        first, *others = broken((Piece(right),), max(1, columns - len(indent)))
        if is_wide:
            yield (key, *first)
        else:
            yield (Piece(shortened(key.text.rstrip(), columns), Style.NAME),)
            others = [first, *others]
        yield from ((Piece(indent), *other) for other in others)


def terminal_title(chat: ChatState) -> str:
    """What the window is called: how much is unread, and the room."""
    unread, calls = chat.unread
    count = f"({unread}{'!' if calls else ''}) " if unread else ""
    room = chat.current
    if room is None:
        return f"{count}Causerie"
    marker = "@" if room.is_private else PUBLIC
    return f"{count}{marker}{sanitise_name(room.title)} · Causerie"
