"""Who is in one room, and what the others are told of it.

Two rules keep presence from becoming the main load: who loses the connection leaves only after a
grace period, so that a reload is neither announced nor mourned; and changes are gathered, told at
most once an interval that grows with the room, and in a large room only counted.
"""

from bisect import bisect_right
from itertools import chain, islice
from typing import NamedTuple

TOLD_UP_TO = 200
"""Members. In a larger room comings and goings are counted, not told by name."""

SHORTEST_INTERVAL = 0.25
"""Seconds between two announcements in a small room."""

MEMBERS_PER_SECOND = 2_000
"""In a large room the interval grows so that no more frames a second go out than this."""


class Change(NamedTuple):
    """What has changed since the last announcement. Names as displayed.

    Whoever applies it takes away those who left and the old names first, then adds those who joined
    and the new names: one may come under the name of another who goes.
    """

    members: int
    joined: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    renamed: tuple[tuple[str, str], ...] = ()
    everybody: tuple[str, ...] | None = None
    """Who is here, where somebody may know it wrongly: in a room that is small again, for until now
    changes were only counted; or because a newcomer, who was told its own name, has taken another
    before its coming was announced."""


class _Member:
    __slots__ = ("connections", "display", "here", "told")

    def __init__(self) -> None:
        self.display = ""
        self.connections = 0
        self.here = False
        # The name under which the others were told of this member; None if they never were.
        self.told: str | None = None


