"""Chats at rest, which nobody serves: how one is copied into another store, and how it is seen that
both are the same.

An archive has the entries of each room in the order in which they were stored. A target is filled
in the order of its source, so that at any time, however it was left, it holds of each room a
beginning, and can be gone on with. What holds anything else is not touched.

ArchiveError       one cannot be copied into the other
├── HoldsOther     of a room, the target does not hold a beginning of what the source has
├── HoldsMore      the target has all that the source has, and goes on
├── HoldsNames     the target has names, and none of the entries
└── Unlike         what was copied is not what was to be
"""

from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from hashlib import blake2b
from typing import Final, Literal, NamedTuple, Protocol

import msgspec

from causerie.chat.entry import Entry
from causerie.chat.names import Name
from causerie.wire.errors import CauserieError

DIGEST_SIZE: Final = 16
"""Bytes of a room's checksum."""

Phase = Literal["looking", "copying", "checking"]

Tell = Callable[[Phase, int, int], None]
"""Is told what is being done, how many entries that is done with, and of how many."""


class KeptName(msgspec.Struct, frozen=True, kw_only=True):
    """A name that stays its holder's while it is away."""

    name: Name
    identity: str
    created: int
    """When it was kept, in microseconds since 1970; so are the others."""
    used: int
    claimed: int
    address: str = ""
    """The address against which it counts, where that is known; a copy may do without."""


class Archive(Protocol):
    """A store that this process has for itself. A failure is raised as a CauserieError, which says
    what to do; what was appended before is there all the same.
    """

    async def count(self) -> int:
        """Counts the entries."""

    def read(self) -> AsyncIterator[Sequence[Entry]]:
        """Reads all entries that are there when this begins, those of a room in the order in which
        they were stored, a piece at a time. No piece is empty.
        """

    async def begin(self) -> None:
        """Notes, durably, that this is a part of something: no server begins on it."""

    async def append(self, entries: Sequence[Entry]) -> None:
        """Stores entries, durably and in this order, as they are but for their `seq` and `prev`.
        Each is stored whole or not at all, and no later one of a room without the earlier.
        """

    async def names(self) -> Sequence[KeptName]:
        """Lists the names that are kept."""

    async def set_names(self, names: Sequence[KeptName]) -> None:
        """Keeps these names, durably, and no others."""

    async def finish(self) -> None:
        """Notes that it is whole."""


class ArchiveError(CauserieError):
    """One archive cannot be copied into another."""


class HoldsOther(ArchiveError):
    """Of this room the target holds something else than a beginning of what the source has."""

    def __init__(self, room: str) -> None:
        super().__init__(room)
        self.room = room


class HoldsMore(ArchiveError):
    """The target has all that the source has, and more after that."""


