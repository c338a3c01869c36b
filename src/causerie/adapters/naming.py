"""Deciding who gets a name. Pure: the adapter keeps the kept names and says what time it is.

Shared by the adapters in which one thread decides for everybody.
"""

from collections.abc import Sequence
from typing import Protocol

import msgspec

from causerie.chat.names import Name
from causerie.ports import Claimed, Holder, Taken, TooManyNames

DAY = 24 * 60 * 60 * 1_000_000
"""In microseconds."""
UNUSED = 90 * DAY
"""A kept name that was not used for so long is free."""


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """A name that stays its holder's while it is away."""

    folded: str
    skeleton: str
    display: str
    identity: str
    address: str
    """From which it was first kept, or empty."""
    created: int
    used: int


class KeptNames(Protocol):
    """Where an adapter keeps names: a table, found by folded name, skeleton or address."""

    def kept(self, folded: str) -> Kept | None:
        """Finds a name."""

    def alike(self, skeleton: str) -> Sequence[Kept]:
        """Finds the names that have a skeleton."""

    def newest(self, address: str, limit: int) -> Sequence[int]:
        """Tells when the newest `limit` names of an address were created, newest first."""

    def put(self, kept: Kept) -> None:
        """Keeps a name, in place of one of the same folded form."""

    def remove(self, folded: str) -> None:
        """Keeps a name no longer."""


class Names:
    """Who holds which name: the kept ones from `kept`, the borrowed ones in here.

    One thread calls all methods. What they change through `kept` becomes durable when the adapter
    says so; an answer may go out only then. `now` is in microseconds.
    """

    def __init__(self, kept: KeptNames, *, names_per_address: int) -> None:
        """Starts with no name borrowed; `names_per_address` a day may be kept (0: no limit)."""
        self._kept = kept
        self._names_per_address = names_per_address
        self._in_use: dict[str, tuple[Name, str]] = {}
        """By folded name: claimed and not yet released, kept or not; with the identity."""
        self._in_use_alike: dict[str, set[str]] = {}
        """By skeleton, the folded names in use."""

    def claim(
        self, name: Name, identity: str, *, address: str, now: int, replacing: str | None
    ) -> Claimed | Taken | TooManyNames:
        """Decides as `causerie.ports.Directory.claim` says."""
        evicted = []
        for folded, holder, used in self._rivals(name):
            if holder.identity == identity:
                continue
            if holder.kept:
                free = folded not in self._in_use and now - used >= UNUSED
            else:
                free = holder.identity == replacing
            if not free:
                return Taken(holder=holder, folded=folded)
            evicted.append((folded, holder.kept))
        mine = self._kept.kept(name.folded)
        if mine is not None and mine.identity != identity:
            mine = None
        if mine is None and not self._uses(name.folded, identity):
            too_many = self._too_many(address, now)
            if too_many is not None:
                return too_many
        for folded, kept in evicted:
            if kept:
                self._kept.remove(folded)
            else:
                self._free(folded)
        if mine is not None:
            self._kept.put(
                msgspec.structs.replace(
                    mine,
                    skeleton=name.skeleton,
                    display=name.display,
                    used=max(mine.used, now),
                )
            )
        self._use(name, identity)
        return Claimed(
            holder=Holder(identity=identity, display=name.display, kept=mine is not None)
        )

    def keep(self, name: Name, identity: str, *, address: str, now: int) -> None:
        """Makes a borrowed name kept; does nothing if it is kept already or another's."""
        if not self._uses(name.folded, identity) or self._kept.kept(name.folded) is not None:
            return
        self._use(name, identity)
        self._kept.put(
            Kept(
                folded=name.folded,
                skeleton=name.skeleton,
                display=name.display,
                identity=identity,
                address=address,
                created=now,
                used=now,
            )
        )

    def release(self, folded: str, identity: str, *, now: int) -> None:
        """Gives up a name in use; of a kept one, notes when it was last used."""
        if self._uses(folded, identity):
            self._free(folded)
        kept = self._kept.kept(folded)
        if kept is not None and kept.identity == identity:
            self._kept.put(msgspec.structs.replace(kept, used=max(kept.used, now)))

    def find(self, folded: str, *, now: int) -> Holder | None:
        """Tells who holds a name."""
        in_use = self._in_use.get(folded)
        kept = self._kept.kept(folded)
        if in_use is not None:
            name, identity = in_use
            mine = kept is not None and kept.identity == identity
            return Holder(identity=identity, display=name.display, kept=mine)
        if kept is None or now - kept.used >= UNUSED:
            return None
        return Holder(identity=kept.identity, display=kept.display, kept=True)

    def _rivals(self, name: Name) -> list[tuple[str, Holder, int]]:
        """Lists who holds the name or what looks like it, with the time of last use; itself first.

        A name in use and kept is told as kept. The skeleton of a name kept long ago may have been
        worked out by older tables, so the name itself is looked for too.
        """
        rivals: dict[str, tuple[str, Holder, int]] = {}
        exact = self._kept.kept(name.folded)
        for kept in ([] if exact is None else [exact]) + list(self._kept.alike(name.skeleton)):
            holder = Holder(identity=kept.identity, display=kept.display, kept=True)
            rivals[kept.folded] = (kept.folded, holder, kept.used)
        for folded in self._in_use_alike.get(name.skeleton, ()):
            if folded not in rivals:
                borrowed, identity = self._in_use[folded]
                holder = Holder(identity=identity, display=borrowed.display, kept=False)
                rivals[folded] = (folded, holder, 0)
        return sorted(rivals.values(), key=lambda rival: rival[0] != name.folded)

    def _too_many(self, address: str, now: int) -> TooManyNames | None:
        if not address or not self._names_per_address:
            return None
        newest = self._kept.newest(address, self._names_per_address)
        if len(newest) < self._names_per_address or newest[-1] <= now - DAY:
            return None
        return TooManyNames(retry_after=-(-(newest[-1] + DAY - now) // 1000))

    def _uses(self, folded: str, identity: str) -> bool:
        in_use = self._in_use.get(folded)
        return in_use is not None and in_use[1] == identity

    def _use(self, name: Name, identity: str) -> None:
        self._in_use[name.folded] = (name, identity)
        self._in_use_alike.setdefault(name.skeleton, set()).add(name.folded)

    def _free(self, folded: str) -> None:
        in_use = self._in_use.pop(folded, None)
        if in_use is not None:
            alike = self._in_use_alike[in_use[0].skeleton]
            alike.discard(folded)
            if not alike:
                del self._in_use_alike[in_use[0].skeleton]
