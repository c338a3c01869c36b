"""Drafts that were first tried so long ago that NATS may have forgotten their ids: each is looked
for in its room before it is sent. What its author says after it waits for that, and nobody else.
"""

from collections import deque
from collections.abc import Awaitable, Callable

from causerie.adapters.jetstream_tasks import Tasks
from causerie.chat.entry import Draft, Entry


class Late:
    """The drafts that wait. `look` finds the entry that a draft has become before, however long
    NATS takes; `found` is called with both if there is one, `put` with a draft that is to be sent,
    and `reject` with one that was withdrawn.
    """

    def __init__(
        self,
        tasks: Tasks,
        *,
        is_old: Callable[[Draft], bool],
        look: Callable[[Draft], Awaitable[Entry | None]],
        found: Callable[[Draft, Entry], None],
        put: Callable[[Draft], None],
        reject: Callable[[Draft], None],
    ) -> None:
        """`is_old` tells which drafts are to be looked for."""
        self._tasks = tasks
        self._is_old = is_old
        self._look = look
        self._found = found
        self._put = put
        self._reject = reject
        self._waiting: dict[str, deque[Draft]] = {}
        """By author."""
        self._withdrawn: dict[str, int] = {}
        """By author, how many of those that wait were there when the author lost the name."""

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

    def withdraw(self, identity: str) -> None:
        """Has those rejected in their turn that an author has said by now, under a name that is
        somebody else's. What was first tried long ago was said when it was the author's.
        """
        if identity in self._waiting:
            self._withdrawn[identity] = len(self._waiting[identity])

    async def _go_through(self, identity: str) -> None:
        waiting = self._waiting[identity]
        while waiting:
            draft = waiting[0]
            entry = None
            is_old = self._is_old(draft)
            if is_old:
                entry = await self._look(draft)
            waiting.popleft()
            is_withdrawn = self._is_withdrawn(identity)
            if entry is not None:
                self._found(draft, entry)
            elif is_withdrawn and not is_old:
                self._reject(draft)
            else:
                self._put(draft)
        del self._waiting[identity]

    def _is_withdrawn(self, identity: str) -> bool:
        """Whether the one was withdrawn that is the next to wait no longer."""
        withdrawn = self._withdrawn.pop(identity, 0)
        if withdrawn > 1:
            self._withdrawn[identity] = withdrawn - 1
        return withdrawn > 0
