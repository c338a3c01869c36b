"""Lines broken at words, so that they fit the width of a terminal.

A terminal itself breaks wherever its last column happens to be.
"""

from collections.abc import Iterator
from typing import Final

from prompt_toolkit.utils import get_cwidth

from causerie.tui.lines import Line, Span, plain

INDENT: Final = "    "
"""Before each further row of a line, so that none looks like the beginning of another line."""

NARROWEST: Final = 4 * len(INDENT)
"""Columns; below, further rows are not indented."""

_ZWJ: Final = "\u200d"
_EMOJI_STYLE: Final = "\ufe0f"

_CLOSING: Final = frozenset(":;?!»")
_OPENING: Final = "«"
"""In French a space stands before and after these; none goes to another row than its word."""


def wrapped(spans: Line, columns: int) -> list[Line]:
    """Returns the rows of a line, each of at most so many columns.

    A word is cut only if it is longer than a row. Spaces where a row ends are left out.
    """
    text = plain(spans)
    if width_of(text) <= columns:
        return [spans]
    indent = INDENT if columns >= NARROWEST else ""
    rows = [_part(spans, start, end) for start, end in rows_of(text, columns, len(indent))]
    return [rows[0], *((Span(indent), *row) for row in rows[1:])]


def width_of(text: str) -> int:
    """The columns that a text takes in any terminal: in some, less.

    A sign that may be text or emoji takes two as an emoji, where a terminal knows of that; signs
    that are joined into one take one's place or all of theirs.
    """
    return get_cwidth(text) + text.count(_EMOJI_STYLE)


def shortened(text: str, columns: int) -> str:
    """Returns a text of one line, or as much of it as fits with an ellipsis."""
    if width_of(text) <= columns:
        return text
    return f"{text[: _fitting(text, 0, columns - 1)]}…" if columns > 1 else "…"[:columns]


def rows_of(text: str, columns: int, indent: int = 0) -> Iterator[tuple[int, int]]:
    """Yields where each row of a text begins and ends, of which all but the first are narrower by
    the indent.
    """
    start, width = 0, columns
    while (fits := _fitting(text, start, width)) < len(text):
        end = next((at for at in range(fits, start, -1) if _may_break(text, at)), fits)
        if _is_word_longer(text, _next_word(text, end), columns - indent):
            end = fits  # it would have to be cut all the same
        yield start, end
        start, width = _next_word(text, end), columns - indent
    if start < len(text):
        yield start, fits


def _may_break(text: str, at: int) -> bool:
    """Whether a row may end here: before a space that is between two words."""
    if text[at] != " " or text[at - 1] in {" ", _OPENING}:
        return False
    word = _next_word(text, at)
    return not (text[word : word + 1] in _CLOSING and text[word + 1 : word + 2] in {"", " "})


def _next_word(text: str, place: int) -> int:
    while text[place : place + 1] == " ":
        place += 1
    return place


def _is_word_longer(text: str, place: int, columns: int) -> bool:
    """Whether the word that begins there is longer than so many columns.

    Of a word that fills many rows, no more is looked at than what fits into one.
    """
    fits = _fitting(text, place, columns)
    return fits < len(text) and " " not in text[place : fits + 1]


def _fitting(text: str, start: int, columns: int) -> int:
    """Where the text goes beyond so many columns: not within what is seen as one sign, unless that
    alone is wider, and never at once.
    """
    end, width = start, 0
    for place in range(start, len(text)):
        width += width_of(text[place])
        if width > columns:
            # Some signs join thousands, and would be looked at to their end for each row.
            return end if end > start else max(place, start + 1)
        if place + 1 == len(text) or not _is_joined(text[place], text[place + 1]):
            end = place + 1
    return max(end, start + 1)


def _is_joined(char: str, following: str) -> bool:
    return char == _ZWJ or get_cwidth(following) == 0


def _part(spans: Line, start: int, end: int) -> Line:
    """Returns a part of a line, by places in its text."""
    parts: list[Span] = []
    place = 0
    for span in spans:
        text = span.text[max(0, start - place) : max(0, end - place)]
        place += len(span.text)
        if text:
            parts.append(Span(text, span.style))
    return tuple(parts)
