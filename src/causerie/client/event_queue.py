"""The events that an application has not read yet, bounded."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable

from causerie.client.machine.events import (
    Event,
    Gap,
    LatencyMeasured,
    PresenceChanged,
    TypingChanged,
    Unknown,
)
from causerie.wire.replies import Message, Private

OVERFLOW = 8
"""How many times its limit the queue may hold while the application waits for an answer."""


class EventQueue:
    """What the machine told, and the application has not read.

    From `limit` events on the queue is *full*: whoever fills it had better stop. Where that cannot
    be, because the application waits for an answer that comes behind other events, the queue goes
    on taking them; and when it holds `OVERFLOW` times as many, it sheds what the application can
    ask for: the entries of each room become one `Gap`, and comings and goings one snapshot
    (`snapshot_of` makes it, for a room).
    """

    def __init__(self, limit: int, snapshot_of: Callable[[str], PresenceChanged]) -> None:
        if limit < 1:
            raise ValueError("the queue must hold an event at least")
        self._limit = limit
        self._snapshot_of = snapshot_of
        self._events: deque[Event] = deque()
        self._end: BaseException | None = None
        self._changed = asyncio.Event()

    def __len__(self) -> int:
        return len(self._events)

    @property
    def full(self) -> bool:
        """Whether the queue holds as much as it should."""
        return len(self._events) >= self._limit

    def put(self, event: Event) -> None:
        """Adds an event."""
        if len(self._events) >= OVERFLOW * self._limit:
            self._events = deque(shed(self._events, self._snapshot_of))
        self._events.append(event)
        self._changed.set()

    def end(self, error: BaseException) -> None:
        """There will be no further events; `get` raises the error after the last one."""
        self._end = error
        self._changed.set()

    async def get(self) -> Event:
        """Waits for the next event, and removes it.

        Raises:
            BaseException: what `end` was given, when nothing is left.
        """
        while not self._events:
            if self._end is not None:
                raise self._end
            self._changed.clear()
            await self._changed.wait()
        return self._events.popleft()


def shed(events: Iterable[Event], snapshot_of: Callable[[str], PresenceChanged]) -> list[Event]:
    """Leaves out of events what can be asked for again, and says so.

    A room's `Gap` stands where its first entry stood.
    """
    kept: list[Event] = []
    gaps: dict[str, int] = {}
    present: dict[str, None] = {}
    for event in events:
        match event:
            case Message() | Private() | Unknown() | Gap():
                if event.room not in gaps:
                    gaps[event.room] = len(kept)
                    after = event.after if isinstance(event, Gap) else event.prev
                    kept.append(Gap(room=event.room, after=after, missing=0))
                kept[gaps[event.room]] = _widened(kept[gaps[event.room]], event)
            case PresenceChanged(room=room):
                present[room] = None
            case LatencyMeasured() | TypingChanged():
                pass
            case _:
                kept.append(event)
    return kept + [snapshot_of(room) for room in present]


def _widened(gap: Event, event: Message | Private | Unknown | Gap) -> Gap:
    assert isinstance(gap, Gap), "gaps holds the places of gaps"
    more = event.missing if isinstance(event, Gap) else 1
    missing = None if gap.missing is None or more is None else gap.missing + more
    return Gap(room=gap.room, after=gap.after, missing=missing)
