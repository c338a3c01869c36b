"""Who is in one room on all nodes of a cluster, merged with who is in it here.

Each node says who is in a room *there*: what it says of itself is its contribution. A member is who
is in at least one of them, so that somebody with connections to several nodes is one member, and is
told to have left once, when the last node says so.

- Grace is waited out on the node that lost the connection; it contributes until then. Who comes
  back on another node in the meantime has never left, and who says goodbye on another is not waited
  for: the node that waits gives its part up.
- A rename is heard from one node first. All who are counted under the old name are the same person,
  and go on under the new one with it, until their own nodes say the same.

What a node says is numbered, each change with the number of the one before, as a log's entries are:
so a lost one is noticed, and the node is asked for everybody who is there.
"""

from collections.abc import Mapping, Sequence
from typing import Literal, assert_never

import msgspec

from causerie.chat.presence import TOLD_UP_TO, Change, Presence

PUBLISHED_EVERY = 0.1
"""Seconds between two publications of what has changed in a large room, at least: there the members
are only counted. What changes in a room of no more than `TOLD_UP_TO` is published at once."""

HERE = ""
"""Stands for this node where others are named by their ids."""

How = Literal["grace", "goodbye", "displaced"]
"""Why somebody is no longer on a node: the grace period is over, or they have said goodbye, or lost
the name to another."""


class Came(msgspec.Struct, frozen=True, array_like=True, tag="came", gc=False):
    """Somebody is on a node, or is written otherwise there."""

    folded: str
    display: str


class Left(msgspec.Struct, frozen=True, array_like=True, tag="left", gc=False):
    """Somebody is no longer on a node."""

    folded: str
    how: How


class Renamed(msgspec.Struct, frozen=True, array_like=True, tag="renamed", gc=False):
    """Somebody on a node goes on under another name. Both are folded."""

    old: str
    new: str
    display: str


NodeChange = Came | Left | Renamed


class _Here:
    __slots__ = ("connections", "display")

    def __init__(self, display: str) -> None:
        self.display = display
        self.connections = 1


class _Elsewhere:
    __slots__ = ("members", "number")

    def __init__(self) -> None:
        self.number = 0
        # By folded name, as displayed.
        self.members: dict[str, str] = {}


