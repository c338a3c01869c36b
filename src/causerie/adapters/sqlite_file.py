"""The database in a data folder: its lock, its schema, its connections.

StorageError         the folder cannot be used; the message says why, and what to do
├── FolderInUse      another server runs on it
├── NotAChat         there is a file of that name which is not ours
├── TooNew           a newer Causerie has written it
├── Damaged          the file cannot be read
├── Displaced        the files are no longer where they were
└── Unfinished       it holds a part of what is moved into it
"""

import os
import secrets
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Final, Literal, cast

import apsw

from causerie.adapters.lock_file import Locked, lock
from causerie.adapters.sqlite_places import hash_id
from causerie.folders import make_folder
from causerie.wire.errors import CauserieError

DATABASE: Final = "causerie.db"
LOCK: Final = "causerie.lock"

APPLICATION_ID: Final = int.from_bytes(b"Caus", "big")
"""Marks the file as ours (https://sqlite.org/fileformat2.html#application_id)."""
SCHEMA_VERSION: Final = 3

BUSY_MS: Final = 10_000
"""How long to wait for another process that writes: an operator's command, at most."""

Synchronous = Literal["FULL", "NORMAL", "OFF"]

SCHEMA: Final = """
-- REFERENCES are for whoever reads this: SQLite is not told to check them.
CREATE TABLE meta (
    key TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Identities are long, and in every entry: they go by number.
CREATE TABLE identities (
    key INTEGER PRIMARY KEY,
    identity TEXT NOT NULL UNIQUE
) STRICT;

CREATE TABLE rooms (
    key INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    one INTEGER REFERENCES identities,   -- the two of a private conversation
    other INTEGER REFERENCES identities
) STRICT;

-- In the order of commits, whatever the room: a commit that touches a thousand rooms then writes
-- few pages.
CREATE TABLE entries (
    place INTEGER PRIMARY KEY,
    room INTEGER NOT NULL REFERENCES rooms,
    seq INTEGER NOT NULL,
    author INTEGER NOT NULL REFERENCES identities,
    id TEXT NOT NULL,
    timestamp INTEGER NOT NULL,          -- microseconds since 1970
    private INTEGER NOT NULL,
    username TEXT NOT NULL,
    content TEXT NOT NULL,
    recipient TEXT,
    peer INTEGER REFERENCES identities,
    reply_to TEXT
) STRICT;

-- Two indexes of it, which are written later than it: see sqlite_places.py. In `meta`, `indexed` is
-- the place up to which they are complete.
CREATE TABLE places_by_room (
    room INTEGER NOT NULL REFERENCES rooms,
    seq INTEGER NOT NULL,
    place INTEGER NOT NULL REFERENCES entries,
    PRIMARY KEY (room, seq)
) STRICT, WITHOUT ROWID;
CREATE TABLE places_by_id (
    hash INTEGER NOT NULL,               -- of id and author
    place INTEGER NOT NULL REFERENCES entries,
    PRIMARY KEY (hash, place)
) STRICT, WITHOUT ROWID;
INSERT INTO meta VALUES ('indexed', '0');

CREATE TABLE conversations (
    identity INTEGER NOT NULL REFERENCES identities,
    name TEXT NOT NULL,                  -- of the room
    peer_name TEXT NOT NULL,
    PRIMARY KEY (identity, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE names (
    folded TEXT PRIMARY KEY,
    skeleton TEXT NOT NULL,
    display TEXT NOT NULL,
    identity TEXT NOT NULL,
    address TEXT NOT NULL,               -- from which it was claimed, for a day; then empty
    created INTEGER NOT NULL,            -- microseconds since 1970
    used INTEGER NOT NULL,
    claimed INTEGER NOT NULL             -- greater than of all that its holder claimed before
) STRICT, WITHOUT ROWID;
CREATE INDEX names_by_identity ON names (identity, claimed);
CREATE INDEX names_by_skeleton ON names (skeleton);
CREATE INDEX names_by_address ON names (address, created);
"""

UPGRADES: Final = {
    1: """
        ALTER TABLE names ADD COLUMN claimed INTEGER NOT NULL DEFAULT 0;
        UPDATE names SET claimed = used;
        CREATE INDEX names_by_identity ON names (identity, claimed);
    """,
    2: """
        DROP INDEX entries_by_room;
        DROP INDEX entries_by_id;
        CREATE TABLE places_by_room (
            room INTEGER NOT NULL REFERENCES rooms,
            seq INTEGER NOT NULL,
            place INTEGER NOT NULL REFERENCES entries,
            PRIMARY KEY (room, seq)
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE places_by_id (
            hash INTEGER NOT NULL,
            place INTEGER NOT NULL REFERENCES entries,
            PRIMARY KEY (hash, place)
        ) STRICT, WITHOUT ROWID;
        INSERT INTO places_by_room SELECT room, seq, place FROM entries ORDER BY room, seq;
        INSERT INTO places_by_id SELECT hash_id(author, id), place FROM entries ORDER BY 1, 2;
        INSERT INTO meta SELECT 'indexed', ifnull(max(place), 0) FROM entries;
    """,
}
"""By a schema's version, what makes the next one of it."""


