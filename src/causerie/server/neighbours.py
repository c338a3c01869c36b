"""The other nodes of a cluster: which of them live, who is in the rooms there, and who types.

A node says every few seconds that it lives, and in which rooms something has changed of late; of
one that is silent for `LEASE` seconds nobody is left. Who comes to a room and goes is published as
it happens (`causerie.chat.roster`), to those that have the room open. A node that opens one asks
all others who is in it there, and does not go on before they have said so, or have had
`ANSWER_WITHIN` seconds for it. Signals may be lost: what a number or a beat shows to be missing is
asked for, until it is answered.
"""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import islice
from typing import TypeVar, assert_never

import msgspec
import structlog

from causerie.chat.roster import NodeChange, Roster
from causerie.ports import Bus
from causerie.server.live_room import LiveRoom
from causerie.server.node_messages import (
    NODES,
    Answer,
    Ask,
    Beat,
    Changed,
    Part,
    Types,
    encode,
    node_topic,
    room_topic,
    to_node,
    to_nodes,
    to_room,
)
from causerie.server.settings import Clock
from causerie.server.timers import Timer, Timers

BEAT_EVERY = 5.0
"""Seconds between two signs of life."""

LEASE = 15.0
"""Seconds of silence after which a node is dead."""

ANSWER_WITHIN = 1.0
"""Seconds for which a room waits to be opened until all nodes have said who is in it."""

MOURNED_FOR = 60.0 * 60.0
"""Seconds for which it is known that a node was taken for dead: that matters if it was only cut
off, and is back. From one that is back still later, who has just lost the connection there may come
for a moment, to leave once more."""

OF_LATE = 30.0
"""Seconds for which beats tell of what has changed, since each may be lost."""

NAMES_A_MESSAGE = 250
"""Names, or changes, or rooms, in one message: at four bytes a letter, and the longest that names
can be, that is a quarter of the largest."""

_Item = TypeVar("_Item")

_logger = structlog.get_logger("causerie.neighbours")


class _Opened:
    """A room that is open here."""

    __slots__ = ("awaited", "done", "number", "room", "roster", "timer")

    def __init__(self, room: LiveRoom, roster: Roster, done: Callable[[], None]) -> None:
        self.room = room
        self.roster = roster
        self.number = 0
        """Of the last change here that was published; 0 if none was since it is open."""
        self.awaited: set[str] = set()
        """The nodes that have not yet said who is in it."""
        self.done: Callable[[], None] | None = done
        self.timer: Timer | None = None


