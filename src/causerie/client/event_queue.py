"""The events that an application has not read yet, bounded."""

import asyncio
from collections import deque
from collections.abc import Callable, Collection, Iterable

from causerie.client.machine.events import (
    Acked,
    Gap,
    LatencyMeasured,
    PresenceChanged,
    Renamed,
    SendFailed,
    StateChanged,
    TypingChanged,
    Unknown,
)
from causerie.client.sending import ClientEvent, Sending
from causerie.wire.replies import Joined, Message, Private

OVERFLOW = 8
"""How many times its limit the queue may hold while the application waits for an answer."""


class EventQueue:
    """What the machine told, and the application has not read.

    From `limit` events on the queue is *full*: whoever fills it had better stop. Where that cannot
    be, because the application waits for an answer that comes behind other events, the queue goes
    on taking them; and when it holds `OVERFLOW` times as many, it sheds what the application knows
    or can ask for (`shed`). What is left then (complaints of the server, say) is seldom much: where
    it is, the queue lets twice as much come before it looks through all of it again.
    """

    def __init__(self, limit: int, snapshot_of: Callable[[str], PresenceChanged]) -> None:
        if limit < 1:
            raise ValueError("the queue must hold an event at least")
        self._limit = limit
        self._snapshot_of = snapshot_of
        self._events: deque[ClientEvent] = deque()
        self._shed_at = OVERFLOW * limit
        # The ids of messages whose outcome is in the queue, and has been the answer to a call too.
        self._answered: set[str] = set()
        self._end: BaseException | None = None
        self._changed = asyncio.Event()

    def __len__(self) -> int:
        return len(self._events)

    @property
    def full(self) -> bool:
        """Whether the queue holds as much as it should."""
        return len(self._events) >= self._limit

    def put(self, event: ClientEvent, *, answers: str | None = None) -> None:
        """Adds an event. `answers`: it is the outcome of the message with this id, for which a call
        has been waiting.
        """
        if len(self._events) >= self._shed_at:
            self._events = deque(shed(self._events, self._snapshot_of, self._answered))
            self._answered.clear()
            self._shed_at = max(OVERFLOW * self._limit, 2 * len(self._events))
        if answers is not None:
            self._answered.add(answers)
        self._events.append(event)
        self._changed.set()

    def end(self, error: BaseException) -> None:
        """There will be no further events; `get` raises the error after the last one."""
        self._end = error
        self._changed.set()

    async def get(self) -> ClientEvent:
        """Waits for the next event, and removes it.

        Raises:
            BaseException: what `end` was given, when nothing is left.
        """
        while not self._events:
            if self._end is not None:
                raise self._end
            self._changed.clear()
            await self._changed.wait()
        event = self._events.popleft()
        if isinstance(event, Acked | SendFailed):
            self._answered.discard(_message_of(event))
        return event


def shed(
    events: Iterable[ClientEvent],
    snapshot_of: Callable[[str], PresenceChanged],
    answered: Collection[str] = (),
) -> list[ClientEvent]:
    """Leaves out of events what is known or can be asked for, and says so.

    The entries of each room become one `Gap`, which stands where the first of them stood; comings
    and goings one snapshot (`snapshot_of` makes it, for a room). Of states, names and joins the
    newest counts. `answered` are the ids of messages whose outcome was the answer to a call.
    """
    kept: list[ClientEvent | None] = []
    gaps: dict[str, int] = {}
    newest: dict[tuple[type[ClientEvent], str], int] = {}
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
            case StateChanged() | Renamed() | Joined():
                subject = (type(event), event.room if isinstance(event, Joined) else "")
                if (older := newest.get(subject)) is not None:
                    kept[older] = None
                newest[subject] = len(kept)
                kept.append(event)
            case Sending() | Acked() | SendFailed() if _message_of(event) in answered:
                pass
            case _:
                kept.append(event)
    return [
        *(event for event in kept if event is not None),
        *(snapshot_of(room) for room in present),
    ]


def _message_of(event: Sending | Acked | SendFailed) -> str:
    return event.receipt.id if isinstance(event, Acked) else event.id


def _widened(gap: ClientEvent | None, event: Message | Private | Unknown | Gap) -> Gap:
    assert isinstance(gap, Gap), "gaps holds the places of gaps"
    more = event.missing if isinstance(event, Gap) else 1
    missing = None if gap.missing is None or more is None else gap.missing + more
    return Gap(room=gap.room, after=gap.after, missing=missing)
