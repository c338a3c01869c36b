"""A fault of ours that ends the screen: a terminal is no place for a traceback, a file is."""

import os
import traceback
from pathlib import Path

import platformdirs

from causerie.wire.errors import CauserieError


class ScreenFailed(CauserieError):
    """The screen has ended by a fault of ours. `path` is the file that tells of it; None where it
    could not be written.
    """

    def __init__(self, path: Path | None) -> None:
        super().__init__(path)
        self.path = path


def faults_path() -> Path:
    """The file that tells of the last fault."""
    return platformdirs.user_log_path("causerie", appauthor=False) / "screen-fault.txt"


def note_fault(path: Path, fault: BaseException) -> Path | None:
    """Writes down where a fault came from, for its owner alone: what people wrote may be in it.

    Answers the file; None where it could not be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.writelines(traceback.format_exception(fault))
    except OSError:
        return None
    return path
