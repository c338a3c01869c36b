"""The names of a cluster as values under keys, and one decision on them. Pure.

What is kept, each under a key of its own:

- ``names.n.<name>``: who holds a name (`Record`);
- ``names.s.<skeleton>``: the names that look so;
- ``names.i.<identity>``: the names that an identity holds, the one claimed last at the end;
- ``names.a.<address>``: the names that count against an address (`Counted`);
- ``nodes.<node>``: there as long as a node lives.

The records say what is so; the other three are found from them, and written in one stroke with
them. A decision is a `Transaction`: the rules read what they need, and what they change is written
only if none of the values it replaces has changed meanwhile.

That suffices, though what is read and not written is not compared. Two decisions that cannot both
hold meet in a value that both write: of one name, its record; of two that look alike, the list of
their skeleton, which grows by every new name; of one identity's claims, its list; and of new names
from one address, that list. Whoever takes a name from a node that is gone replaces its record,
which the node, should it come back, renews before it goes on (`Transaction.renew`).
"""

import hashlib
from base64 import b32encode
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Final, NamedTuple, Protocol, TypeVar

import msgspec
from msgspec.structs import replace

from causerie.adapters.naming_rules import Kept, Use
from causerie.chat.names import Name
from causerie.wire.errors import CauserieError

NAMES: Final = "names"
"""Begins the keys of names."""
NODES: Final = "nodes"
"""Begins the keys of nodes."""
ADDRESSES: Final = f"{NAMES}.a."
"""Begins the keys of addresses."""
LISTS: Final = (f"{NAMES}.i.", ADDRESSES)
"""Begin the keys of which there is one for everybody who ever came. That they are empty is not held
for ever: what the records do not say is passed over in a list that has come back."""

MOST_NAMES: Final = 20
"""Of so many names of an identity it is known in which order they were claimed; only the last
counts."""

MOST_FORGOTTEN: Final = 100
"""So many names are forgotten in one stroke, which is not to grow too great; the next sweep goes
on."""

_Type = TypeVar("_Type")


class Value(NamedTuple):
    """What stands under a key."""

    data: bytes
    """Empty: nothing."""
    revision: int
    """0 where nothing has stood for long."""


class Change(NamedTuple):
    """A value to write, if the one that it replaces is still there."""

    key: str
    data: bytes
    """Empty: nothing is to stand there."""
    replaced: int
    """The revision of the value that it replaces."""
    fades: bool = False
    """Whether it may be forgotten after a while that nothing stands there. If NATS is killed then,
    what stood there before may stand there again.
    """


class AwayError(CauserieError):
    """The store does not answer, or cannot do it now. What was to be written may have been, or may
    be yet.
    """


class ValueStore(Protocol):
    """Where the values stand. What was written before is seen by every read."""

    async def read(self, keys: Iterable[str]) -> dict[str, Value]:
        """Reads what stands under some keys now.

        Raises:
            AwayError: there is no answer.
        """

    async def write(self, changes: Sequence[Change]) -> int:
        """Makes all of some changes, of different keys in one bucket, or none: that is so if by now
        another value stands where one is to be replaced. Tells the revision of the last; 0 for
        none.

        Raises:
            AwayError: there is no answer.
        """

    async def keys(self, beginning: str) -> list[str]:
        """Lists the keys that begin so; `beginning` ends with a dot.

        Raises:
            AwayError: there is no answer.
        """


class UnreadError(CauserieError):
    """A decision needs values that have not been read."""

    def __init__(self, *keys: str) -> None:
        super().__init__(*keys)
        self.keys = keys


