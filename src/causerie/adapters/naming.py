"""Deciding who gets a name, where one thread decides for everybody. Pure, as the rules are."""

from collections.abc import Iterable, Iterator

from causerie.adapters.naming_rules import DAY, KeptNames, Rules, Use


class Names(Rules):
    """Who holds which name: the kept ones from `kept`, the borrowed ones in here.

    One thread calls all methods.
    """

    def __init__(self, kept: KeptNames, *, names_per_address: int) -> None:
        """Starts with no name borrowed; `names_per_address` a day may be kept (0: no limit)."""
        self._in_use = _NamesInUse()
        super().__init__(kept, self._in_use, names_per_address=names_per_address)

    def sweep(self, *, now: int) -> None:
        """Notes that the names in use are used, each once a day, and forgets the addresses that no
        longer count.
        """
        for use in self._in_use:
            if use.noted <= now - DAY:
                use.noted = now
                self.note(use.name.folded, use.identity, now=now)
        self._kept.forget_addresses(now - DAY)


class _NamesInUse:
    """`causerie.adapters.naming_rules.Uses` in dictionaries."""

    def __init__(self) -> None:
        self._by_name: dict[str, Use] = {}
        self._alike: dict[str, dict[str, Use]] = {}
        """By skeleton and folded name."""
        self._by_identity: dict[str, dict[str, Use]] = {}
        """By identity and folded name, the one claimed last at the end."""
        self._borrowed: dict[str, int] = {}
        """By address, how many names count against it."""

    def __iter__(self) -> Iterator[Use]:
        return iter(self._by_name.values())

    def use(self, folded: str) -> Use | None:
        return self._by_name.get(folded)

    def uses_alike(self, skeleton: str) -> Iterable[Use]:
        return self._alike.get(skeleton, {}).values()

    def last_use(self, identity: str) -> Use | None:
        uses = self._by_identity.get(identity)
        return next(reversed(uses.values())) if uses else None

    def borrowed(self, address: str) -> int:
        return self._borrowed.get(address, 0)

    def begin(self, use: Use) -> None:
        name = use.name
        self.end(name.folded)
        self._by_name[name.folded] = use
        self._alike.setdefault(name.skeleton, {})[name.folded] = use
        self._by_identity.setdefault(use.identity, {})[name.folded] = use
        if use.address:
            self._borrowed[use.address] = self._borrowed.get(use.address, 0) + 1

    def leave(self, folded: str) -> None:
        self.end(folded)

    def end(self, folded: str) -> None:
        if folded not in self._by_name:
            return
        self.count_no_longer(folded)
        use = self._by_name.pop(folded)
        _forget(self._alike, use.name.skeleton, folded)
        _forget(self._by_identity, use.identity, folded)

    def count_no_longer(self, folded: str) -> None:
        use = self._by_name[folded]
        if use.address:
            self._borrowed[use.address] -= 1
            if not self._borrowed[use.address]:
                del self._borrowed[use.address]
            use.address = ""


def _forget(uses: dict[str, dict[str, Use]], key: str, folded: str) -> None:
    """Takes a name from those under a key, which goes with the last of them."""
    del uses[key][folded]
    if not uses[key]:
        del uses[key]
