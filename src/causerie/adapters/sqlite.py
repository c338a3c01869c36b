"""The log and the directory of one machine, in a folder."""

from collections.abc import Callable
from pathlib import Path

from causerie.adapters.sqlite_archive import SqliteArchive
from causerie.adapters.sqlite_directory import SqliteDirectory, release_name
from causerie.adapters.sqlite_file import (
    DATABASE,
    DataFolder,
    FolderInUse,
    StorageError,
    Synchronous,
    last_said,
)
from causerie.adapters.sqlite_log import SqliteLog

__all__ = [
    "FolderInUse",
    "SqliteArchive",
    "SqliteDirectory",
    "SqliteLog",
    "StorageError",
    "is_there",
    "last_said",
    "open_archive",
    "open_folder",
    "release_name",
]


def open_folder(
    folder: Path,
    *,
    clock: Callable[[], int],
    call_threadsafe: Callable[[Callable[[], None]], object],
    schedule: Callable[[Callable[[], None]], object],
    names_per_address: int = 0,
    vfs: str | None = None,
    synchronous: Synchronous = "FULL",
) -> tuple[SqliteLog, SqliteDirectory]:
    """Opens a data folder for a server, and makes what is not there yet.

    The folder is this server's until `close` of the log, which serves the directory too. `clock`
    tells microseconds, and is called from another thread; `call_threadsafe` has a function called
    by the thread that drives the server, from whichever thread it is called, and `schedule` does so
    from that very thread, after what is going on. So many new names a day may be kept from one
    address (0: no limit). `vfs` and `synchronous` are for tests of what a
    loss of power takes.

    Raises:
        StorageError: the folder cannot be used; the message says why, and what to do.
    """
    data = DataFolder(folder, vfs=vfs, synchronous=synchronous)
    try:
        data.require_whole()
        log = SqliteLog(data, clock=clock, call_threadsafe=call_threadsafe, schedule=schedule)
    except BaseException:
        data.unlock()
        raise
    return log, SqliteDirectory(log, names_per_address=names_per_address)


def open_archive(folder: Path) -> SqliteArchive:
    """Opens a data folder at rest, and makes what is not there yet. It is this process's until
    `SqliteArchive.close`.

    Raises:
        FolderInUse: a server runs on it.
        StorageError: it cannot be used; the message says why, and what to do.
    """
    data = DataFolder(folder)
    try:
        return SqliteArchive(data)
    except BaseException:
        data.unlock()
        raise


def is_there(folder: Path) -> bool:
    """Whether there is a database in a folder."""
    return (folder / DATABASE).exists()