_PART: Final = "INSERT OR REPLACE INTO meta VALUES ('part', '')"
_WHOLE: Final = "DELETE FROM meta WHERE key = 'part'"
_IS_PART: Final = "SELECT 1 FROM meta WHERE key = 'part'"
_HAS_ENTRIES_TABLE: Final = "SELECT 1 FROM sqlite_schema WHERE name = 'entries'"
_LAST_SAID: Final = "SELECT timestamp FROM entries ORDER BY place DESC LIMIT 1"


class StorageError(CauserieError):
    """The data folder cannot be used."""


class FolderInUse(StorageError):
    """Another server runs on the folder."""


class NotAChat(StorageError):
    """A file in the folder has the name of our database, and is something else."""


class TooNew(StorageError):
    """A newer version has written the database."""


class Damaged(StorageError):
    """The database cannot be read."""


class Displaced(StorageError):
    """The files were moved, deleted or replaced while the server ran."""


class Unfinished(StorageError):
    """The database holds a part of what `causerie move` copies into it."""


class DataFolder:
    """A data folder, locked for one server as long as it lives.

    `vfs` and `synchronous` are for tests: with anything less than FULL, a loss of power takes
    acknowledged entries with it.
    """

    def __init__(
        self, path: Path, *, vfs: str | None = None, synchronous: Synchronous = "FULL"
    ) -> None:
        """Makes the folder and the database where there are none.

        Raises:
            StorageError: the folder cannot be used.
        """
        self.path = path
        self._vfs = vfs
        self._synchronous = synchronous
        self._lock: BinaryIO | None = None
        self.is_part = False
        """It holds a part of what is moved into it."""
        try:
            make_folder(path)
            self._lock = _lock(path)
        except OSError as error:
            raise StorageError(
                f"The data folder {path} cannot be used ({error.strerror}): make it one that this "
                "user may write to, or choose another with --data."
            ) from error
        try:
            self.epoch = self._prepare()
            # With another VFS the database is where only that can find it.
            names = (LOCK, DATABASE) if vfs is None else (LOCK,)
            self._files = [(path / name, (path / name).stat()) for name in names]
        except BaseException:
            self.unlock()
            raise

    def require_whole(self) -> None:
        """Sees that all is there that was to be moved here.

        Raises:
            Unfinished: it is not.
        """
        if self.is_part:
            raise Unfinished(
                f"{self.path} holds only a part of a chat, since `causerie move` did not get to "
                "its end: run the same command again, and it goes on where it stopped."
            )

    def check(self) -> None:
        """Makes sure that the files are where they were. A file can be written to that was moved or
        deleted, and what is written is gone with it; and without its lock file the folder may be
        another server's by now.

        Raises:
            Displaced: they are not.
        """
        for path, known in self._files:
            try:
                is_there = os.path.samestat(path.stat(), known)
            except OSError:
                is_there = False
            if not is_there:
                raise Displaced(f"{path} was moved, deleted or replaced while the server ran")

    def connect(self, *, cache_kib: int, writes: bool = True) -> apsw.Connection:
        """Opens a connection; any thread may use it, one at a time.

        Raises:
            StorageError: the database cannot be used.
        """
        connection = connect(self.path, vfs=self._vfs)
        connection.pragma("synchronous", self._synchronous)
        connection.pragma("cache_size", -cache_kib)
        if not writes:
            connection.pragma("query_only", 1)
        return connection

    def unlock(self) -> None:
        """Lets another server have the folder. All connections must be closed before."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def _prepare(self) -> str:
        """Makes the schema where there is none; finds the epoch, and whether all is there."""
        connection = connect(self.path, vfs=self._vfs, create=True)
        try:
            # Until there is a write-ahead log FULL is not enough: a journal that was deleted could
            # come back, and undo what was done since.
            connection.pragma("synchronous", "EXTRA")
            # What a crash has left in the write-ahead log may stay there: to copy it takes long.
            connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
            mode = connection.pragma("journal_mode", "wal")
            if mode != "wal":
                raise StorageError(
                    f"The file system of {self.path} has no shared memory, without which nothing "
                    "can be read while something is written: choose a local folder with --data."
                )
            with connection:
                version = connection.pragma("user_version")
                assert isinstance(version, int), "SQLite says so"
                if version == 0:
                    connection.execute(SCHEMA)
                    connection.execute(
                        "INSERT INTO meta VALUES ('epoch', ?)", (secrets.token_urlsafe(9),)
                    )
                    connection.pragma("application_id", APPLICATION_ID)
                else:
                    connection.create_scalar_function(
                        "hash_id", cast("apsw.ScalarProtocol", hash_id), 2, deterministic=True
                    )
                    for earlier in range(version, SCHEMA_VERSION):
                        connection.execute(UPGRADES[earlier])
                if version != SCHEMA_VERSION:
                    connection.pragma("user_version", SCHEMA_VERSION)
            epoch = connection.execute("SELECT value FROM meta WHERE key = 'epoch'").get
            self.is_part = connection.execute(_IS_PART).fetchone() is not None
        except apsw.Error as error:
            raise explained(self.path, error) from error
        finally:
            close(connection)
        if not isinstance(epoch, str):
            raise Damaged(
                f"{self.path / DATABASE} has lost its epoch: put a copy in its place that is "
                "whole, with its -wal file if there is one."
            )
        return epoch


def connect(folder: Path, *, vfs: str | None = None, create: bool = False) -> apsw.Connection:
    """Opens the database of a folder, and changes nothing in it.

    Raises:
        StorageError: it is not there, not ours, too new or damaged.
    """
    path = folder / DATABASE
    if not create and not path.exists() and vfs is None:
        raise StorageError(f"There is no chat in {folder}.")
    flags = apsw.SQLITE_OPEN_READWRITE | (apsw.SQLITE_OPEN_CREATE if create else 0)
    try:
        connection = apsw.Connection(str(path), flags=flags, vfs=vfs)
    except apsw.Error as error:
        raise explained(folder, error) from error
    try:
        connection.set_busy_timeout(BUSY_MS)
        connection.config(apsw.SQLITE_DBCONFIG_DQS_DML, 0)
        connection.config(apsw.SQLITE_DBCONFIG_DQS_DDL, 0)
        application = connection.pragma("application_id")
        version = connection.pragma("user_version")
        (tables,) = next(connection.execute("SELECT count(*) FROM sqlite_schema"))
    except apsw.Error as error:
        close(connection)
        raise explained(folder, error) from error
    if application != APPLICATION_ID and (application or version or tables or not create):
        close(connection)
        raise NotAChat(
            f"{path} is not a chat of Causerie: choose another folder with --data, or move the "
            "file away."
        )
    if version > SCHEMA_VERSION:
        close(connection)
        raise TooNew(
            f"{path} was written by a newer Causerie (schema {version}, this one knows "
            f"{SCHEMA_VERSION}): update, or choose another folder with --data."
        )
    return connection


def note_whole(connection: apsw.Connection, *, is_whole: bool) -> None:
    """Notes, durably, whether a database holds all that is moved into it."""
    connection.execute(_WHOLE if is_whole else _PART)


def last_said(folder: Path) -> int | None:
    """Tells when the last entry of the database in a folder was said, in microseconds since 1970;
    None if there is no database, or nothing was said in it.

    Raises:
        StorageError: it cannot be read.
    """
    if not (folder / DATABASE).exists():
        return None
    # One that a crash has left without its tables holds nothing.
    connection = connect(folder, create=True)
    try:
        connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
        if connection.execute(_HAS_ENTRIES_TABLE).fetchone() is None:
            return None
        last = connection.execute(_LAST_SAID).fetchone()
        return None if last is None else int(last[0])
    except apsw.Error as error:
        raise explained(folder, error) from error
    finally:
        close(connection)


def close(connection: apsw.Connection) -> None:
    """Closes a connection: what was committed through it is safe, whatever the disk says now."""
    with suppress(apsw.Error):
        connection.close(force=True)


def explained(folder: Path, error: apsw.Error) -> StorageError:
    """What whoever runs the server is told when the database cannot be read."""
    path = folder / DATABASE
    if isinstance(error, apsw.NotADBError):
        return NotAChat(
            f"{path} is not a database: choose another folder with --data, or move the file away."
        )
    if isinstance(error, apsw.CorruptError):
        return Damaged(
            f"{path} is damaged ({error}): put a copy in its place that is whole, with its -wal "
            "file if there is one."
        )
    return StorageError(
        f"{path} cannot be opened ({error}): see to the disk and to who may write there, or choose "
        "another folder with --data."
    )


def _lock(folder: Path) -> BinaryIO:
    """Takes the folder for this process; the lock ends with the process at the latest."""
    try:
        return lock(folder / LOCK)
    except Locked as error:
        raise FolderInUse(
            f"Another server{f' (process {error.holder})' if error.holder else ''} runs on "
            f"{folder}: stop it, or choose another folder with --data."
        ) from error
