"""The lines that somebody types, until the chat asks for them."""

import asyncio
from collections import deque

from causerie.tui.chat import Typed


class TypedLines:
    """Lines in the order in which they were typed, numbered from 1. Is a `Source`."""

    def __init__(self) -> None:
        self.ended = asyncio.Event()
        """No more will be typed."""
        self._added = 0
        self._typed: deque[Typed] = deque()
        self._moved = asyncio.Event()

    def add(self, text: str) -> int:
        """A line was typed; answers its number."""
        self._added += 1
        self._typed.append(Typed(text, self._added))
        self._moved.set()
        return self._added

    async def next(self) -> Typed | None:
        """Waits for the next line; None: there will be no more. Cancelling it loses nothing."""
        while not self._typed:
            if self.ended.is_set():
                return None
            self._moved.clear()
            await self._moved.wait()
        return self._typed.popleft()

    @property
    def unread(self) -> int:
        """The lines that were typed and have not been asked for."""
        return len(self._typed)

    @property
    def unread_texts(self) -> list[str]:
        """What they say."""
        return [typed.text for typed in self._typed]

    def end(self) -> None:
        """No more will be typed."""
        self.ended.set()
        self._moved.set()
