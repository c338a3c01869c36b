"""What one typed before, which comes back with the arrow keys."""

from typing import Final

MOST: Final = 200
"""Texts that are kept."""


class TypedHistory:
    """Texts, the newest last, and where one stands among them."""

    def __init__(self) -> None:
        self._texts: list[str] = []
        self._place: int | None = None
        self._unfinished = ""

    def add(self, text: str) -> None:
        """A text was typed and taken."""
        if text.strip() and self._texts[-1:] != [text]:
            self._texts = [*self._texts, text][-MOST:]
        self._place = None

    def back(self, present: str) -> str | None:
        """The text before; `present` is kept, to be found again. None: there is none."""
        if self._place is None:
            self._unfinished = present
            place = len(self._texts) - 1
        else:
            place = self._place - 1
        if place < 0:
            return None
        self._place = place
        return self._texts[place]

    def forth(self) -> str | None:
        """The text after, and in the end what one had begun to type; None: one stands there."""
        if self._place is None:
            return None
        if self._place + 1 < len(self._texts):
            self._place += 1
            return self._texts[self._place]
        self._place = None
        return self._unfinished