class Presence:
    """The members of a room, by folded name. `now` is in seconds, monotonic."""

    __slots__ = (
        "_count_due",
        "_counted",
        "_gone",
        "_grace",
        "_lingering",
        "_members",
        "_mistold",
        "_sorted",
        "_told_at",
        "_told_oneself",
        "_touched",
    )

    def __init__(self, grace: float) -> None:
        self._grace = grace
        self._members: dict[str, _Member] = {}
        # Folded name -> when it leaves; in that order, since the grace is the same for all.
        self._lingering: dict[str, float] = {}
        # Whatever may have changed since the last announcement, in the order of the changes; and
        # of that, by folded name, those who have gone: who comes back before it is told never left.
        self._touched: dict[_Member, None] = {}
        self._gone: dict[str, _Member] = {}
        self._told_at = float("-inf")
        # Whether somebody was told how many are here while changes were still to be announced.
        self._count_due = False
        # Whether the last announcement named nobody, so that readers do not know who is here.
        self._counted = False
        # Whether a newcomer was told its own name before that was announced; and whether one that
        # may be such a newcomer has taken another name since.
        self._told_oneself = False
        self._mistold = False
        self._sorted: list[str] | None = None

    def __len__(self) -> int:
        return len(self._members)

    def __contains__(self, folded: str) -> bool:
        return folded in self._members

    @property
    def is_needed(self) -> bool:
        """Whether somebody is here."""
        return bool(self._members)

    def arrive(self, folded: str, display: str) -> None:
        """One more connection of somebody has joined. Who comes back within the grace period has
        never left.
        """
        member = self._members.get(folded)
        if member is None:
            member = self._gone.pop(folded, None) or _Member()
            member.here = True
            self._members[folded] = member
            self._sorted = None
        self._lingering.pop(folded, None)
        member.connections += 1
        if member.display != display or member.told is None:
            member.display = display
            self._touched[member] = None

    def depart(self, folded: str, now: float, *, goodbye: bool) -> None:
        """One connection less; the last one leaves at once with a goodbye, else after the grace."""
        member = self._members.get(folded)
        if member is None:
            return
        member.connections = max(0, member.connections - 1)
        if member.connections:
            return
        self._lingering.pop(folded, None)
        if goodbye:
            self._remove(folded)
        else:
            self._lingering[folded] = now + self._grace

    def displace(self, folded: str) -> None:
        """Somebody has lost the name to another, and has left: whoever arrives under it is new."""
        self._lingering.pop(folded, None)
        if folded in self._members:
            self._remove(folded)
            self._gone.pop(folded, None)

    def rename(self, old: str, new: str, display: str) -> None:
        """A member goes on under another name. Who lingered under that one has left."""
        member = self._members.pop(old, None)
        if member is None:
            return
        displaced = self._members.get(new)
        if displaced is not None:
            member.connections += displaced.connections
            self._lingering.pop(new, None)
            self._remove(new)
        member.display = display
        self._mistold |= self._told_oneself and member.told is None
        self._members[new] = member
        self._touched[member] = None
        if old in self._lingering:
            self._lingering = {
                new if folded == old else folded: when for folded, when in self._lingering.items()
            }
            if member.connections:
                del self._lingering[new]
        self._sorted = None

    def tick(self, now: float) -> Change | None:
        """Ends the stay of those whose grace is over; answers what is to be announced now."""
        expired: list[str] = []
        for folded, when in self._lingering.items():
            if when > now:
                break
            expired.append(folded)
        for folded in expired:
            del self._lingering[folded]
            self._remove(folded)
        if not (self._touched or self._count_due) or now < self._next_announcement():
            return None
        joined: list[str] = []
        left: list[str] = []
        renamed: list[tuple[str, str]] = []
        for member in self._touched:
            if not member.here:
                assert member.told is not None, "who came and went unseen is not kept in mind"
                left.append(member.told)
            elif member.told is None:
                joined.append(member.display)
            elif member.told != member.display:
                renamed.append((member.told, member.display))
            member.told = member.display
        self._touched.clear()
        self._gone.clear()
        if not (joined or left or renamed or self._count_due):
            return None
        self._count_due = self._told_oneself = False
        self._told_at = now
        members = len(self._members)
        counted, self._counted = self._counted, members > TOLD_UP_TO
        if self._counted:
            return Change(members)
        everybody = None
        if counted or self._mistold:
            self._mistold = False
            everybody = tuple(member.display for member in self._members.values())
        return Change(members, tuple(joined), tuple(left), tuple(renamed), everybody)

    def deadline(self) -> float | None:
        """When `tick` has something to do, or None."""
        due = list(islice(self._lingering.values(), 1))
        if self._touched or self._count_due:
            due.append(self._next_announcement())
        return min(due, default=None)

    def tell_newcomer(
        self, folded: str | None = None, most: int = TOLD_UP_TO
    ) -> tuple[int, list[str]]:
        """How many are here, and some of their names, for one who goes on with announcements.

        The names are those that the others know by now, for of who came and went between two
        announcements, or was renamed and renamed back, nobody will ever hear; and the newcomer's
        own, if it is a member (`folded`). The count is that of this moment, so it is announced
        again even if it turns out as it was.
        """
        self._count_due |= bool(self._touched)
        announced = (member.told for member in self._members.values())
        gone = (member.told for member in self._touched if not member.here)
        known = (name for name in chain(announced, gone) if name is not None)
        names = list(islice(known, most))
        oneself = self._members.get(folded) if folded is not None else None
        if oneself is not None and oneself.told is None and len(names) < most:
            if oneself.display in names:
                # That its last holder has left is yet to be announced, before one's own coming.
                return len(self._members), names
            names.append(oneself.display)
            self._told_oneself = True
        return len(self._members), names

    def page(self, after: str, limit: int) -> tuple[list[str], bool]:
        """The names that follow the folded name `after`, in the order of folded names, and whether
        there are more.
        """
        if self._sorted is None:
            self._sorted = sorted(self._members)
        start = bisect_right(self._sorted, after)
        chosen = self._sorted[start : start + limit]
        more = start + limit < len(self._sorted)
        return [self._members[folded].display for folded in chosen], more

    def _remove(self, folded: str) -> None:
        member = self._members.pop(folded)
        member.here = False
        member.connections = 0
        self._sorted = None
        if member.told is None:
            del self._touched[member]
        else:
            self._touched[member] = None
            self._gone[folded] = member

    def _next_announcement(self) -> float:
        return self._told_at + max(SHORTEST_INTERVAL, len(self._members) / MEMBERS_PER_SECOND)
