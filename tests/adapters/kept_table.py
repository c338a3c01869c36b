"""Names kept in a dictionary, and who decides on them."""

from collections.abc import Sequence

import msgspec

from causerie.adapters.naming import Names
from causerie.adapters.naming_rules import Kept
from causerie.ports import Claimed, Taken, TooManyNames
from causerie.testing.contracts_directory import ALICE


class Table(dict[str, Kept]):
    """Counts what is written."""

    writes = 0

    def kept(self, folded: str) -> Kept | None:
        return self.get(folded)

    def alike(self, skeleton: str) -> Sequence[Kept]:
        return [kept for kept in self.values() if kept.skeleton == skeleton]

    def last(self, identity: str) -> Kept | None:
        mine = [kept for kept in self.values() if kept.identity == identity]
        return max(mine, key=lambda kept: kept.claimed, default=None)

    def newest(self, address: str, limit: int) -> Sequence[int]:
        times = [kept.created for kept in self.values() if kept.address == address]
        return sorted(times, reverse=True)[:limit]

    def forget_addresses(self, created: int) -> None:
        for kept in list(self.values()):
            if kept.address and kept.created <= created:
                self.put(msgspec.structs.replace(kept, address=""))

    def put(self, kept: Kept) -> None:
        self.writes += 1
        self[kept.folded] = kept

    def remove(self, folded: str) -> None:
        self.writes += 1
        del self[folded]


def begin(*, names_per_address: int = 0) -> tuple[Table, Names]:
    table = Table()
    return table, Names(table, names_per_address=names_per_address)


def claim(
    names: Names, name: object = ALICE, identity: str = "a", **other: object
) -> Claimed | Taken | TooManyNames:
    arguments = {"address": "", "now": 0, "replacing": None, "returning": False} | other
    return names.claim(name, identity, **arguments)  # type: ignore[arg-type]
