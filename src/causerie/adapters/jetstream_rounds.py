"""Asking once for all who want to know the same at a time."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Final, Generic, TypeVar

LONGEST: Final = 0.1
"""Seconds that the next round waits for the one before, whose answer may be lost."""

_Question = TypeVar("_Question", bound=Hashable)
_Answer = TypeVar("_Answer")


class Rounds(Generic[_Question, _Answer]):
    """Asks each question in rounds: one at a time, for all who wait for it then.

    Who asks while a round is under way shares the next: the answer that comes might be older than
    what they know already.
    """

    def __init__(self, ask: Callable[[_Question], Awaitable[_Answer]]) -> None:
        """Asks by this. It ends by itself: nobody cancels it."""
        self._ask = ask
        self._present: dict[_Question, asyncio.Task[_Answer]] = {}
        self._next: dict[_Question, asyncio.Task[_Answer]] = {}

    def ask(self, question: _Question) -> asyncio.Future[_Answer]:
        """Asks, not earlier than now. The answer may raise what `ask` of the constructor raises."""
        upcoming = self._next.get(question)
        if upcoming is None:
            upcoming = asyncio.create_task(self._round(question, self._present.get(question)))
            self._next[question] = upcoming
        return asyncio.shield(upcoming)

    async def _round(self, question: _Question, before: asyncio.Task[_Answer] | None) -> _Answer:
        if before is not None:
            await asyncio.wait([before], timeout=LONGEST)
        this = self._present[question] = self._next.pop(question)
        try:
            return await self._ask(question)
        finally:
            if self._present.get(question) is this:
                del self._present[question]
