"""A data folder at rest."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Final, TypeVar

import apsw

from causerie.adapters.sqlite_entries import ROW, ROW_JOINS, Entries, entry_of
from causerie.adapters.sqlite_file import DataFolder, close, explained, note_whole
from causerie.adapters.sqlite_places import Places
from causerie.archive import KeptName
from causerie.chat.entry import Entry
from causerie.chat.names import Name

PIECE: Final = 1_000
"""Entries that are read, or committed, at a time."""
CHECKPOINT_AT: Final = 4_000
"""With so many pages in the log of changes (16 MiB) it is copied into the database."""
CACHE_KIB: Final = 16_384

_COUNT: Final = "SELECT count(*) FROM entries"
_LAST: Final = "SELECT ifnull(max(place), 0) FROM entries"
_AFTER: Final = f"""
    SELECT e.place, room.name, {ROW} FROM entries AS e
    JOIN rooms AS room ON room.key = e.room
    {ROW_JOINS}
    WHERE e.place > ? AND e.place <= ? ORDER BY e.place LIMIT {PIECE}
"""  # noqa: S608 no input is in it
_NAMES: Final = """
    SELECT display, folded, skeleton, identity, created, used, claimed, address FROM names
"""
_ADD_NAME: Final = """
    INSERT INTO names (display, folded, skeleton, identity, created, used, claimed, address)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?)
"""

_Value = TypeVar("_Value")


class SqliteArchive:
    """A `causerie.archive.Archive` in a data folder. Its methods block."""

    def __init__(self, folder: DataFolder) -> None:
        """Has the folder, which ends being locked when this is closed.

        Raises:
            StorageError: the database cannot be read.
        """
        self._folder = folder
        self._connection = folder.connect(cache_kib=CACHE_KIB)
        self._connection.wal_autocheckpoint(CHECKPOINT_AT)
        try:
            self._places = Places(self._connection)
            self._entries = Entries(self._connection, folder.epoch, self._places)
        except apsw.Error as error:
            close(self._connection)
            raise explained(folder.path, error) from error

    def close(self) -> None:
        """Lets go of the folder."""
        close(self._connection)
        self._folder.unlock()

    def require_whole(self) -> None:
        """Sees that all is there that was to be moved here.

        Raises:
            Unfinished: it is not.
        """
        self._folder.require_whole()

    async def count(self) -> int:
        """Counts the entries."""
        return self._do(lambda: self._number(_COUNT))

    async def read(self) -> AsyncIterator[Sequence[Entry]]:
        """Reads all entries."""
        last = self._do(lambda: self._number(_LAST))
        after = 0
        while rows := self._do(lambda: list(self._connection.execute(_AFTER, (after, last)))):  # noqa: B023 called at once
            yield [entry_of(room, row) for _, room, *row in rows]
            after = rows[-1][0]
            # Otherwise nothing here waits, and Ctrl+C would not be heard.
            await asyncio.sleep(0)

    async def begin(self) -> None:
        """Notes that this is a part."""
        self._do(lambda: note_whole(self._connection, is_whole=False))

    async def append(self, entries: Sequence[Entry]) -> None:
        """Stores entries."""
        for start in range(0, len(entries), PIECE):
            piece = entries[start : start + PIECE]
            self._do(lambda: self._append(piece))  # noqa: B023 called at once

    async def names(self) -> Sequence[KeptName]:
        """Lists the names."""
        return [
            KeptName(
                name=Name(display=display, folded=folded, skeleton=skeleton),
                identity=identity,
                created=created,
                used=used,
                claimed=claimed,
                address=address,
            )
            for display, folded, skeleton, identity, created, used, claimed, address in self._do(
                lambda: list(self._connection.execute(_NAMES))
            )
        ]

    async def set_names(self, names: Sequence[KeptName]) -> None:
        """Keeps these names."""
        rows = [
            (
                kept.name.display,
                kept.name.folded,
                kept.name.skeleton,
                kept.identity,
                kept.created,
                kept.used,
                kept.claimed,
                kept.address,
            )
            for kept in names
        ]

        def write() -> None:
            with self._connection:
                self._connection.execute("DELETE FROM names")
                self._connection.executemany(_ADD_NAME, rows)

        self._do(write)

    async def finish(self) -> None:
        """Notes that it is whole."""
        self._do(lambda: note_whole(self._connection, is_whole=True))

    def _number(self, sql: str) -> int:
        rows: list[tuple[int]] = list(self._connection.execute(sql))
        ((number,),) = rows
        return number

    def _append(self, entries: Sequence[Entry]) -> None:
        plan = self._entries.plan_copies(entries)
        with self._connection:
            for statement, argument in plan.writes:
                self._connection.execute(statement, (argument,))
        self._entries.carried_out(plan)
        self._entries.committed()

    def _do(self, act: Callable[[], _Value]) -> _Value:
        try:
            return act()
        except apsw.Error as error:
            raise explained(self._folder.path, error) from error