class Record(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Who holds a name."""

    folded: str
    skeleton: str
    display: str
    identity: str
    claimed: int
    kept: bool = False
    created: int = 0
    """When it was kept."""
    used: int = 0
    """When it was used last, if it is kept."""
    address: str = ""
    """The hash of the address against which it counts while it is borrowed."""
    nodes: tuple[str, ...] = ()
    """Where it is in use; some of them may be gone."""

    @property
    def name(self) -> Name:
        """The name, as its holder writes it."""
        return Name(display=self.display, folded=self.folded, skeleton=self.skeleton)


class Counted(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A name that counts against an address."""

    created: int = 0
    """When it was kept; 0 while it is borrowed."""
    nodes: tuple[str, ...] = ()
    """While it is borrowed, where it is in use."""


def name_key(folded: str) -> str:
    """The key of a name.

    Raises:
        UnicodeEncodeError: the name is no text.
    """
    return f"{NAMES}.n.{_base32(folded.encode())}"


def skeleton_key(skeleton: str) -> str:
    """The key of what looks alike."""
    return f"{NAMES}.s.{_base32(skeleton.encode())}"


def identity_key(identity: str) -> str:
    """The key of an identity."""
    return f"{NAMES}.i.{_digest(identity)}"


def address_key(address: str) -> str:
    """The key of an address, by its hash."""
    return ADDRESSES + address


def node_key(node: str) -> str:
    """The key of a node."""
    return f"{NODES}.{node}"


def is_node_key(key: str) -> bool:
    """Whether it is the key of a node."""
    return key.startswith(f"{NODES}.")


def address_hash(address: str) -> str:
    """What stands for an address; nothing for none."""
    return address and _digest(address)


class Transaction:
    """The names kept and in use, as they were read, and what a decision changes of them.

    It is `causerie.adapters.naming_rules.KeptNames` and `Uses`. What it is asked for and was not
    read it answers with `UnreadError`: read that as well, and decide anew.
    """

    def __init__(self, values: Mapping[str, Value], node: str) -> None:
        """Begins with these values, on a node, which is alive."""
        self._values = values
        self._node = node
        self._records: dict[str, Record | None] = {}
        self._alike: dict[str, list[str]] = {}
        self._names_of: dict[str, list[str]] = {}
        self._counted: dict[str, dict[str, Counted]] = {}
        self._changed: dict[str, Callable[[], object]] = {}
        """By key, what tells the value to write, or nothing."""
        self._renewed: set[str] = set()
        """Keys whose values are written even if they are as they were."""

    def changes(self) -> list[Change]:
        """Lists what is to be written, all or nothing: what is not as it was."""
        changes = []
        for key, tell in self._changed.items():
            value = tell()
            before = self._values[key]
            data = msgspec.json.encode(value) if value else b""
            if data != before.data or key in self._renewed:
                fades = key.startswith(LISTS)
                changes.append(Change(key, data, before.revision, fades=fades))
        return changes

    # The names kept.

    def kept(self, folded: str) -> Kept | None:
        """Finds a name. Its address is known to the address's list alone."""
        record = self.record(folded)
        if record is None or not record.kept:
            return None
        return Kept(
            folded=record.folded,
            skeleton=record.skeleton,
            display=record.display,
            identity=record.identity,
            address="",
            created=record.created,
            used=record.used,
            claimed=record.claimed,
        )

    def alike(self, skeleton: str) -> Sequence[Kept]:
        """Finds the names that have a skeleton."""
        found = (self.kept(record.folded) for record in self._records_alike(skeleton))
        return [kept for kept in found if kept is not None]

    def last(self, identity: str) -> Kept | None:
        """Finds the one of an identity's names that was claimed last."""
        for record in self._records_of(identity):
            if record.kept:
                return self.kept(record.folded)
        return None

    def newest(self, address: str, limit: int) -> Sequence[int]:
        """Tells when the newest names of an address were kept, newest first."""
        times = (counted.created for counted in self._counted_for(address).values())
        return sorted((time for time in times if time), reverse=True)[:limit]

    def forget_addresses(self, created: int) -> None:
        """Forgets, of the addresses that were read, the names kept at that time or before; and
        altogether some of those that were borrowed on nodes that are gone.
        """
        keys = [key for key in self._values if key.startswith(ADDRESSES)]
        left = MOST_FORGOTTEN
        for address in (key.removeprefix(ADDRESSES) for key in keys):
            for folded, counted in list(self._counted_for(address).items()):
                if counted.created:
                    if counted.created <= created:
                        self._count(address, folded, None)
                elif left and not self._alive(counted.nodes):
                    left -= 1
                    self._forget_borrowed(address, folded)

    def put(self, kept: Kept) -> None:
        """Keeps a name."""
        record = self.record(kept.folded)
        self._write(
            kept.folded,
            Record(
                folded=kept.folded,
                skeleton=kept.skeleton,
                display=kept.display,
                identity=kept.identity,
                claimed=kept.claimed,
                kept=True,
                created=kept.created,
                used=kept.used,
                nodes=() if record is None else record.nodes,
            ),
        )
        if kept.address:
            self._count(kept.address, kept.folded, Counted(created=kept.created))

    def put_last(self, kept: Kept) -> None:
        """Keeps a name, and as the one that its holder claimed last."""
        self.put(kept)
        self._claimed_last(kept.identity, kept.folded)

    def remove(self, folded: str) -> None:
        """Keeps a name no longer; whoever uses it goes on using it."""
        record = self.record(folded)
        assert record is not None, "it is kept"
        self._write(folded, replace(record, kept=False, created=0, used=0))

    # The names in use.

    def use(self, folded: str) -> Use | None:
        """Finds a name that is in use on a node that lives."""
        record = self.record(folded)
        if record is None:
            return None
        alive = self._alive(record.nodes)
        if not alive:
            return None
        return Use(
            name=record.name,
            identity=record.identity,
            address=record.address,
            noted=record.used,
            claimed=record.claimed,
            is_here=self._node in alive,
            elsewhere=next((node for node in alive if node != self._node), ""),
        )

    def uses_alike(self, skeleton: str) -> Sequence[Use]:
        """Finds the names in use that have a skeleton."""
        found = (self.use(record.folded) for record in self._records_alike(skeleton))
        return [use for use in found if use is not None]

    def last_use(self, identity: str) -> Use | None:
        """Finds the one of the names in use by an identity that was claimed last."""
        for record in self._records_of(identity):
            use = self.use(record.folded)
            if use is not None:
                return use
        return None

    def borrowed(self, address: str) -> int:
        """Counts the names in use that count against an address. If one comes to be counted then,
        its list is written even if it is as it was: two such decisions cannot both hold.
        """
        self._renewed.add(address_key(address))
        counted = self._counted_for(address).values()
        return sum(not one.created and bool(self._alive(one.nodes)) for one in counted)

    def begin(self, use: Use) -> None:
        """A name is in use here as well. What nodes that are gone have left of its looks goes: such
        a node, should it come back, must not find its own there.
        """
        name = use.name
        for record in list(self._records_alike(name.skeleton)):
            if record.folded != name.folded and not record.kept and self.use(record.folded) is None:
                self._write(record.folded, None)
        before = self.record(name.folded)
        if before is None or before.identity != use.identity:
            before = Record(
                folded=name.folded,
                skeleton=name.skeleton,
                display=name.display,
                identity=use.identity,
                claimed=use.claimed,
            )
        others = [node for node in self._alive(before.nodes) if node != self._node]
        self._write(
            name.folded,
            replace(
                before,
                skeleton=name.skeleton,
                display=name.display,
                claimed=use.claimed,
                address=use.address,
                nodes=(*others, self._node),
            ),
        )
        self._claimed_last(use.identity, name.folded)

    def leave(self, folded: str) -> None:
        """A name is in use here no longer."""
        record = self.record(folded)
        if record is not None:
            left = tuple(node for node in record.nodes if node != self._node)
            self._write(folded, replace(record, nodes=left))

    def end(self, folded: str) -> None:
        """A name is in use nowhere any longer."""
        record = self.record(folded)
        if record is not None:
            self._write(folded, replace(record, nodes=()))

    def count_no_longer(self, folded: str) -> None:
        """A name in use counts against no address any longer."""
        record = self.record(folded)
        assert record is not None, "it is in use"
        self._write(folded, replace(record, address=""))

    # Beside the rules.

    def renew(self, folded: str) -> Record | None:
        """Writes a name's record anew, even if it is as it was, and tells it: whatever was decided
        on the record of before, and is not written yet, comes to nothing.
        """
        record = self.record(folded)
        key = name_key(folded)
        self._renewed.add(key)
        self._change(key, lambda: self._records[folded])
        return record

    # What was read.

    def _read(self, key: str, kind: type[_Type]) -> _Type | None:
        value = self._values.get(key)
        if value is None:
            raise UnreadError(key)
        return msgspec.json.decode(value.data, type=kind) if value.data else None

    def record(self, folded: str) -> Record | None:
        """Finds who holds a name, or held it on nodes that may be gone."""
        if folded not in self._records:
            self._records[folded] = self._read(name_key(folded), Record)
        return self._records[folded]

    def _look(self, skeleton: str) -> list[str]:
        """The names that look so."""
        if skeleton not in self._alike:
            self._alike[skeleton] = self._read(skeleton_key(skeleton), list[str]) or []
        return self._alike[skeleton]

    def _names(self, identity: str) -> list[str]:
        """The names of an identity."""
        if identity not in self._names_of:
            self._names_of[identity] = self._read(identity_key(identity), list[str]) or []
        return self._names_of[identity]

    def _counted_for(self, address: str) -> dict[str, Counted]:
        """The names that count against an address."""
        if address not in self._counted:
            read = self._read(address_key(address), dict[str, Counted])
            self._counted[address] = read or {}
        return self._counted[address]

    def _records_alike(self, skeleton: str) -> Iterator[Record]:
        folded_names = list(self._look(skeleton))
        self._need(folded_names)
        for folded in folded_names:
            record = self.record(folded)
            if record is not None and record.skeleton == skeleton:
                yield record

    def _records_of(self, identity: str) -> Iterator[Record]:
        """The names of an identity, the one claimed last first."""
        folded_names = list(self._names(identity))
        self._need(folded_names)
        for folded in reversed(folded_names):
            record = self.record(folded)
            if record is not None and record.identity == identity:
                yield record

    def _need(self, folded_names: Sequence[str]) -> None:
        """Asks for several at once, rather than for one after the other."""
        keys = [name_key(folded) for folded in folded_names if folded not in self._records]
        unread = [key for key in keys if key not in self._values]
        if unread:
            raise UnreadError(*unread)

    def _alive(self, nodes: Sequence[str]) -> list[str]:
        """Those of some nodes that live."""
        keys = {node: node_key(node) for node in nodes if node != self._node}
        unread = [key for key in keys.values() if key not in self._values]
        if unread:
            raise UnreadError(*unread)
        return [node for node in nodes if node not in keys or self._values[keys[node]].data]

    # What is written.

    def _change(self, key: str, tell: Callable[[], object]) -> None:
        if key not in self._values:
            raise UnreadError(key)
        self._changed[key] = tell

    def _write(self, folded: str, record: Record | None) -> None:
        """Writes a record, and what is found from it. One that nobody holds is none."""
        if record is not None and not record.kept and not record.nodes:
            record = None
        before = self.record(folded)
        if before is not None:
            if record is None or record.skeleton != before.skeleton:
                self._unlist(self._look(before.skeleton), skeleton_key(before.skeleton), folded)
            if record is None or record.identity != before.identity:
                self._unlist(self._names(before.identity), identity_key(before.identity), folded)
            if before.address and (record is None or record.address != before.address):
                self._count(before.address, folded, None)
        if record is not None:
            self._list(self._look(record.skeleton), skeleton_key(record.skeleton), folded)
            self._list(self._names(record.identity), identity_key(record.identity), folded)
            if record.address:
                self._count(record.address, folded, Counted(nodes=record.nodes))
        self._records[folded] = record
        self._change(name_key(folded), lambda: self._records[folded])

    def _claimed_last(self, identity: str, folded: str) -> None:
        """Of an identity's names, one that is listed was claimed last."""
        names = self._names(identity)
        names.remove(folded)
        names.append(folded)
        del names[:-MOST_NAMES]
        self._change(identity_key(identity), lambda: names)

    def _forget_borrowed(self, address: str, folded: str) -> None:
        """Forgets a name that was borrowed from an address, if nobody has it any longer."""
        record = self.record(folded)
        if record is not None and not record.kept and not self._alive(record.nodes):
            self._write(folded, None)
        self._count(address, folded, None)

    def _list(self, folded_names: list[str], key: str, folded: str) -> None:
        if folded not in folded_names:
            folded_names.append(folded)
            self._change(key, lambda: folded_names)

    def _unlist(self, folded_names: list[str], key: str, folded: str) -> None:
        if folded in folded_names:
            folded_names.remove(folded)
            self._change(key, lambda: folded_names)

    def _count(self, address: str, folded: str, counted: Counted | None) -> None:
        names = self._counted_for(address)
        if counted is None:
            names.pop(folded, None)
        else:
            names[folded] = counted
        self._change(address_key(address), lambda: names)


def _digest(text: str) -> str:
    """26 characters that stand for a text."""
    return _base32(hashlib.sha256(text.encode()).digest()[:16])


@lru_cache(maxsize=4_096)
def _base32(data: bytes) -> str:
    """In base32, which Python spells out slowly: a claim wants each of its keys several times."""
    return b32encode(data).decode().rstrip("=").lower()
