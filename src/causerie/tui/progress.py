"""A line on a terminal that says how much of what came through a pipe has been delivered."""

import asyncio
from collections.abc import Callable
from typing import Final, NamedTuple, TextIO

from causerie.language import Words

APPEARS_AFTER: Final = 0.5
"""Seconds; what is done sooner needs no progress bar."""

REDRAWN_EVERY: Final = 0.1
"""Seconds between two drawings."""

BAR: Final = 24
"""Columns."""

ERASE_LINE: Final = "\r\x1b[K"


class Done(NamedTuple):
    """How many lines are delivered, of how many; None: nobody knows yet."""

    delivered: int
    total: int | None


class Progress:
    """The line, drawn on a terminal below whatever else is written there.

    `done` says how far it is; `write` erases the line, has something else written, and leaves the
    line to be drawn again.
    """

    def __init__(self, words: Words, terminal: TextIO, done: Callable[[], Done]) -> None:
        self._words = words
        self._terminal = terminal
        self._done = done
        self._clock = asyncio.get_running_loop().time
        self._next_at = self._clock() + APPEARS_AFTER
        self._is_drawn = False

    def draw(self) -> None:
        """Draws it, unless it was drawn a moment ago."""
        now = self._clock()
        if now < self._next_at:
            return
        self._next_at = now + REDRAWN_EVERY
        self._is_drawn = True
        self._terminal.write(ERASE_LINE + self._text())
        self._terminal.flush()

    def finish(self) -> None:
        """Leaves the line as it is in the end, if it is to be seen at all."""
        self.draw()
        if self._is_drawn:
            self._is_drawn = False
            self._terminal.write(f"{ERASE_LINE}{self._text()}\n")
            self._terminal.flush()

    def erase(self) -> None:
        """Makes room for something else."""
        if self._is_drawn:
            self._is_drawn = False
            self._next_at = self._clock()
            self._terminal.write(ERASE_LINE)
            self._terminal.flush()

    def _text(self) -> str:
        delivered, total = self._done()
        if not total:
            return self._words("progress", count=delivered)
        text = self._words("progress-of", count=delivered, total=total)
        return f"{bar(delivered, total)} {text}"


def bar(part: int, whole: int) -> str:
    """A bar of blocks, filled to the eighth of a column (Unicode's block Block Elements)."""
    eighths = min(part, whole) * BAR * 8 // whole
    full, rest = divmod(eighths, 8)
    partly = chr(0x2590 - rest) if rest else ""
    return (full * "█" + partly).ljust(BAR, "░")
