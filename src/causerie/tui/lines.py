"""Lines of text with their styles, which a terminal, or something else, can show.

A line has no line breaks in it.
"""

from collections.abc import Iterable
from enum import Enum
from typing import Final, NamedTuple


class Style(Enum):
    """What a piece of text is, which decides how it looks."""

    PLAIN = "plain"
    TIME = "time"
    NAME = "name"
    OWN = "own"
    """One's own name."""
    PRIVATE = "private"
    EARLIER = "earlier"
    """It was said before one came."""
    NEWS = "news"
    """Who has come and gone, what was asked for."""
    WAITING = "waiting"
    """Something is under way."""
    GOOD = "good"
    BAD = "bad"


class Span(NamedTuple):
    """A piece of a line."""

    text: str
    style: Style = Style.PLAIN


Line = tuple[Span, ...]

_SGR: Final = {
    # ECMA-48, 8.3.117: 2 faint, 31 red, 32 green, 33 yellow, 35 magenta, 36 cyan. No colour is set
    # that could not be read on a light and on a dark ground.
    Style.TIME: "2",
    Style.NAME: "36",
    Style.OWN: "32",
    Style.PRIVATE: "35",
    Style.EARLIER: "2",
    Style.NEWS: "2",
    Style.WAITING: "33",
    Style.GOOD: "32",
    Style.BAD: "31",
}


def line(text: str, style: Style = Style.PLAIN) -> Line:
    """Returns a line of one style."""
    return (Span(text, style),)


def restyled(spans: Line, style: Style) -> Line:
    """Returns the same text in one style."""
    return line(plain(spans), style)


def plain(spans: Iterable[Span]) -> str:
    """Returns the text alone."""
    return "".join(span.text for span in spans)


def painted(spans: Iterable[Span]) -> str:
    """Returns the text with its colours, for a terminal."""
    return "".join(
        f"\x1b[{_SGR[span.style]}m{span.text}\x1b[0m" if span.style in _SGR else span.text
        for span in spans
    )
