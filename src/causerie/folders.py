"""Folders of which a loss of power takes nothing away.

A file that was synced is safe, but its name is not: that stands in the folder, which has to be
synced too, and so has the folder above one that was made.
"""

import errno
import os
import sys
from pathlib import Path


def make_folder(path: Path) -> None:
    """Makes a folder, for this user alone, and what is missing above it; all of it is safe then.

    Raises:
        OSError: it cannot be made.
    """
    made = [folder for folder in (path, *path.parents) if not folder.exists()]
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    for folder in made:
        sync_folder(folder.parent)


def sync_folder(path: Path) -> None:
    """Makes safe which files are in a folder, under which names.

    Raises:
        OSError: it cannot be done; nobody knows what is safe.
    """
    if sys.platform == "win32":  # where folders cannot be opened
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        # There are file systems that sync no folders: SQLite puts up with them, too.
        if error.errno != errno.EINVAL:
            raise
    finally:
        os.close(descriptor)
