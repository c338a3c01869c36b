"""How a row of a room reads: rows of text, broken to a width. What others wrote is made harmless.

Nothing here knows a terminal; widths are in columns.
"""

import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Final, NamedTuple, assert_never

from causerie.client.machine.events import Entry, Unknown
from causerie.language import Words
from causerie.tui.lines import Style
from causerie.tui.sanitise import one_line, sanitise, sanitise_name
from causerie.tui.screen.markup import Bold, Code, Fence, Italic, Link, Text, Token, read
from causerie.tui.screen.mentions import fold, mentions
from causerie.tui.screen.pieces import (
    BLANK,
    Discard,
    Drawn,
    Emphasis,
    Jump,
    Load,
    Piece,
    Reply,
    Retry,
    broken,
    text_of,
)
from causerie.tui.screen.rows import (
    BeginningRow,
    BreakRow,
    DayRow,
    EntryRow,
    HoleRow,
    NewRow,
    NoticeRow,
    PendingRow,
    Row,
)
from causerie.tui.screen.timeline import Pending
from causerie.tui.wrapping import shortened, width_of

HUES: Final = 6
"""Colours of names."""

QUOTED: Final = 120
"""Code points of a message that is answered, as far as it is shown."""

NARROWEST: Final = 8
"""Columns; below, nothing is drawn for fewer."""

FEWEST_OF_NAME: Final = 8
"""Columns of a name that are shown before anything else beside it."""

MARGIN: Final = "▎"
"""Stands before one's own messages, private ones, and those that call one."""


class Scene(NamedTuple):
    """What the rows of a room need to know besides themselves."""

    words: Words
    columns: int
    username: str
    title: str
    """What people call the room."""
    is_private: bool
    find: Callable[[str], Entry | None]
    """The message of an id, if it is loaded."""
    ack_ms: Mapping[str, float]


def draw(row: Row, scene: Scene) -> list[Drawn]:
    """Draws a row of a room."""
    words, columns = scene.words, max(NARROWEST, scene.columns)
    match row:
        case EntryRow():
            return list(_entry(row, scene, columns))
        case PendingRow():
            return list(_pending(row, scene, columns))
        case BeginningRow():
            return [*_beginning(scene, columns), BLANK]
        case DayRow(day=day):
            return [_ruled(day_in_words(words, day), columns, Style.NEWS)]
        case NewRow():
            return [_ruled(words("web-new-messages"), columns, Style.BAD)]
        case BreakRow():
            return [_ruled(words("gap-unknown"), columns, Style.BAD)]
        case HoleRow(hole=hole, before=before):
            if hole.missing is None:
                what = words("gap-unknown")
            else:
                what = words("web-not-loaded", count=hole.missing)
            load = Piece(
                f"[{words('web-load')}]", Style.NAME, emphasis=Emphasis.BOLD, act=Load(before)
            )
            line = (Piece(f"⋯ {what} ", Style.WAITING, act=Load(before)), load)
            return [(Piece("  "), *part) for part in broken(line, columns - 2)]
        case NoticeRow(message=message):
            line = (
                Piece(f"{words('system')}: ", Style.WAITING),
                Piece(" ".join(sanitise(message).split())),
            )
            return [(Piece("  "), *part) for part in broken(line, columns - 2)]
        case _:
            assert_never(row)


def hue_of(name: str) -> int:
    """Which of the colours of names somebody has, everywhere and always."""
    return zlib.crc32(fold(name).encode()) % HUES


def day_in_words(words: Words, day: date) -> str:
    """A day, as a calendar has it."""
    weekday = words("screen-weekdays").split(" ")[day.weekday()]
    month = words("screen-months").split(" ")[day.month - 1]
    key = "screen-first-of-month" if day.day == 1 else "screen-day"
    return words(key, weekday=weekday, day=day.day, month=month, year=day.year)


def milliseconds(words: Words, ms: float) -> str:
    """A duration, with a digit after the point where it is short."""
    return words.decimal(ms) if ms < 10 else str(round(ms))


