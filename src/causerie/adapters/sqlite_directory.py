"""A directory of names in SQLite."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import apsw
import msgspec

from causerie.adapters.naming import Names
from causerie.adapters.naming_rules import Kept
from causerie.adapters.sqlite_file import StorageError, close, connect
from causerie.adapters.sqlite_log import SqliteLog
from causerie.adapters.sqlite_writer import begin
from causerie.chat.names import Name
from causerie.ports import ClaimAnswer, Failed, Holder

_KEPT: Final = """
    SELECT folded, skeleton, display, identity, address, created, used, claimed FROM names
"""
_BY_NAME: Final = _KEPT + "WHERE folded = ?"
_BY_SKELETON: Final = _KEPT + "WHERE skeleton = ? ORDER BY folded"
_LAST: Final = _KEPT + "WHERE identity = ? ORDER BY claimed DESC LIMIT 1"
_NEWEST: Final = "SELECT created FROM names WHERE address = ? ORDER BY created DESC LIMIT ?"
# No name has an address that no longer counts for long: few rows are looked at.
_FORGET: Final = "UPDATE names SET address = '' WHERE address > '' AND created <= ?"
_PUT: Final = """
    INSERT OR REPLACE INTO names (
        folded, skeleton, display, identity, address, created, used, claimed
    ) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
"""
_REMOVE: Final = "DELETE FROM names WHERE folded = ?"


class SqliteDirectory:
    """A `causerie.ports.Directory` beside a log: its calls take their turn with what is appended.

    The borrowed names are in memory, the kept ones in the log's database.
    """

    def __init__(self, log: SqliteLog, *, names_per_address: int = 0) -> None:
        """Starts with no name borrowed; `names_per_address` a day may be kept (0: no limit)."""
        self._log = log
        self._names = Names(_KeptNames(log.connection), names_per_address=names_per_address)

    def claim(
        self,
        name: Name,
        identity: str,
        *,
        address: str,
        now: int,
        replacing: str | None,
        returning: bool,
        done: Callable[[ClaimAnswer], None],
    ) -> None:
        """Takes a name."""

        def run() -> ClaimAnswer:
            return self._names.claim(
                name, identity, address=address, now=now, replacing=replacing, returning=returning
            )

        self._log.do(run, done)

    def keep(self, name: Name, identity: str, *, now: int) -> None:
        """Makes a borrowed name kept."""
        self._log.do(lambda: self._names.keep(name, identity, now=now), _nobody)

    def release(self, folded: str, identity: str, *, now: int) -> None:
        """Gives up a borrowed name."""
        self._log.do(lambda: self._names.release(folded, identity, now=now), _nobody)

    def sweep(self, *, now: int) -> None:
        """Notes use, and forgets addresses, in one transaction."""
        self._log.do(lambda: self._names.sweep(now=now), _nobody)

    def find(
        self, folded: str, *, now: int, done: Callable[[Holder | Failed | None], None]
    ) -> None:
        """Tells who holds a name."""
        self._log.do(lambda: self._names.find(folded, now=now), done)


def release_name(folder: Path, folded: str) -> bool:
    """Frees a kept name, whether a server runs on the folder or not; tells whether it was kept.

    A session that uses the name just now goes on using it, as a borrowed one. Blocks.

    Raises:
        StorageError: there is no database, or it cannot be used or written.
    """
    connection = connect(folder)
    try:
        connection.execute(_REMOVE, (folded,))
        return connection.changes() > 0
    except apsw.Error as error:
        raise StorageError(f"The names in {folder} cannot be changed now ({error}).") from error
    finally:
        close(connection)


class _KeptNames:
    """`causerie.adapters.naming_rules.KeptNames` in a table."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection

    def kept(self, folded: str) -> Kept | None:
        row = self._connection.execute(_BY_NAME, (folded,)).fetchone()
        return None if row is None else _kept(row)

    def alike(self, skeleton: str) -> Sequence[Kept]:
        return [_kept(row) for row in self._connection.execute(_BY_SKELETON, (skeleton,))]

    def last(self, identity: str) -> Kept | None:
        row = self._connection.execute(_LAST, (identity,)).fetchone()
        return None if row is None else _kept(row)

    def newest(self, address: str, limit: int) -> Sequence[int]:
        return [created for (created,) in self._connection.execute(_NEWEST, (address, limit))]

    def forget_addresses(self, created: int) -> None:
        self._write(_FORGET, (created,))

    def put(self, kept: Kept) -> None:
        self._write(_PUT, msgspec.structs.astuple(kept))

    def remove(self, folded: str) -> None:
        self._write(_REMOVE, (folded,))

    def _write(self, statement: str, values: tuple[Any, ...]) -> None:
        begin(self._connection)
        self._connection.execute(statement, values)


def _kept(row: tuple[str, str, str, str, str, int, int, int]) -> Kept:
    folded, skeleton, display, identity, address, created, used, claimed = row
    return Kept(
        folded=folded,
        skeleton=skeleton,
        display=display,
        identity=identity,
        address=address,
        created=created,
        used=used,
        claimed=claimed,
    )


def _nobody(_answer: Failed | None) -> None:
    """Nobody waits for the answer."""
