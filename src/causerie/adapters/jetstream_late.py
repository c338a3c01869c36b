"""Drafts that were first tried so long ago that NATS may have forgotten their ids: each is looked
for in its room before it is sent. What its author says after it waits for that, and nobody else.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final

from causerie.adapters.jetstream_tasks import Tasks
from causerie.chat.entry import Draft, Entry

AT_ONCE: Final = 8
"""Drafts that are looked for at a time: each may be a long read, and there are others who read."""


class Late:
    """The drafts that wait. `look` finds the entry that a draft has become before, however long
    NATS takes; `found` is called with both if there is one, and `put` with a draft that is to be
    sent.
    """

    def __init__(
        self,
        tasks: Tasks,
        *,
        is_old: Callable[[Draft], bool],
        look: Callable[[Draft], Awaitable[Entry | None]],
        found: Callable[[Draft, Entry], None],
        put: Callable[[Draft], None],
    ) -> None:
        """`is_old` tells which drafts are to be looked for."""
        self._tasks = tasks
        self._is_old = is_old
        self._look = look
        self._found = found
        self._put = put
        self._waiting: dict[str, deque[Draft]] = {}
        """By author."""
        self._turns = asyncio.Semaphore(AT_ONCE)

    def __len__(self) -> int:
        return sum(len(drafts) for drafts in self._waiting.values())

    def take(self, draft: Draft) -> bool:
        """Takes a draft, if it has to wait; tells whether it does."""
        waiting = self._waiting.get(draft.identity)
        if waiting is not None:
            waiting.append(draft)
            return True
        if not self._is_old(draft):
            return False
        self._waiting[draft.identity] = deque([draft])
        self._tasks.begin(self._go_through(draft.identity), "log-late")
        return True

    async def _go_through(self, identity: str) -> None:
        waiting = self._waiting[identity]
        while waiting:
            draft = waiting[0]
            entry = None
            if self._is_old(draft):
                async with self._turns:
                    entry = await self._look(draft)
            waiting.popleft()
            if entry is None:
                self._put(draft)
            else:
                self._found(draft, entry)
        del self._waiting[identity]
