"""What was given to the client and is not answered yet.

A command stays here from the moment it is given until the server has answered it, across any number
of connections: when a connection is lost, whatever was under way waits again, in its old order.
"""

from collections import deque
from collections.abc import Callable, Iterator
from typing import NamedTuple

from causerie.client.errors import OutboxFull
from causerie.wire.commands import (
    GetHistory,
    Hello,
    Leave,
    Members,
    Rooms,
    SendMessage,
    SendPrivate,
)

NOW = float("-inf")
"""Something has no time to wait for."""

Saying = SendMessage | SendPrivate
"""A command that becomes an entry."""

Question = GetHistory | Hello | Leave | Members | Rooms
"""A command that does no harm if it is sent twice."""


class Lane(NamedTuple):
    """A sequence of commands that keep their order: all for one room, say."""

    kind: str
    """`room`, `to` (private messages) or `ask` (questions)."""
    name: str


class Item:
    """A command that waits for its answer."""

    __slots__ = ("command", "first_tried", "id", "in_doubt", "is_tried", "lane", "number", "own")

    def __init__(
        self, number: int, id: str, lane: Lane, command: Saying | Question, *, own: bool
    ) -> None:
        self.number = number
        self.id = id
        self.lane = lane
        self.command = command
        self.own = own
        """The machine asks for itself: its application is not to be told."""
        self.is_tried = False
        """It has been sent once."""
        self.first_tried: int | None = None
        """When that was, in milliseconds since 1970 by the server's clock; None before, and of what
        is sent before the server has said welcome."""
        self.in_doubt = False
        """It was under way on a connection that was lost: the server may have taken it."""


class Outbox:
    """The commands that wait, bounded. `now` is in seconds, monotonic."""

    __slots__ = ("_held_until", "_lanes", "_limit", "_number", "_under_way")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._number = 0
        # Lanes with something to send, the one that was served last at the end.
        self._lanes: dict[Lane, deque[Item]] = {}
        self._held_until: dict[Lane, float] = {}
        self._under_way: dict[str, Item] = {}

    def __len__(self) -> int:
        return len(self._under_way) + sum(map(len, self._lanes.values()))

    def __iter__(self) -> Iterator[Item]:
        """All that waits, in the order in which it was given."""
        items = [
            *self._under_way.values(),
            *(item for lane in self._lanes.values() for item in lane),
        ]
        return iter(sorted(items, key=lambda item: item.number))

    def add(self, id: str, lane: Lane, command: Saying | Question, *, own: bool = False) -> None:
        """Keeps a command; one of the machine's `own` even beyond the limit.

        Raises:
            OutboxFull: the limit is reached, and nothing was kept.
        """
        if not own and len(self) >= self._limit:
            raise OutboxFull(self._limit)
        self._number += 1
        self._lanes.setdefault(lane, deque()).append(Item(self._number, id, lane, command, own=own))

    def find(self, id: str) -> Item | None:
        """The command with this id, if it waits here."""
        if item := self._under_way.get(id):
            return item
        return next((item for lane in self._lanes.values() for item in lane if item.id == id), None)

    def ready(self, may_send: Callable[[Lane], bool], now: float) -> Lane | None:
        """The lane that is next to send something, of those that may."""
        return next(
            (
                lane
                for lane in self._lanes
                if self._held_until.get(lane, now) <= now and may_send(lane)
            ),
            None,
        )

    def take(self, lane: Lane) -> Item:
        """The next command of a ready lane; it is under way from now on."""
        queue = self._lanes.pop(lane)
        self._held_until.pop(lane, None)
        item = queue.popleft()
        if queue:
            self._lanes[lane] = queue
        self._under_way[item.id] = item
        item.is_tried = True
        return item

    def answered(self, id: str | None) -> Item | None:
        """Ends the wait of a command that is under way; None if there is none with this id."""
        return self._under_way.pop(id, None) if id else None

    def again(self, item: Item, not_before: float) -> None:
        """Puts a command whose wait had ended back into its place; its lane rests a while."""
        self._put_back(item)
        self._held_until[item.lane] = max(not_before, self._held_until.get(item.lane, not_before))

    def withdraw(self, id: str) -> Item | None:
        """Forgets a command; answers it. One that the server may have taken is kept, unless it is a
        question.
        """
        item = self.find(id)
        if item is None:
            return None
        if isinstance(item.command, Saying) and (item.in_doubt or id in self._under_way):
            return None
        if self._under_way.pop(id, None) is None:
            queue = self._lanes[item.lane]
            queue.remove(item)
            if not queue:
                del self._lanes[item.lane]
                self._held_until.pop(item.lane, None)
        return item

    def cut(self) -> None:
        """The connection is lost: whatever was under way waits again, in its old place."""
        for item in self._under_way.values():
            item.in_doubt = True
            self._put_back(item)
        self._under_way.clear()
        self._held_until.clear()

    def clear(self) -> list[Item]:
        """Forgets all, and answers it in the order in which it was given."""
        items = list(self)
        self._lanes.clear()
        self._under_way.clear()
        self._held_until.clear()
        return items

    def deadline(self, may_send: Callable[[Lane], bool]) -> float | None:
        """When the first lane of those that may has something to send; None where none has."""
        return min(
            (self._held_until.get(lane, NOW) for lane in self._lanes if may_send(lane)),
            default=None,
        )

    def _put_back(self, item: Item) -> None:
        queue = self._lanes.setdefault(item.lane, deque())
        place = next((i for i, other in enumerate(queue) if other.number > item.number), len(queue))
        queue.insert(place, item)
