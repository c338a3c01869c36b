"""A file that one process at a time has locked: what it stands for is that process's own."""

import os
import sys
from pathlib import Path
from typing import BinaryIO

from causerie.wire.errors import CauserieError

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl


class Locked(CauserieError):
    """Another process has locked the file; `holder` is its id, empty where it does not say."""

    def __init__(self, holder: str) -> None:
        super().__init__(f"locked{f' by process {holder}' if holder else ''}")
        self.holder = holder


def lock(path: Path) -> BinaryIO:
    """Makes the file where there is none, locks it, and notes this process in it.

    The lock ends when the file is closed, by whoever has inherited it too: with the last of these
    processes at the latest.

    Raises:
        Locked: another has it.
        OSError: the file cannot be made or opened.
    """
    file = path.open("a+b", buffering=0)
    try:
        if sys.platform == "win32":
            file.seek(1 << 30)  # a locked byte cannot be read: one that is never there
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        file.seek(0)
        holder = file.read(20).decode("ascii", "replace").strip()
        file.close()
        raise Locked(holder) from error
    note_holder(file, os.getpid())
    return file


def note_holder(file: BinaryIO, process: int) -> None:
    """Notes in a locked file whose it is, for whoever finds it locked."""
    file.truncate(0)
    file.write(b"%d\n" % process)