def _beginning(scene: Scene, columns: int) -> Iterator[Drawn]:
    words, name = scene.words, sanitise_name(scene.title)
    if scene.is_private:
        head, about = words("web-private-with", name=name), words("web-private-begins", name=name)
    else:
        head, about = f"# {name}", words("screen-room-begins")
    style = Style.PRIVATE if scene.is_private else Style.PLAIN
    yield BLANK
    for text, shown in ((head, Piece(head, style, Emphasis.BOLD)), (about, Piece(about))):
        style = Style.NEWS if text is about else shown.style
        for part in broken((shown._replace(style=style),), columns - 2):
            yield (Piece("  "), *part)


def _ruled(text: str, columns: int, style: Style) -> Drawn:
    shown = shortened(text, columns - 6)
    rest = columns - width_of(shown) - 4
    return (
        Piece("──", style),
        Piece(f" {shown} ", style, Emphasis.BOLD),
        Piece("─" * max(0, rest), style),
    )


def _entry(row: EntryRow, scene: Scene, columns: int) -> Iterator[Drawn]:
    entry = row.entry
    if isinstance(entry, Unknown):
        content = scene.words("unknown-entry")
        body: Sequence[Drawn] = [(Piece(content, Style.NEWS, Emphasis.ITALIC),)]
        answered, calls = None, False
    else:
        content = sanitise(entry.content)
        body = _body(content, columns - 2)
        answered = entry.reply_to
        calls = not row.is_own and mentions(content, scene.username)
    style = _margin_style(scene, is_own=row.is_own, calls=calls)
    act = Reply(entry.id)
    if not row.follows:
        yield _head(entry.username, row.at, scene, columns, style, is_own=row.is_own, act=act)
    if answered:
        yield _quote(answered, scene, columns, style)
    for line in body:
        for part in broken(line, columns - 2):
            yield (*_margin(style), *(_acting(piece, act) for piece in part))


def _pending(row: PendingRow, scene: Scene, columns: int) -> Iterator[Drawn]:
    pending = row.pending
    style = _margin_style(scene, is_own=True, calls=False)
    if not row.follows:
        yield _head(scene.username, row.at, scene, columns, style, is_own=True, act=None)
    if pending.reply_to:
        yield _quote(pending.reply_to, scene, columns, style)
    for line in _body(sanitise(pending.content), columns - 2):
        for part in broken(line, columns - 2):
            yield (*_margin(style), *(piece._replace(style=Style.EARLIER) for piece in part))
    for line in _state(pending, scene):
        for part in broken(line, columns - 2):
            yield (*_margin(style), *part)


def _state(pending: Pending, scene: Scene) -> list[Drawn]:
    """How far a message is; what one can do about it stands in a line of its own."""
    words = scene.words
    match pending.state:
        case "sending":
            return [(Piece(f"◌ {words('web-sending')}", Style.WAITING),)]
        case "sent":
            ms = scene.ack_ms.get(pending.id, 0)
            stored = words("web-stored-in", ms=milliseconds(words, ms))
            return [(Piece(f"✓ {stored}", Style.GOOD),)]
        case "failed":
            reason = " ".join(sanitise(pending.reason).split())
            retry, discard = f"[{words('web-retry')}]", f"[{words('web-discard')}]"
            return [
                (Piece(f"✗ {words('web-not-sent', reason=reason)}", Style.BAD),),
                (
                    Piece(retry, Style.NAME, Emphasis.BOLD, act=Retry(pending.id)),
                    Piece(" "),
                    Piece(discard, Style.NAME, Emphasis.BOLD, act=Discard(pending.id)),
                ),
            ]
        case _:
            assert_never(pending.state)


def _margin_style(scene: Scene, *, is_own: bool, calls: bool) -> Style:
    if scene.is_private:
        return Style.PRIVATE
    if calls:
        return Style.WAITING
    return Style.OWN if is_own else Style.PLAIN


