"""Pieces of text as the screen shows them: what they are, where they lead, what a click does."""

from collections.abc import Iterable, Iterator
from enum import Flag, auto
from typing import NamedTuple

from causerie.tui.lines import Style
from causerie.tui.wrapping import rows_of, width_of


class Emphasis(Flag):
    """How an author wants a piece read."""

    NONE = 0
    BOLD = auto()
    ITALIC = auto()
    CODE = auto()


class Reply(NamedTuple):
    """Answers a message."""

    id: str


class Jump(NamedTuple):
    """Goes to a message."""

    id: str


class Retry(NamedTuple):
    """Says once more what was not taken."""

    id: str


class Discard(NamedTuple):
    """Gives up what was not taken."""

    id: str


class Load(NamedTuple):
    """Loads what is missing before an entry."""

    seq: int


class Show(NamedTuple):
    """Looks at a room."""

    room: str


class Tell(NamedTuple):
    """Begins to write to one person."""

    name: str


class Complete(NamedTuple):
    """Puts a completion into what is being written."""

    place: int


class TryNow(NamedTuple):
    """Tries to connect at once."""


Act = Reply | Jump | Retry | Discard | Load | Show | Tell | Complete | TryNow
"""What happens when a piece is chosen."""


class Piece(NamedTuple):
    """A piece of a row."""

    text: str
    style: Style = Style.PLAIN
    emphasis: Emphasis = Emphasis.NONE
    link: str = ""
    """The address that it leads to."""
    act: Act | None = None
    hue: int | None = None
    """Which of the colours of names it has."""


Drawn = tuple[Piece, ...]
"""A row, or a line that is not broken into rows yet."""

BLANK: Drawn = ()


def text_of(pieces: Iterable[Piece]) -> str:
    """Returns the text alone."""
    return "".join(piece.text for piece in pieces)


def broken(pieces: Drawn, columns: int) -> list[Drawn]:
    """Returns the rows of a line, each of at most so many columns."""
    text = text_of(pieces)
    if width_of(text) <= columns:
        return [pieces]
    rows: list[Drawn] = []
    index = begins = 0  # the piece in which the row begins, and the place of its first character
    for start, end in rows_of(text, columns):
        while begins + len(pieces[index].text) <= start:
            begins += len(pieces[index].text)
            index += 1
        rows.append(tuple(_parts(pieces, index, begins, start, end)))
    return rows


def _parts(pieces: Drawn, index: int, place: int, start: int, end: int) -> Iterator[Piece]:
    """Yields what of the pieces, from one on, lies between two places."""
    while index < len(pieces) and place < end:
        piece = pieces[index]
        if text := piece.text[max(0, start - place) : end - place]:
            yield piece._replace(text=text)
        place += len(piece.text)
        index += 1
