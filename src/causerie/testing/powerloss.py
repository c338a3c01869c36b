"""A disk under SQLite that forgets what was not synced when its power is cut.

Killing a process proves nothing about the disk: what it wrote is in the system's cache, and lives
on. Here each write is remembered until the file is synced, and `SimulatedDisk.power_loss` undoes
all that were not, or, worse, some of them, sector by sector, as a real disk may.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Final, Literal

import apsw

SECTOR: Final = 512
"""Bytes that are written whole or not at all."""

Operation = Literal["read", "write", "truncate", "sync"]


class _Contents:
    """What is in a file for sure, and what was done to it since it was last synced."""

    def __init__(self, contents: bytes, *, linked: bool) -> None:
        self.durable = bytearray(contents)
        self.linked = linked
        """Whether its folder was synced since it was made: otherwise the file would be gone."""
        self.since: list[tuple[int, bytes | None]] = []
        """Writes at an offset, or (None) truncations to a size."""

    def sync(self) -> None:
        for offset, data in self.since:
            _apply(self.durable, offset, data)
        self.since.clear()

    def lose(self, survives: Callable[[], bool]) -> None:
        """Keeps what is left after a loss of power."""
        for offset, data in self.since:
            if data is None:
                if survives():
                    _apply(self.durable, offset, None)
                continue
            for start in range(0, len(data), SECTOR):
                if survives():
                    _apply(self.durable, offset + start, data[start : start + SECTOR])
        self.since.clear()


class SimulatedDisk(apsw.VFS):
    """A VFS of SQLite's (https://sqlite.org/vfs.html), over the real one, for one folder.

    Connections name it by `name`. The files are real, so that they can be looked at; only they
    are not really synced. Locks and shared memory are the system's, and hold nothing for long.
    """

    def __init__(self, name: str) -> None:
        super().__init__(name, "")
        self.name = name
        self.fault: Callable[[Operation, Path], None] | None = None
        """Called before each operation on a file: may raise `apsw.FullError` or `apsw.IOError`."""
        self.syncs = 0
        """How many syncs there were."""
        self.power = 0
        """How often the power was cut."""
        self._files: dict[Path, _Contents] = {}
        self._deleted: dict[Path, _Contents] = {}
        """Files that come back when the power is cut: the folder was not synced since."""

    def power_loss(self, survives: Callable[[], bool] = lambda: False) -> None:
        """Cuts the power, and brings it back at once.

        Of what was not synced, a sector is on the disk only if `survives` says so. To connections
        that are open, the disk is dead for good: they must be closed before others are opened.
        """
        self.power += 1
        for path, contents in list(self._files.items()):
            if not contents.linked:
                path.unlink(missing_ok=True)
                del self._files[path]
        self._files = {**self._deleted, **self._files}
        self._deleted = {}
        for path, contents in self._files.items():
            contents.lose(survives)
            path.write_bytes(contents.durable)

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> "_File":  # noqa: N802 SQLite's name
        """Opens a file."""
        assert name is not None, "nothing here needs temporary files"
        path = Path(name if isinstance(name, str) else name.filename())
        there = path.exists()
        file = _File(self, path, name, flags)
        if path not in self._files:
            self._files[path] = _Contents(path.read_bytes(), linked=there)
        return file

    def xDelete(self, filename: str, syncdir: bool) -> None:  # noqa: N802 SQLite's name
        """Deletes a file. Until the folder is synced, it may come back."""
        super().xDelete(filename, syncdir)
        contents = self._files.pop(Path(filename), None)
        if contents is not None and contents.linked:
            self._deleted.setdefault(Path(filename), contents)
        if syncdir:
            self.sync_folder()

    def sync_folder(self) -> None:
        """Makes durable which files there are."""
        self._deleted.clear()
        for contents in self._files.values():
            contents.linked = True

    def happens(self, operation: Operation, path: Path, power: int) -> _Contents:
        """Lets an operation on a file happen, or raises the error that it ends in."""
        if power != self.power:
            raise apsw.IOError("the power was cut")
        if self.fault is not None:
            self.fault(operation, path)
        return self._files[path]


class _File(apsw.VFSFile):
    """An open file."""

    def __init__(
        self,
        disk: SimulatedDisk,
        path: Path,
        name: str | apsw.URIFilename,
        flags: list[int],
    ) -> None:
        super().__init__("", name, flags)
        self._disk = disk
        self._path = path
        self._power = disk.power
        self._is_journal = bool(flags[0] & (apsw.SQLITE_OPEN_MAIN_JOURNAL | apsw.SQLITE_OPEN_WAL))

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802
        contents = self._disk.happens("write", self._path, self._power)
        super().xWrite(data, offset)
        contents.since.append((offset, bytes(data)))

    def xTruncate(self, newsize: int) -> None:  # noqa: N802
        contents = self._disk.happens("truncate", self._path, self._power)
        super().xTruncate(newsize)
        contents.since.append((newsize, None))

    def xSync(self, flags: int) -> None:  # noqa: ARG002, N802
        contents = self._disk.happens("sync", self._path, self._power)
        contents.sync()
        self._disk.syncs += 1
        if self._is_journal and not contents.linked:
            # So does SQLite on Unix, lest a journal be lost, or one that was deleted come back.
            self._disk.sync_folder()

    def xRead(self, amount: int, offset: int) -> bytes:  # noqa: N802
        self._disk.happens("read", self._path, self._power)
        return super().xRead(amount, offset)


def _apply(contents: bytearray, offset: int, data: bytes | None) -> None:
    if data is None:
        del contents[offset:]
        return
    if offset > len(contents):
        contents.extend(bytes(offset - len(contents)))
    contents[offset : offset + len(data)] = data
