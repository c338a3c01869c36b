"""Writing what many want written at once in few strokes: each costs a sync of the disk."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from causerie.adapters.jetstream_names import Change

MOST_CHANGES: Final = 500
"""In one stroke; NATS takes a thousand."""

Stroke = Callable[[Sequence[Change]], Awaitable[int]]
"""Writes as `causerie.adapters.jetstream_names.ValueStore.write` does."""


class _Wanted:
    """Changes of which all or none are to be made."""

    __slots__ = ("changes", "keys", "revision")

    def __init__(self, changes: Sequence[Change], revision: "asyncio.Future[int]") -> None:
        self.changes = changes
        self.keys = frozenset(change.key for change in changes)
        self.revision = revision


class Batches:
    """Gathers what is to be written in one bucket while the last stroke is under way.

    What is gathered is written in one stroke; if that cannot be made, since a value in the way of
    one has changed, then each by itself. Of one key, what was handed over first is written first.
    """

    def __init__(self, stroke: Stroke) -> None:
        """Writes by this."""
        self._stroke = stroke
        self._waiting: list[_Wanted] = []
        self._writer: asyncio.Task[None] | None = None

    async def write(self, changes: Sequence[Change]) -> int:
        """Makes all of some changes or none. Tells the revision of the last; 0 for none. They may
        yet be made if this is cancelled.

        Raises:
            AwayError: there is no answer; or whatever else the stroke raises.
        """
        revision: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Wanted(changes, revision))
        if self._writer is None:
            self._writer = asyncio.create_task(self._write_all(), name="names-writer")
        return await revision

    async def _write_all(self) -> None:
        try:
            while self._waiting:
                await self._write_together(self._take())
        finally:
            self._writer = None

    def _take(self) -> list[_Wanted]:
        """Takes what can go in one stroke: no key twice, in the order in which it was wanted."""
        taken, left = list[_Wanted](), list[_Wanted]()
        keys = set[str]()
        count = 0
        for wanted in self._waiting:
            if keys.isdisjoint(wanted.keys) and (
                not taken or count + len(wanted.changes) <= MOST_CHANGES
            ):
                taken.append(wanted)
                count += len(wanted.changes)
            else:
                left.append(wanted)
            keys |= wanted.keys
        self._waiting = left
        return taken

    async def _write_together(self, wanted: Sequence[_Wanted]) -> None:
        try:
            last = await self._stroke([change for one in wanted for change in one.changes])
        except Exception as error:  # noqa: BLE001 whatever it is, nobody is to wait for ever
            for one in wanted:
                if not one.revision.done():
                    one.revision.set_exception(error)
            return
        if not last and len(wanted) > 1:
            await asyncio.gather(*(self._write_together([one]) for one in wanted))
            return
        # The revisions of one stroke follow one another.
        for one in reversed(wanted):
            if not one.revision.done():
                one.revision.set_result(last)
            last -= len(one.changes)
