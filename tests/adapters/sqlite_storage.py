"""SQLite under the contract suites."""

import shutil
from collections.abc import Callable
from pathlib import Path
from queue import Empty, SimpleQueue
from tempfile import mkdtemp

from causerie.adapters.sqlite import SqliteLog, open_folder
from causerie.adapters.sqlite_file import DATABASE, LOCK, Synchronous
from causerie.ports import Directory, Log
from causerie.testing.contracts import Storage


class SqliteStorage(Storage):
    """A data folder, and the thread of whoever runs on it."""

    def __init__(
        self,
        *,
        vfs: str | None = None,
        synchronous: Synchronous = "FULL",
        base: Path | None = None,
    ) -> None:
        self._base = Path(mkdtemp(prefix="causerie-")) if base is None else base
        self._vfs = vfs
        self._synchronous = synchronous
        self._folders = 0
        self.calls: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self.log: SqliteLog
        self.folder: Path
        self._next_folder()

    def open(self, clock: Callable[[], int], *, names_per_address: int) -> tuple[Log, Directory]:
        self.log, directory = open_folder(
            self.folder,
            clock=clock,
            call_threadsafe=self.calls.put,
            schedule=self.calls.put,
            names_per_address=names_per_address,
            vfs=self._vfs,
            synchronous=self._synchronous,
        )
        return self.log, directory

    def step(self, timeout: float) -> None:
        try:
            call = self.calls.get(timeout=timeout) if timeout else self.calls.get_nowait()
        except Empty:
            return
        call()

    def crash(self) -> None:
        """What a lost process leaves behind are the files as they stand at that moment."""
        old, log = self.folder, self.log
        self._next_folder()
        _copy(old, self.folder)
        self.calls = SimpleQueue()
        log._ended = True  # it tells nothing more
        log.close()

    def save(self) -> object:
        self._folders += 1
        saved = self._base / f"saved-{self._folders}"
        _copy(self.folder, saved)
        return saved

    def restore(self, saved: object) -> None:
        assert isinstance(saved, Path)
        shutil.rmtree(self.folder)
        _copy(saved, self.folder)

    def lose(self) -> None:
        shutil.rmtree(self.folder)

    def dispose(self) -> None:
        shutil.rmtree(self._base)

    def _next_folder(self) -> None:
        self._folders += 1
        self.folder = self._base / f"data-{self._folders}"


def _copy(old: Path, new: Path) -> None:
    """Copies the database, then its log: nothing moves from the one to the other meanwhile, since
    a test writes far less than is copied in the background.
    """
    new.mkdir()
    for path in sorted(old.glob(f"{DATABASE}*")):
        if not path.name.endswith("-shm"):
            shutil.copyfile(path, new / path.name)
    assert not (new / LOCK).exists()
