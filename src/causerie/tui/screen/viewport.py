"""The part of a long list that is looked at: only what is near it is drawn.

A row that has not been drawn yet is taken to be as high as it seems; when it comes near, it is
drawn, and what is looked at stays where it is, whatever comes above or below. Places (`offset`,
`y`) are in lines from the top of the list.
"""

from bisect import bisect_right
from collections.abc import Callable, Hashable, Sequence
from itertools import accumulate
from typing import Final, NamedTuple

from causerie.client.machine.events import Unknown
from causerie.tui.screen.pieces import BLANK, Drawn
from causerie.tui.screen.rows import EntryRow, PendingRow, Row

MOST_DRAWN: Final = 2_000
"""Rows that are kept drawn."""

AHEAD: Final = 2
"""Screens below and above the one that is looked at that are drawn with it."""


class _Anchor(NamedTuple):
    """What stays in its place: a row, by its last line, as its first may join the one before."""

    key: str
    below: int
    """Lines from the top of what is looked at to the end of the row."""


class _Known(NamedTuple):
    """How high a row was when it was drawn last, or seems to be."""

    row: Row
    stamp: Hashable
    height: int


class Viewport:
    """A window of so many lines on a list of rows, at its end unless one scrolls.

    `draw` draws a row; `stamp` answers what, besides the row itself, its look depends on. Both are
    for the present width, and after another one all is drawn anew (`resize`).
    """

    def __init__(
        self, draw: Callable[[Row], list[Drawn]], stamp: Callable[[Row], Hashable]
    ) -> None:
        self._draw = draw
        self._stamp = stamp
        self._rows: Sequence[Row] = ()
        self._places: dict[str, int] = {}
        self._heights: list[int] = []
        self._tops: list[int] = [0]
        self._known: dict[str, _Known] = {}
        self._drawn: dict[str, list[Drawn]] = {}
        self._anchor: _Anchor | None = None
        self.columns = 1
        self.height = 1
        self.offset = 0
        self.drawings = 0
        """How often a row was drawn."""

    @property
    def is_at_end(self) -> bool:
        """Whether the newest row is looked at, whatever comes."""
        return self._anchor is None

    @property
    def total(self) -> int:
        """The lines of the whole list, at least as many as the window has."""
        return max(self._tops[-1], self.height)

    @property
    def rows(self) -> Sequence[Row]:
        """All rows."""
        return self._rows

    def show(self, rows: Sequence[Row]) -> None:
        """The rows are these now."""
        self._rows = rows
        self._places = {row.key: place for place, row in enumerate(rows)}
        self._heights = [self._height_of(row) for row in rows]
        self._settle()

    def resize(self, columns: int, height: int) -> None:
        """The window is another size."""
        if columns != self.columns:
            self.columns = columns
            self._known.clear()
            self._drawn.clear()
            self._heights = [self._height_of(row) for row in self._rows]
        self.height = height
        self._settle()

    def scroll_to(self, offset: int) -> None:
        """Looks elsewhere: the line at the top is this one."""
        last = self.total - self.height
        self.offset = max(0, min(offset, last))
        self._anchor = None if self.offset >= last else self._anchor_at(self.offset)
        self._settle()
        if offset <= 0 and self._anchor is not None:
            # What is above the first message may be higher than it seemed.
            self.offset = 0
            self._anchor = self._anchor_at(0)

    def to_end(self) -> None:
        """Looks at the newest rows."""
        self._anchor = None
        self._settle()

    def turn_to(self, rows: Sequence[Row]) -> None:
        """The rows are another room's: it is looked at from its end."""
        self._known.clear()
        self._drawn.clear()
        self._anchor = None
        self.show(rows)

    def reveal(self, key: str) -> bool:
        """Looks so that a row is in sight; answers whether there is such a row."""
        place = self._places.get(key)
        if place is None:
            return False
        self._measure(place)
        self._sum()
        top, end = self._pad() + self._tops[place], self._pad() + self._tops[place + 1]
        if top < self.offset:
            self.scroll_to(top)
        elif end > self.offset + self.height:
            self.scroll_to(min(end - self.height, top))
        return True

    def forget(self) -> None:
        """Draws everything anew when it is looked at next; the heights stay."""
        self._drawn.clear()

    def line(self, y: int) -> tuple[Row | None, int, Drawn]:
        """The row at a line, which of its lines it is, and how that reads."""
        y -= self._pad()
        if not 0 <= y < self._tops[-1]:
            return None, 0, BLANK
        place = bisect_right(self._tops, y) - 1
        row, inner = self._rows[place], y - self._tops[place]
        drawn = self._lines(row)
        return row, inner, drawn[inner] if inner < len(drawn) else BLANK

    def _pad(self) -> int:
        """Empty lines above a short list: what was said last stands at the bottom."""
        return max(0, self.height - self._tops[-1])

    def _settle(self) -> None:
        """Draws what is near, and finds the place of what was looked at anew."""
        anchor = self._anchor
        if anchor is not None and anchor.key not in self._places:
            anchor = self._anchor = None
        near = AHEAD * self.height
        if anchor is None:
            self._measure_up(len(self._rows) - 1, near + self.height)
            self._sum()
            self.offset = self.total - self.height
            return
        place = self._places[anchor.key]
        self._measure_up(place, near + self.height)
        self._measure_down(place, near + self.height)
        self._sum()
        end = self._pad() + self._tops[place + 1]
        last = self.total - self.height
        self.offset = max(0, min(end - anchor.below, last))

    def _anchor_at(self, offset: int) -> _Anchor | None:
        """The first message in sight, since the line of a day moves when earlier ones come."""
        offset -= self._pad()
        place = bisect_right(self._tops, offset) - 1
        for at in range(place, len(self._rows)):
            if isinstance(self._rows[at], EntryRow | PendingRow):
                place = at
                break
        return _Anchor(self._rows[place].key, self._tops[place + 1] - offset)

    def _measure_up(self, place: int, lines: int) -> None:
        while place >= 0 and lines > 0:
            lines -= self._measure(place)
            place -= 1

    def _measure_down(self, place: int, lines: int) -> None:
        while place < len(self._rows) and lines > 0:
            lines -= self._measure(place)
            place += 1

    def _measure(self, place: int) -> int:
        self._heights[place] = len(self._lines(self._rows[place]))
        return self._heights[place]

    def _sum(self) -> None:
        self._tops = [0, *accumulate(self._heights)]

    def _lines(self, row: Row) -> list[Drawn]:
        """The lines of a row, drawn if they are not yet, or not as they are now."""
        stamp = self._stamp(row)
        known = self._known.get(row.key)
        drawn = self._drawn.get(row.key)
        is_same = known is not None and (known.row is row or known.row == row)
        if drawn is None or known is None or not is_same or known.stamp != stamp:
            if len(self._drawn) >= MOST_DRAWN:
                self._drawn.clear()
            drawn = self._drawn[row.key] = self._draw(row)
            self._known[row.key] = _Known(row, stamp, len(drawn))
            self.drawings += 1
        return drawn

    def _height_of(self, row: Row) -> int:
        known = self._known.get(row.key)
        if known is not None and (known.row is row or known.row == row):
            return known.height
        height = self._guess(row)
        self._known[row.key] = _Known(row, None, height)
        self._drawn.pop(row.key, None)
        return height

    def _guess(self, row: Row) -> int:
        if isinstance(row, PendingRow):
            content, head = row.pending.content, 2
        elif isinstance(row, EntryRow) and not isinstance(row.entry, Unknown):
            content, head = row.entry.content, 1
        else:
            return 1
        lines = 1 + content.count("\n") + len(content) // self.columns
        return lines + head - row.follows