class Neighbours:
    """The other nodes, as this one knows them."""

    def __init__(
        self,
        bus: Bus,
        timers: Timers,
        clock: Clock,
        grace: float,
        *,
        changed: Callable[[LiveRoom], None],
        typing: Callable[[LiveRoom, str, str, bool], None],
    ) -> None:
        """Says that this node is there. `changed` is told of rooms where somebody has come or gone
        elsewhere, `typing` who types there or has stopped: folded and displayed.
        """
        self._bus = bus
        self._timers = timers
        self._clock = clock
        self._grace = grace
        self._changed = changed
        self._typing = typing
        self._heard_at: dict[str, float] = {}
        """Of each node that lives, when it was last heard of."""
        self._open: dict[str, _Opened] = {}
        self._number = 0
        """Of the last change that was published, in whichever room."""
        self._of_late: dict[str, tuple[float, int]] = {}
        """When something last changed in a room here, and its number; in that order."""
        self._mourned: dict[str, float] = {}
        """When those were taken for dead that have not said since who is there; in that order."""
        self._unsure: dict[str, set[str]] = {}
        """By node, the rooms in which it is not known who is there: it has been asked."""
        self._parts: dict[tuple[str, str], tuple[int, int, dict[str, str]]] = {}
        """By node and room, of an answer that has come in part: its number, how many parts, and who
        is in them."""
        self._is_looking = False
        bus.subscribe(NODES, partial(self._contained, self._told_as_all))
        bus.subscribe(node_topic(bus.node), partial(self._contained, self._told))
        self._beat(is_new=True)

    def reconnected(self) -> None:
        """This node was cut off, and may have missed everything: the others tell it where something
        has changed meanwhile. Those that took it for dead, and that it took for dead, ask anew.
        """
        self._say_beat(is_new=True)

    # Rooms of this node.

    def open(self, room: LiveRoom, done: Callable[[], None]) -> None:
        """Has a room know who is in it elsewhere; `done` is called then, which may be at once."""
        roster = Roster(self._grace)
        room.presence = roster
        opened = self._open[room.name] = _Opened(room, roster, done)
        topic = room_topic(room.name)
        self._bus.subscribe(topic, partial(self._contained, partial(self._told_in, opened)))
        self._bus.publish(NODES, encode(Ask(self._bus.node, [room.name])))
        opened.awaited |= self._heard_at.keys()
        if opened.awaited:
            opened.timer = self._timers.at(
                self._clock.monotonic() + ANSWER_WITHIN, partial(self._give_up, opened)
            )
        else:
            self._finish(opened)

    def close(self, room: LiveRoom) -> None:
        """A room is no longer open here."""
        if self._open.pop(room.name, None) is not None:
            self._bus.unsubscribe(room_topic(room.name))
            for rooms in self._unsure.values():
                rooms.discard(room.name)
            for key in [key for key in self._parts if key[1] == room.name]:
                del self._parts[key]

    def publish(self, room: LiveRoom) -> None:
        """Tells the others what is due to be told of a room."""
        opened = self._open.get(room.name)
        if opened is not None:
            self._say_changes(opened, opened.roster.publish(self._clock.monotonic()))

    def tell_typing(self, room: LiveRoom, folded: str, display: str, *, is_typing: bool) -> None:
        """Tells the others that somebody here types, or has stopped."""
        signal = Types(self._bus.node, folded, display, is_typing)
        self._bus.publish(room_topic(room.name), encode(signal))

    def _finish(self, opened: _Opened) -> None:
        if opened.timer is not None:
            opened.timer.cancel()
            opened.timer = None
        opened.roster.open()
        done, opened.done = opened.done, None
        assert done is not None, "a room is opened once"
        done()

    def _has_changed(self, opened: _Opened) -> None:
        if opened.done is None:
            self._changed(opened.room)

    def _give_up(self, opened: _Opened) -> None:
        """Not all have answered: they are asked again, and it goes on without them."""
        for node in opened.awaited:
            self._unsure.setdefault(node, set()).add(opened.room.name)
        opened.awaited.clear()
        self._finish(opened)

    def _say_changes(self, opened: _Opened, changes: Iterable[NodeChange]) -> None:
        name = opened.room.name
        for some in cut(changes, NAMES_A_MESSAGE):
            self._number += 1
            signal = Changed(self._bus.node, opened.number, self._number, some)
            self._bus.publish(room_topic(name), encode(signal))
            opened.number = self._number
            self._of_late.pop(name, None)
            self._of_late[name] = (self._clock.monotonic(), self._number)

    # Signs of life.

    def _beat(self, *, is_new: bool = False) -> None:
        now = self._clock.monotonic()
        self._timers.at(now + BEAT_EVERY, self._beat)
        for name, (when, _) in list(self._of_late.items()):
            if when > now - OF_LATE:
                break
            del self._of_late[name]
        for node, when in list(self._mourned.items()):
            if when > now - MOURNED_FOR:
                break
            del self._mourned[node]
        self._say_beat(is_new=is_new)
        for node, rooms in self._unsure.items():
            self._ask(node, rooms)

    def _say_beat(self, *, is_new: bool = False, topic: str = NODES) -> None:
        of_late = iter({name: number for name, (_, number) in self._of_late.items()}.items())
        beat = Beat(self._bus.node, dict(islice(of_late, NAMES_A_MESSAGE)), is_new)
        self._bus.publish(topic, encode(beat))
        while rooms := dict(islice(of_late, NAMES_A_MESSAGE)):
            self._bus.publish(topic, encode(Beat(self._bus.node, rooms)))

    def _heard_of(self, node: str) -> None:
        """Anything that a node says shows that it lives. One that was not known, or was taken for
        dead, is asked who is there.
        """
        is_known = node in self._heard_at
        self._heard_at[node] = self._clock.monotonic()
        if not is_known:
            self._ask_about(node, self._open)
        if not self._is_looking:
            self._is_looking = True
            self._look_for_the_dead()

    def _look_for_the_dead(self) -> None:
        now = self._clock.monotonic()
        for node in [node for node, at in self._heard_at.items() if at + LEASE <= now]:
            self._bury(node, now)
        self._is_looking = bool(self._heard_at)
        if self._is_looking:
            self._timers.at(min(self._heard_at.values()) + LEASE, self._look_for_the_dead)

    def _bury(self, node: str, now: float) -> None:
        del self._heard_at[node]
        self._mourned.pop(node, None)
        self._mourned[node] = now
        self._unsure.pop(node, None)
        for key in [key for key in self._parts if key[0] == node]:
            del self._parts[key]
        for opened in list(self._open.values()):
            opened.roster.forget(node)
            self._has_answered(node, opened)
            self._has_changed(opened)

    # What the others say.

    def _contained(self, take: Callable[[bytes], None], message: bytes) -> None:
        """Takes in a message. One that cannot be read is of a node of another version."""
        try:
            take(message)
        except msgspec.DecodeError as fault:
            _logger.warning("a message of another node could not be read", reason=str(fault))

    def _told_as_all(self, message: bytes) -> None:
        self._take(to_nodes.decode(message))

    def _told(self, message: bytes) -> None:
        self._take(to_node.decode(message))

    def _take(self, signal: Beat | Ask | Answer) -> None:
        self._heard_of(signal.node)
        match signal:
            case Beat(node, rooms, is_new):
                if is_new:
                    self._say_beat(topic=node_topic(node))
                self._compare(node, rooms)
            case Ask(node, rooms, has_mourned):
                self._answer(node, rooms, has_mourned=has_mourned)
            case Answer(node, parts):
                for part in parts:
                    self._take_part(node, part)
            case unknown:
                assert_never(unknown)

    def _told_in(self, opened: _Opened, message: bytes) -> None:
        signal = to_room.decode(message)
        self._heard_of(signal.node)
        match signal:
            case Changed(node, previous, number, changes):
                if opened.roster.hear(node, previous, number, changes):
                    self._has_changed(opened)
                else:
                    self._ask_about(node, [opened.room.name])
            case Types(_, folded, display, is_typing):
                self._typing(opened.room, folded, display, is_typing)
            case unknown:
                assert_never(unknown)

    def _compare(self, node: str, rooms: dict[str, int]) -> None:
        """Asks about the rooms of which the last change has not come."""
        behind = [
            name
            for name, number in rooms.items()
            if name in self._open and self._open[name].roster.number_of(node) < number
        ]
        self._ask_about(node, behind)

    def _ask_about(self, node: str, rooms: Iterable[str]) -> None:
        """Asks a node who is in some rooms, until it answers."""
        unsure = self._unsure.setdefault(node, set())
        fresh = [name for name in rooms if name not in unsure]
        unsure.update(fresh)
        self._ask(node, fresh)

    def _ask(self, node: str, rooms: Iterable[str]) -> None:
        for some in cut(rooms, NAMES_A_MESSAGE):
            question = Ask(self._bus.node, some, node in self._mourned)
            self._bus.publish(node_topic(node), encode(question))

    def _answer(self, node: str, rooms: Iterable[str], *, has_mourned: bool) -> None:
        """Tells a node who is here, as of the last change that it is told of before."""
        parts: list[Part] = []
        size = 0
        for part in self._parts_of(rooms, has_mourned=has_mourned):
            parts.append(part)
            size += 1 + len(part.members)
            if size >= NAMES_A_MESSAGE:
                self._bus.publish(node_topic(node), encode(Answer(self._bus.node, parts)))
                parts, size = [], 0
        if parts:
            self._bus.publish(node_topic(node), encode(Answer(self._bus.node, parts)))

    def _parts_of(self, rooms: Iterable[str], *, has_mourned: bool) -> Iterator[Part]:
        now = self._clock.monotonic()
        for name in rooms:
            opened = self._open.get(name)
            if opened is None:
                yield Part(name, self._number, 0, is_last=True, members={})
                continue
            self._say_changes(opened, opened.roster.publish_at_once(now))
            number = opened.number or self._number
            here = opened.roster.who_is_here(has_mourned=has_mourned)
            members = list(cut(here, NAMES_A_MESSAGE)) or [[]]
            for index, some in enumerate(members):
                is_last = index == len(members) - 1
                yield Part(name, number, index, is_last, dict(some))

    def _take_part(self, node: str, part: Part) -> None:
        opened = self._open.get(part.room)
        if opened is None:
            return
        key = (node, part.room)
        number, index, members = self._parts.pop(key, (part.number, 0, {}))
        if part.index == 0:
            number, index, members = part.number, 0, {}
        if (number, index) != (part.number, part.index):
            # A part was lost: the whole is asked for again with the next beat.
            self._unsure.setdefault(node, set()).add(part.room)
            return
        members |= part.members
        if not part.is_last:
            self._parts[key] = (number, index + 1, members)
            return
        opened.roster.take(node, number, members)
        unsure = self._unsure.get(node, set())
        unsure.discard(part.room)
        if not unsure:
            self._mourned.pop(node, None)
        self._has_changed(opened)
        self._has_answered(node, opened)

    def _has_answered(self, node: str, opened: _Opened) -> None:
        if node in opened.awaited:
            opened.awaited.discard(node)
            if not opened.awaited:
                self._finish(opened)


def cut(items: Iterable[_Item], size: int) -> Iterator[list[_Item]]:
    """Cuts into lists of so many at most."""
    rest = iter(list(items))
    while some := list(islice(rest, size)):
        yield some
