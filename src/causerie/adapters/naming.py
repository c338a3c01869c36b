"""Deciding who gets a name. Pure: the adapter keeps the kept names and says what time it is.

Shared by the adapters in which one thread decides for everybody.
"""

from collections.abc import Sequence
from typing import Protocol

import msgspec

from causerie.chat.identity import is_lasting
from causerie.chat.names import Name
from causerie.ports import Claimed, Holder, Taken, TooManyNames

DAY = 24 * 60 * 60 * 1_000_000
"""In microseconds."""
UNUSED = 90 * DAY
"""A kept name that was not used for so long is free."""
BORROWED_RETRY = 60 * 1_000_000
"""Where borrowed names take up an address's limit, ask again after so long at most: any of them may
be given up at any time."""


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """A name that stays its holder's while it is away."""

    folded: str
    skeleton: str
    display: str
    identity: str
    address: str
    """From which it was claimed, for as long as that counts; then empty."""
    created: int
    used: int
    claimed: int
    """When it was claimed last: greater than that of all that its holder claimed before."""

    @property
    def name(self) -> Name:
        """The name, as its holder writes it."""
        return Name(display=self.display, folded=self.folded, skeleton=self.skeleton)


class KeptNames(Protocol):
    """Where an adapter keeps names: a table, found by folded name, skeleton or address."""

    def kept(self, folded: str) -> Kept | None:
        """Finds a name."""

    def alike(self, skeleton: str) -> Sequence[Kept]:
        """Finds the names that have a skeleton."""

    def last(self, identity: str) -> Kept | None:
        """Finds the one of an identity's names that was claimed last."""

    def newest(self, address: str, limit: int) -> Sequence[int]:
        """Tells when the newest `limit` names of an address were created, newest first."""

    def forget_addresses(self, created: int) -> None:
        """Empties the address of each name that was created at that time or before."""

    def put(self, kept: Kept) -> None:
        """Keeps a name, in place of one of the same folded form."""

    def remove(self, folded: str) -> None:
        """Keeps a name no longer."""


class _Use(msgspec.Struct):
    """A name that was claimed and is not yet released, kept or not."""

    name: Name
    identity: str
    address: str
    """Whose limit it counts against while it is not kept, or empty."""
    noted: int
    """When it was last seen to that its use is noted, if it is kept."""
    claimed: int
    """As of a kept one."""