def _margin(style: Style) -> Drawn:
    return (Piece(" " if style is Style.PLAIN else MARGIN, style), Piece(" "))


def _head(
    name: str,
    at: datetime,
    scene: Scene,
    columns: int,
    style: Style,
    *,
    is_own: bool,
    act: Reply | None,
) -> Drawn:
    shown = sanitise_name(name)
    you = f"  {scene.words('web-you')}" if is_own else ""
    rests = (f"  {at:%H:%M}{you}", f"  {at:%H:%M}", "")
    room_for = [columns - 2 - width_of(rest) for rest in rests]
    place = next((i for i, room in enumerate(room_for) if room >= FEWEST_OF_NAME), len(rests) - 1)
    rest, shown = rests[place], shortened(shown, room_for[place])
    return (
        *_margin(style),
        Piece(
            shown,
            Style.OWN if is_own else Style.NAME,
            Emphasis.BOLD,
            act=act,
            hue=None if is_own else hue_of(name),
        ),
        Piece(rest, Style.TIME, act=act),
    )


def _quote(id: str, scene: Scene, columns: int, style: Style) -> Drawn:
    answered = scene.find(id)
    if answered is None or isinstance(answered, Unknown):
        name, text, act = "", scene.words("web-earlier-message"), None
    else:
        name = f"{sanitise_name(answered.username)}: "
        text, act = one_line(_plain(answered.content), QUOTED), Jump(id)
    name = shortened(f"↱ {name}", columns - 2)
    text = shortened(text, columns - 2 - width_of(name))
    return (
        *_margin(style),
        Piece(name, Style.TIME, Emphasis.BOLD, act=act),
        Piece(text, Style.TIME, act=act),
    )


def _plain(content: str) -> str:
    """What is said, without the signs of its markup."""
    texts = ((token, text_of(_pieces(token, Emphasis.NONE))) for token in read(sanitise(content)))
    return "".join(f" {text} " if isinstance(token, Fence) else text for token, text in texts)


def _acting(piece: Piece, act: Reply) -> Piece:
    return piece if piece.act is not None or piece.link else piece._replace(act=act)


def _body(content: str, columns: int) -> Sequence[Drawn]:
    """The lines of a message."""
    lines: list[list[Piece]] = [[]]
    for token in read(content):
        if isinstance(token, Fence):
            if lines[-1]:
                lines.append([])
            for line in _fence(token, columns):
                lines[-1] = [line]
                lines.append([])
        else:
            for piece in _pieces(token, Emphasis.NONE):
                first, *others = piece.text.split("\n")
                lines[-1].append(piece._replace(text=first))
                lines += [[piece._replace(text=other)] for other in others]
    if len(lines) > 1 and not text_of(lines[-1]):
        lines.pop()  # what ends with a line break, or with code
    return [tuple(line) for line in lines]


def _fence(fence: Fence, columns: int) -> Iterator[Piece]:
    """Lines of code, all of one width, so that they look like one thing."""
    lines = fence.text.split("\n")
    width = min(columns, max(map(width_of, lines)) + 2)
    for line in lines:
        text = f" {line}"
        yield Piece(text + " " * (width - width_of(text)), emphasis=Emphasis.CODE)


def _pieces(token: Token, emphasis: Emphasis) -> Iterator[Piece]:
    match token:
        case Text(text=text):
            yield Piece(text, emphasis=emphasis)
        case Code(text=text) | Fence(text=text):
            yield Piece(text, emphasis=emphasis | Emphasis.CODE)
        case Link(address=address):
            yield Piece(address, emphasis=emphasis, link=address)
        case Bold(inner=inner):
            for one in inner:
                yield from _pieces(one, emphasis | Emphasis.BOLD)
        case Italic(inner=inner):
            for one in inner:
                yield from _pieces(one, emphasis | Emphasis.ITALIC)
        case _:
            assert_never(token)