class Roster(Presence):
    """The members of a room on all nodes, by folded name. `now` is in seconds, monotonic.

    What the base counts as connections are nodes here.
    """

    __slots__ = (
        "_changes",
        "_elsewhere",
        "_here",
        "_here_until",
        "_moved",
        "_published_at",
        "_withheld",
    )

    def __init__(self, grace: float) -> None:
        super().__init__(grace)
        self._here: dict[str, _Here] = {}
        # Folded name -> when its grace is over; in that order, since it is the same for all.
        self._here_until: dict[str, float] = {}
        # Of those in their grace, who was not told of when another node asked.
        self._withheld: set[str] = set()
        self._elsewhere: dict[str, _Elsewhere] = {}
        # (Node, folded name as the node says it) -> the name under which it is counted, where that
        # is another: a rename was heard from a node that is ahead.
        self._moved: dict[tuple[str, str], str] = {}
        self._changes: list[NodeChange] = []
        self._published_at = float("-inf")

    def __contains__(self, folded: str) -> bool:
        return folded in self._here

    @property
    def is_needed(self) -> bool:
        """Whether somebody is here, or the other nodes are not yet told of who has gone."""
        return bool(self._here or self._changes)

    # Who is here.

    def arrive(self, folded: str, display: str) -> None:
        """One more connection of somebody has joined here."""
        here = self._here.get(folded)
        if here is None:
            self._here[folded] = _Here(display)
            super().arrive(folded, display)
        else:
            self._here_until.pop(folded, None)
            here.connections += 1
            is_withheld = folded in self._withheld
            self._withheld.discard(folded)
            if here.display != display:
                here.display = display
                self._show(HERE, folded, display)
            elif not is_withheld:
                return
        self._changes.append(Came(folded, display))

    def depart(self, folded: str, now: float, *, goodbye: bool) -> None:
        """One connection less here; with the last one the grace begins, if it was no goodbye."""
        here = self._here.get(folded)
        if here is None:
            return
        here.connections = max(0, here.connections - 1)
        if here.connections:
            return
        self._here_until.pop(folded, None)
        if goodbye:
            self._go(folded, "goodbye")
        else:
            self._here_until[folded] = now + self._grace

    def displace(self, folded: str) -> None:
        """Somebody here has lost the name to another, and has left."""
        if folded in self._here:
            self._go(folded, "displaced")

    def rename(self, old: str, new: str, display: str) -> None:
        """Somebody here goes on under another name. Who lingered under that one has left."""
        here = self._here.get(old)
        if here is None:
            return
        if new != old and new in self._here:
            here.connections += self._here[new].connections
            self._go(new, "displaced")
        del self._here[old]
        here.display = display
        self._here[new] = here
        if old in self._withheld:
            self._withheld.discard(old)
            self._withheld.add(new)
        if old in self._here_until:
            self._here_until = {
                new if folded == old else folded: when for folded, when in self._here_until.items()
            }
            if here.connections:
                del self._here_until[new]
        self._changes.append(Renamed(old, new, display))
        self._rename(HERE, old, new, display)

    def tick(self, now: float) -> Change | None:
        """Ends the stay of those here whose grace is over; answers what is to be announced now."""
        expired: list[str] = []
        for folded, when in self._here_until.items():
            if when > now:
                break
            expired.append(folded)
        for folded in expired:
            self._go(folded, "grace")
        return super().tick(now)

    def deadline(self) -> float | None:
        """When `tick` or `publish` has something to do, or None."""
        due = [] if (announcement := super().deadline()) is None else [announcement]
        for when in self._here_until.values():
            due.append(when)
            break
        if self._changes:
            due.append(self._next_publication())
        return min(due, default=None)

    # What the other nodes are told.

    def publish(self, now: float) -> Sequence[NodeChange]:
        """Takes what has changed here and is to be told to the other nodes now, in order."""
        if now < self._next_publication():
            return ()
        return self.publish_at_once(now)

    def publish_at_once(self, now: float) -> Sequence[NodeChange]:
        """The same, however short ago that was done last."""
        changes, self._changes = self._changes, []
        if changes:
            self._published_at = now
        return changes

    def who_is_here(self, *, has_mourned: bool = False) -> list[tuple[str, str]]:
        """Everybody on this node, folded and as displayed: true once all changes are published.

        A node that `has_mourned` this one has told its people that all here have left. Of those in
        their grace it hears when they come back: they are not to come there to leave once more.
        """
        if has_mourned:
            self._withheld |= self._here_until.keys()
        return [
            (folded, here.display)
            for folded, here in self._here.items()
            if not (has_mourned and folded in self._here_until)
        ]

    # What the other nodes tell.

    def number_of(self, node: str) -> int:
        """The number of the last change heard of a node; 0 if there was none."""
        elsewhere = self._elsewhere.get(node)
        return elsewhere.number if elsewhere is not None else 0

    def hear(self, node: str, previous: int, number: int, changes: Sequence[NodeChange]) -> bool:
        """Takes in what has changed on a node; answers whether it could. It cannot after a hole:
        the node has to be asked for everybody. What was heard before is no hole.

        `previous` is 0 for the first change that the node tells since it has the room open.
        """
        elsewhere = self._elsewhere.get(node)
        if elsewhere is None:
            elsewhere = self._elsewhere[node] = _Elsewhere()
        if number <= elsewhere.number:
            return True
        if previous != elsewhere.number and (previous or elsewhere.members):
            return False
        elsewhere.number = number
        for change in changes:
            match change:
                case Came(folded, display):
                    self._came(node, elsewhere, folded, display)
                case Left(folded, how):
                    self._left(node, elsewhere, folded, how)
                case Renamed():
                    self._renamed(node, elsewhere, change)
                case unknown:
                    assert_never(unknown)
        return True

    def take(self, node: str, number: int, members: Mapping[str, str]) -> None:
        """Takes in everybody who is on a node, by folded name, as of a change's number."""
        elsewhere = self._elsewhere.get(node)
        if elsewhere is None:
            elsewhere = self._elsewhere[node] = _Elsewhere()
        if number < elsewhere.number:
            return
        elsewhere.number = number
        for folded in [folded for folded in elsewhere.members if folded not in members]:
            self._left(node, elsewhere, folded, "grace")
        for folded, display in members.items():
            self._came(node, elsewhere, folded, display)

    def open(self) -> None:
        """Has everybody who was heard of so far be known: nobody has listened yet, and so nobody is
        told that they have come.
        """
        for member in self._touched:
            member.told = member.display
        self._touched.clear()

    def forget(self, node: str) -> None:
        """A node is dead: who was on it and on no other has left."""
        elsewhere = self._elsewhere.pop(node, None)
        if elsewhere is not None:
            for folded in list(elsewhere.members):
                self._left(node, elsewhere, folded, "grace")

    def _came(self, node: str, elsewhere: _Elsewhere, folded: str, display: str) -> None:
        if folded in elsewhere.members:
            if elsewhere.members[folded] != display:
                elsewhere.members[folded] = display
                self._show(node, folded, display)
            return
        elsewhere.members[folded] = display
        super().arrive(folded, display)
        if folded in self._here_until:
            self._go(folded, "grace")

    def _left(self, node: str, elsewhere: _Elsewhere, folded: str, how: How) -> None:
        if folded in elsewhere.members:
            del elsewhere.members[folded]
            self._uncount(node, folded, how)
        if how != "grace" and folded in self._here_until:
            self._go(folded, how)

    def _renamed(self, node: str, elsewhere: _Elsewhere, change: Renamed) -> None:
        if change.old not in elsewhere.members:
            self._came(node, elsewhere, change.new, change.display)
            return
        if change.new != change.old and change.new in elsewhere.members:
            self._left(node, elsewhere, change.new, "displaced")
        del elsewhere.members[change.old]
        elsewhere.members[change.new] = change.display
        self._rename(node, change.old, change.new, change.display)

    def _next_publication(self) -> float:
        return self._published_at + (PUBLISHED_EVERY if len(self) > TOLD_UP_TO else 0.0)

    # How nodes are counted.

    def _go(self, folded: str, how: How) -> None:
        """Somebody is no longer here."""
        del self._here[folded]
        self._here_until.pop(folded, None)
        self._withheld.discard(folded)
        self._changes.append(Left(folded, how))
        self._uncount(HERE, folded, how)

    def _uncount(self, node: str, folded: str, how: How) -> None:
        counted = self._moved.pop((node, folded), folded)
        super().depart(counted, 0.0, goodbye=True)
        if how == "displaced" and not super().__contains__(counted):
            self._gone.pop(counted, None)

    def _show(self, node: str, folded: str, display: str) -> None:
        if (node, folded) not in self._moved:
            super().rename(folded, folded, display)

    def _rename(self, node: str, old: str, new: str, display: str) -> None:
        """What a node calls somebody has changed; so has what it is called by all."""
        counted = self._moved.pop((node, old), old)
        if counted == new:
            super().rename(new, new, display)
        elif super().__contains__(new):
            # The others have gone ahead, or the last holder of that name is about to leave.
            super().depart(counted, 0.0, goodbye=True)
            super().arrive(new, display)
            self._mistold |= self._told_oneself
        else:
            super().rename(counted, new, display)
            for other in self._counted_under(counted):
                self._moved[other] = new

    def _counted_under(self, name: str) -> list[tuple[str, str]]:
        """Whichever parts of nodes are counted under a name."""
        found = [part for part, counted in self._moved.items() if counted == name]
        nodes: list[tuple[str, Mapping[str, object]]] = [(HERE, self._here)]
        nodes += [(node, elsewhere.members) for node, elsewhere in self._elsewhere.items()]
        for node, members in nodes:
            if name in members and (node, name) not in self._moved:
                found.append((node, name))
        return found
