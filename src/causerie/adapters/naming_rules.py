"""Who gets a name. Pure: an adapter keeps the names and says what time it is.

Shared by all adapters: those in which one thread decides for everybody (`naming`), and one whose
nodes decide at once, each on what it has read, and write only if that still holds.
"""

from collections.abc import Iterable, Sequence
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


class Use(msgspec.Struct):
    """A name that was claimed and is not yet released, kept or not."""

    name: Name
    identity: str
    address: str
    """Whose limit it counts against while it is not kept, or empty."""
    noted: int
    """When it was last seen to that its use is noted, if it is kept."""
    claimed: int
    """As of a kept one."""
    is_here: bool = True
    """It is in use on this node."""
    elsewhere: str = ""
    """Another node where it is in use, or empty."""


class Uses(Protocol):
    """Where an adapter has the names in use: found by folded name, skeleton, identity or address.

    Only what is in use by somebody who lives is found.
    """

    def use(self, folded: str) -> Use | None:
        """Finds a name."""

    def uses_alike(self, skeleton: str) -> Iterable[Use]:
        """Finds the names that have a skeleton."""

    def last_use(self, identity: str) -> Use | None:
        """Finds the one of an identity's names that was claimed last."""

    def borrowed(self, address: str) -> int:
        """Counts the names that count against an address."""

    def begin(self, use: Use) -> None:
        """A name is in use here, in place of one of the same folded form."""

    def leave(self, folded: str) -> None:
        """A name, if it is in use, is so no longer here."""

    def end(self, folded: str) -> None:
        """A name in use is so nowhere any longer."""

    def count_no_longer(self, folded: str) -> None:
        """A name in use counts against no address any longer."""


class Rules:
    """The rules of `causerie.ports.Directory`, on the names kept and the names in use.

    What they change becomes durable, and holds, when the adapter says so; an answer may go out only
    then. `now` is in microseconds.
    """

    def __init__(self, kept: KeptNames, uses: Uses, *, names_per_address: int) -> None:
        """Decides on these; `names_per_address` a day may be kept (0: no limit)."""
        self._kept = kept
        self._uses = uses
        self._names_per_address = names_per_address

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
        for folded, holder, used in self._rivals(name, mine, replacing):
            if holder.identity == identity:
                continue
            if holder.kept:
                free = self._uses.use(folded) is None and now - used >= UNUSED
            else:
                free = holder.identity == replacing and not holder.node
            if not free:
                return Taken(holder=holder, folded=folded)
            evicted.append((folded, holder.kept))
        if mine is not None and mine.identity != identity:
            mine = None
        counts_for = ""
        if mine is None:
            use = self._use(name.folded, identity)
            if use is not None:
                counts_for = use.address
            elif self._names_per_address:
                counts_for = address
                too_many = self._too_many(address, now)
                if too_many is not None:
                    return too_many
        for folded, kept in evicted:
            if kept:
                self._kept.remove(folded)
            else:
                self._uses.end(folded)
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
        self._uses.begin(Use(name, identity, counts_for, now, claimed))
        keeps = self._last_kept(identity) is not None
        if keeps:
            self.keep(name, identity, now=now)
        return Claimed(
            holder=Holder(identity=identity, display=name.display, kept=keeps),
            instead=None if name == wished else name,
        )

    def keep(self, name: Name, identity: str, *, now: int) -> None:
        """Makes a borrowed name kept; does nothing if it is kept already or another's."""
        use = self._use(name.folded, identity)
        if use is None or self._kept.kept(name.folded) is not None:
            return
        address = use.address
        self._uses.count_no_longer(name.folded)
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
        if self._use(folded, identity) is not None:
            self._uses.leave(folded)
        self.note(folded, identity, now=now)

    def note(self, folded: str, identity: str, *, now: int) -> None:
        """Notes that an identity uses a name, if it keeps it."""
        kept = self._kept.kept(folded)
        if kept is not None and kept.identity == identity:
            self._kept.put(msgspec.structs.replace(kept, used=max(kept.used, now)))

    def find(self, folded: str, *, now: int) -> Holder | None:
        """Tells who holds a name."""
        use = self._uses.use(folded)
        kept = self._kept.kept(folded)
        if use is not None:
            mine = kept is not None and kept.identity == use.identity
            return _holder(use, kept=mine, is_asked_here=mine or use.is_here)
        if kept is None or now - kept.used >= UNUSED:
            return None
        return Holder(identity=kept.identity, display=kept.display, kept=True)

    def _last(self, identity: str) -> Use | Kept | None:
        """The one of an identity's names that counts for whoever comes back."""
        return self._uses.last_use(identity) or self._last_kept(identity)

    def _last_kept(self, identity: str) -> Kept | None:
        """The name that an identity claimed last; only who can come back keeps any."""
        return self._kept.last(identity) if is_lasting(identity) else None

    def _next_claim(self, identity: str, now: int) -> int:
        """The time of a claim that comes after all earlier ones, whatever the clock says."""
        lasts = (self._uses.last_use(identity), self._last_kept(identity))
        return max([now, *(last.claimed + 1 for last in lasts if last is not None)])

    def _rivals(
        self, name: Name, exact: Kept | None, replacing: str | None
    ) -> list[tuple[str, Holder, int]]:
        """Lists who holds the name or what looks like it, with the time of last use; itself first.
        `exact` is the name itself, if it is kept.

        A name in use and kept is told as kept. The skeleton of a name kept long ago, or claimed on
        a node of another version, may have been worked out by other tables, so the name itself is
        looked for too.
        """
        rivals: dict[str, tuple[str, Holder, int]] = {}
        for kept in ([] if exact is None else [exact]) + list(self._kept.alike(name.skeleton)):
            holder = Holder(identity=kept.identity, display=kept.display, kept=True)
            rivals[kept.folded] = (kept.folded, holder, kept.used)
        same = self._uses.use(name.folded)
        alike = self._uses.uses_alike(name.skeleton)
        for use in alike if same is None else (same, *alike):
            folded = use.name.folded
            if folded not in rivals:
                # Who is replaced is replaced on this node; of another, that node can tell.
                is_asked_here = use.is_here and use.identity != replacing
                rivals[folded] = (folded, _holder(use, is_asked_here=is_asked_here), 0)
        return sorted(rivals.values(), key=lambda rival: rival[0] != name.folded)

    def _too_many(self, address: str, now: int) -> TooManyNames | None:
        """Counts the names kept within a day and those that may be kept any moment: otherwise many
        could be borrowed first, and all be kept then.
        """
        if not address:
            return None
        borrowed = self._uses.borrowed(address)
        newest = self._kept.newest(address, self._names_per_address)
        kept = [created for created in newest if created > now - DAY]
        if borrowed + len(kept) < self._names_per_address:
            return None
        waits = [BORROWED_RETRY] if borrowed else []
        waits += [created + DAY - now for created in kept[-1:]]
        return TooManyNames(retry_after=-(-min(waits) // 1000))

    def _use(self, folded: str, identity: str) -> Use | None:
        """Finds a name that is in use by an identity."""
        use = self._uses.use(folded)
        return use if use is not None and use.identity == identity else None


def _holder(use: Use, *, kept: bool = False, is_asked_here: bool) -> Holder:
    """Tells who uses a name, and which other node to ask whether it lives."""
    return Holder(
        identity=use.identity,
        display=use.name.display,
        kept=kept,
        node="" if is_asked_here else use.elsewhere,
    )