class HoldsNames(ArchiveError):
    """The target has no entries, but keeps this name, which the source does not."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class Unlike(ArchiveError):
    """These rooms, and so many names, are not the same in both."""

    def __init__(self, rooms: Sequence[str], names: int) -> None:
        super().__init__(rooms, names)
        self.rooms = rooms
        self.names = names


class Copied(NamedTuple):
    """What both archives hold in the end."""

    rooms: int
    entries: int
    names: int
    new: int
    """How many of the entries were not there before."""


class RoomSum(NamedTuple):
    """What a room comes to."""

    entries: int
    digest: bytes
    """Of all of them, in their order."""


class Sums:
    """The checksum of each room. It takes memory for the rooms, and none for the entries."""

    def __init__(self) -> None:
        self.rooms: dict[str, RoomSum] = {}
        self.count = 0

    def add(self, entries: Iterable[Entry]) -> None:
        """Takes the next entries in."""
        rooms = self.rooms
        for entry in entries:
            number, digest = rooms.get(entry.room, _NOTHING)
            digest = blake2b(digest + _encode(_content(entry)), digest_size=DIGEST_SIZE).digest()
            rooms[entry.room] = RoomSum(number + 1, digest)
            self.count += 1


_NOTHING: Final = RoomSum(0, b"")
_encode: Final = msgspec.json.Encoder().encode


async def copy(source: Archive, target: Archive, tell: Tell) -> Copied:
    """Copies what the target does not have yet, and compares both.

    Raises:
        ArchiveError: the target holds something else, and stays as it was; or the copy is not like
            the source.
        CauserieError: an archive has failed.
    """
    new = await _copy_entries(source, target, tell)
    await target.set_names(await source.names())
    copied = await _compare(source, target, tell)
    await target.finish()
    return copied._replace(new=new)


async def _copy_entries(source: Archive, target: Archive, tell: Tell) -> int:
    """Copies the entries; tells how many were new."""
    held = await _look_through(target, tell)
    if held.count:
        await _require_beginning(source, target, held, tell)
    else:
        await _refuse_names(source, target)
    await target.begin()
    total = await source.count()
    done = new = 0
    left = {room: there.entries for room, there in held.rooms.items()}
    tell("copying", done, total)
    async for piece in source.read():
        missing = []
        for entry in piece:
            if left.get(entry.room):
                left[entry.room] -= 1
            else:
                missing.append(entry)
        if missing:
            await target.append(missing)
            new += len(missing)
        done += len(piece)
        tell("copying", done, max(done, total))
    return new


async def _look_through(archive: Archive, tell: Tell) -> Sums:
    """Sums up what an archive holds, and says how far it is if it holds anything: half of what is
    to be looked through, for as much is looked for in the other.
    """
    total = 2 * await archive.count()
    sums = Sums()
    if total:
        tell("looking", 0, total)
    async for piece in archive.read():
        sums.add(piece)
        tell("looking", sums.count, max(2 * sums.count, total))
    return sums


async def _require_beginning(source: Archive, target: Archive, held: Sums, tell: Tell) -> None:
    """Sees that the target, which holds this, holds of each room a beginning of what the source
    has.
    """
    other = await _unlike_beginning(
        source, held, lambda found: tell("looking", held.count + found, 2 * held.count)
    )
    if other is None:
        return
    whole = Sums()
    async for piece in source.read():
        whole.add(piece)
    if whole.count and await _unlike_beginning(target, whole) is None:
        raise HoldsMore
    raise HoldsOther(other)


async def _unlike_beginning(
    archive: Archive, beginning: Sums, found: Callable[[int], None] = lambda _: None
) -> str | None:
    """A room of which an archive does not begin with what was summed up; None if it does of all.
    `found` is told of how many entries that is seen.
    """
    left = dict(beginning.rooms)
    sums = Sums()
    async for piece in archive.read():
        for entry in piece:
            there = left.get(entry.room)
            if there is None:
                continue
            sums.add([entry])
            here = sums.rooms[entry.room]
            if here.entries == there.entries:
                if here.digest != there.digest:
                    return entry.room
                del left[entry.room]
        found(sums.count)
        if not left:
            return None
    return min(left)


async def _refuse_names(source: Archive, target: Archive) -> None:
    """Sees that an archive without entries keeps no name of its own: of one that has a beginning of
    the source the names are those of an earlier day.
    """
    names = _by_name(await source.names())
    for kept in await target.names():
        if kept.name.folded not in names:
            raise HoldsNames(kept.name.display)


async def _compare(source: Archive, target: Archive, tell: Tell) -> Copied:
    """Reads both, and sees that they are the same."""
    total = 2 * await source.count()
    here, there = Sums(), Sums()
    tell("checking", 0, total)
    for archive, sums in ((source, here), (target, there)):
        async for piece in archive.read():
            sums.add(piece)
            done = here.count + there.count
            tell("checking", done, max(done, total))
    names, copies = _by_name(await source.names()), _by_name(await target.names())
    rooms = _unlike(here.rooms, there.rooms)
    unlike = _unlike(names, copies)
    if rooms or unlike:
        raise Unlike(rooms, len(unlike))
    return Copied(rooms=len(here.rooms), entries=here.count, names=len(names), new=0)


def _unlike(one: Mapping[str, object], other: Mapping[str, object]) -> list[str]:
    """The keys under which there is not the same in both."""
    return sorted(key for key in one.keys() | other.keys() if one.get(key) != other.get(key))


def _by_name(names: Iterable[KeptName]) -> dict[str, KeptName]:
    """The names by their folded form, without what a copy need not have."""
    return {kept.name.folded: msgspec.structs.replace(kept, address="") for kept in names}


def _content(entry: Entry) -> tuple[str | int, ...]:
    """What stays the entry's wherever it is stored."""
    return (
        entry.room,
        entry.identity,
        entry.id,
        entry.kind,
        entry.username,
        entry.content,
        entry.timestamp,
        entry.to,
        entry.peer,
        entry.reply_to,
    )
