"""What a loss of power would leave of a folder: what was synced, and nothing else."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest


class PowerLoss:
    """Watches what is synced under a folder, and makes what the disk would hold after a loss.

    It takes the worst for granted: the bytes of a file are lost that were not synced since, and so
    are the names in a folder that was not. What there was at the beginning is safe.
    """

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._root = root
        self._contents: dict[int, bytes] = {}
        self._names: dict[int, dict[str, int]] = {}
        self.before_sync: Callable[[], None] = lambda: None
        """Called before anything is synced."""
        for folder, _, files in os.walk(root):
            self._note(Path(folder))
            for file in files:
                self._note(Path(folder, file))
        monkeypatch.setattr(os, "fsync", self._fsync)

    def leaves(self, target: Path, *, names: bool = False) -> Path:
        """Makes what would be left, in another folder. With `names`, those that were not synced
        are there as well: a disk may write them of its own accord, and before the bytes.
        """
        target.mkdir()
        self._restore(self._root, self._root.stat().st_ino, target, names=names)
        return target

    def _restore(self, place: Path, folder: int, target: Path, *, names: bool) -> None:
        found = _names(place) if names else self._names.get(folder, {})
        for name, inode in found.items():
            if (place / name).is_dir() or inode in self._names:
                (target / name).mkdir()
                self._restore(place / name, inode, target / name, names=names)
            else:
                (target / name).write_bytes(self._contents.get(inode, b""))

    def _fsync(self, descriptor: int) -> None:
        self.before_sync()
        inode = os.fstat(descriptor).st_ino
        paths = [
            path for path in (self._root, *self._root.rglob("*")) if path.stat().st_ino == inode
        ]
        assert paths, "what is synced lies in the folder that is watched"
        self._note(paths[0])

    def _note(self, path: Path) -> None:
        if path.is_dir():
            self._names[path.stat().st_ino] = _names(path)
        else:
            self._contents[path.stat().st_ino] = path.read_bytes()


def _names(folder: Path) -> dict[str, int]:
    return {entry.name: entry.inode() for entry in os.scandir(folder)}