class Names:
    """Who holds which name: the kept ones from `kept`, the borrowed ones in here.

    One thread calls all methods. What they change through `kept` becomes durable when the adapter
    says so; an answer may go out only then. `now` is in microseconds.
    """

    def __init__(self, kept: KeptNames, *, names_per_address: int) -> None:
        """Starts with no name borrowed; `names_per_address` a day may be kept (0: no limit)."""
        self._kept = kept
        self._names_per_address = names_per_address
        self._in_use: dict[str, _Use] = {}
        """By folded name."""
        self._in_use_alike: dict[str, set[str]] = {}
        """By skeleton, the folded names in use."""
        self._in_use_by: dict[str, dict[str, None]] = {}
        """By identity, the folded names that it uses, the one claimed last at the end."""
        self._borrowed: dict[str, int] = {}
        """By address, how many names in use count against it."""

    def claim(
        self,
        name: Name,
        identity: str,
        *,
        address: str,
        now: int,
        replacing: str | None,
        returning: bool,
    ) -> Claimed | Taken | TooManyNames:
        """Decides as `causerie.ports.Directory.claim` says."""
        wished = name
        if returning:
            last = self._last(identity)
            # Of one and the same, the skeleton that was worked out now counts.
            if last is not None and last.name.display != wished.display:
                name = last.name
        mine = self._kept.kept(name.folded)
        evicted = []
        for folded, holder, used in self._rivals(name, mine):
            if holder.identity == identity:
                continue
            if holder.kept:
                free = folded not in self._in_use and now - used >= UNUSED
            else:
                free = holder.identity == replacing
            if not free:
                return Taken(holder=holder, folded=folded)
            evicted.append((folded, holder.kept))
        if mine is not None and mine.identity != identity:
            mine = None
        counts_for = ""
        if mine is None:
            if self._uses(name.folded, identity):
                counts_for = self._in_use[name.folded].address
            elif self._names_per_address:
                counts_for = address
                too_many = self._too_many(address, now)
                if too_many is not None:
                    return too_many
        for folded, kept in evicted:
            if kept:
                self._kept.remove(folded)
            else:
                self._free(folded)
        claimed = self._next_claim(identity, now)
        if mine is not None:
            self._kept.put(
                msgspec.structs.replace(
                    mine,
                    skeleton=name.skeleton,
                    display=name.display,
                    used=max(mine.used, now),
                    claimed=claimed,
                )
            )
        self._use(_Use(name, identity, counts_for, now, claimed))
        keeps = self._last_kept(identity) is not None
        if keeps:
            self.keep(name, identity, now=now)
        return Claimed(
            holder=Holder(identity=identity, display=name.display, kept=keeps),
            instead=None if name == wished else name,
        )

    def keep(self, name: Name, identity: str, *, now: int) -> None:
        """Makes a borrowed name kept; does nothing if it is kept already or another's."""
        if not self._uses(name.folded, identity) or self._kept.kept(name.folded) is not None:
            return
        use = self._in_use[name.folded]
        address = use.address
        self._count_no_longer(use)
        use.name, use.noted = name, now
        self._kept.put(
            Kept(
                folded=name.folded,
                skeleton=name.skeleton,
                display=name.display,
                identity=identity,
                address=address,
                created=now,
                used=now,
                claimed=use.claimed,
            )
        )

    def release(self, folded: str, identity: str, *, now: int) -> None:
        """Gives up a name in use; of a kept one, notes when it was last used."""
        if self._uses(folded, identity):
            self._free(folded)
        kept = self._kept.kept(folded)
        if kept is not None and kept.identity == identity:
            self._kept.put(msgspec.structs.replace(kept, used=max(kept.used, now)))

    def sweep(self, *, now: int) -> None:
        """Notes that the names in use are used, each once a day, and forgets the addresses that no
        longer count.
        """
        for folded, use in self._in_use.items():
            if use.noted <= now - DAY:
                use.noted = now
                kept = self._kept.kept(folded)
                if kept is not None and kept.identity == use.identity:
                    self._kept.put(msgspec.structs.replace(kept, used=max(kept.used, now)))
        self._kept.forget_addresses(now - DAY)

    def find(self, folded: str, *, now: int) -> Holder | None:
        """Tells who holds a name."""
        use = self._in_use.get(folded)
        kept = self._kept.kept(folded)
        if use is not None:
            mine = kept is not None and kept.identity == use.identity
            return Holder(identity=use.identity, display=use.name.display, kept=mine)
        if kept is None or now - kept.used >= UNUSED:
            return None
        return Holder(identity=kept.identity, display=kept.display, kept=True)

    def _last(self, identity: str) -> _Use | Kept | None:
        """The one of an identity's names that counts for whoever comes back."""
        used = self._in_use_by.get(identity)
        return self._in_use[next(reversed(used))] if used else self._last_kept(identity)

    def _last_kept(self, identity: str) -> Kept | None:
        """The name that an identity claimed last; only who can come back keeps any."""
        return self._kept.last(identity) if is_lasting(identity) else None

    def _next_claim(self, identity: str, now: int) -> int:
        """The time of a claim that comes after all earlier ones, whatever the clock says."""
        lasts = (self._last(identity), self._last_kept(identity))
        return max([now, *(last.claimed + 1 for last in lasts if last is not None)])

    def _rivals(self, name: Name, exact: Kept | None) -> list[tuple[str, Holder, int]]:
        """Lists who holds the name or what looks like it, with the time of last use; itself first.
        `exact` is the name itself, if it is kept.

        A name in use and kept is told as kept. The skeleton of a name kept long ago may have been
        worked out by older tables, so the name itself is looked for too.
        """
        rivals: dict[str, tuple[str, Holder, int]] = {}
        for kept in ([] if exact is None else [exact]) + list(self._kept.alike(name.skeleton)):
            holder = Holder(identity=kept.identity, display=kept.display, kept=True)
            rivals[kept.folded] = (kept.folded, holder, kept.used)
        for folded in self._in_use_alike.get(name.skeleton, ()):
            if folded not in rivals:
                use = self._in_use[folded]
                holder = Holder(identity=use.identity, display=use.name.display, kept=False)
                rivals[folded] = (folded, holder, 0)
        return sorted(rivals.values(), key=lambda rival: rival[0] != name.folded)

    def _too_many(self, address: str, now: int) -> TooManyNames | None:
        """Counts the names kept within a day and those that may be kept any moment: otherwise many
        could be borrowed first, and all be kept then.
        """
        if not address:
            return None
        borrowed = self._borrowed.get(address, 0)
        newest = self._kept.newest(address, self._names_per_address)
        kept = [created for created in newest if created > now - DAY]
        if borrowed + len(kept) < self._names_per_address:
            return None
        waits = [BORROWED_RETRY] if borrowed else []
        waits += [created + DAY - now for created in kept[-1:]]
        return TooManyNames(retry_after=-(-min(waits) // 1000))

    def _uses(self, folded: str, identity: str) -> bool:
        use = self._in_use.get(folded)
        return use is not None and use.identity == identity

    def _use(self, use: _Use) -> None:
        name = use.name
        self._free(name.folded)
        self._in_use[name.folded] = use
        self._in_use_alike.setdefault(name.skeleton, set()).add(name.folded)
        self._in_use_by.setdefault(use.identity, {})[name.folded] = None
        if use.address:
            self._borrowed[use.address] = self._borrowed.get(use.address, 0) + 1

    def _free(self, folded: str) -> None:
        use = self._in_use.pop(folded, None)
        if use is None:
            return
        alike = self._in_use_alike[use.name.skeleton]
        alike.discard(folded)
        if not alike:
            del self._in_use_alike[use.name.skeleton]
        names = self._in_use_by[use.identity]
        del names[folded]
        if not names:
            del self._in_use_by[use.identity]
        self._count_no_longer(use)

    def _count_no_longer(self, use: _Use) -> None:
        if use.address:
            self._borrowed[use.address] -= 1
            if not self._borrowed[use.address]:
                del self._borrowed[use.address]
            use.address = ""
