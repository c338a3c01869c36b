"""Asking once for all who want to know the same at a time."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Hashable
from functools import partial
from typing import Final, Generic, TypeVar

WAIT_AT_MOST: Final = 0.1
"""Seconds that a round waits for the answer of the one before, which may be lost."""

_Question = TypeVar("_Question", bound=Hashable)
_Answer = TypeVar("_Answer")


class Rounds(Generic[_Question, _Answer]):
    """Asks each question in rounds: one after the other, unless an answer is long in coming, and
    each for all who wait for it then.

    Who asks while a round is under way shares the next: the answer that comes might be older than
    what they know already. A round of which all have given up is given up as well: of a storm that
    NATS cannot answer in time nothing is to be left in the way of those who try again.
    """

    def __init__(self, ask: Callable[[_Question], Awaitable[_Answer]]) -> None:
        """Asks by this."""
        self._ask = ask
        self._present: dict[_Question, asyncio.Task[_Answer]] = {}
        self._next: dict[_Question, asyncio.Task[_Answer]] = {}
        self._waiting: Counter[asyncio.Task[_Answer]] = Counter()
        """How many wait for a round."""

    def __len__(self) -> int:
        """How many rounds are under way, or wait to be."""
        return len(self._waiting)

    def ask(self, question: _Question) -> asyncio.Future[_Answer]:
        """Asks, not earlier than now. The answer may raise what `ask` of the constructor raises."""
        upcoming = self._next.get(question)
        if upcoming is None:
            upcoming = asyncio.create_task(self._round(question, self._present.get(question)))
            self._next[question] = upcoming
            upcoming.add_done_callback(self._waiting.pop)
        self._waiting[upcoming] += 1
        answer = asyncio.shield(upcoming)
        answer.add_done_callback(partial(self._left, question, upcoming))
        return answer

    async def _round(self, question: _Question, before: asyncio.Task[_Answer] | None) -> _Answer:
        if before is not None:
            await asyncio.wait([before], timeout=WAIT_AT_MOST)
        this = self._present[question] = self._next.pop(question)
        try:
            return await self._ask(question)
        finally:
            if self._present.get(question) is this:
                del self._present[question]

    def _left(
        self,
        question: _Question,
        asked: asyncio.Task[_Answer],
        _answer: asyncio.Future[_Answer],
    ) -> None:
        """Takes in that somebody no longer waits."""
        if asked.done():
            return
        self._waiting[asked] -= 1
        if not self._waiting[asked]:
            if self._next.get(question) is asked:
                del self._next[question]
            asked.cancel()
