"""How far somebody has read, kept from one stay to the next in the user's data folder."""

import hashlib
import secrets
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec
import platformdirs

from causerie.client.address import origin

MOST_ROOMS: Final = 300
"""Rooms that are remembered, the newest: strangers can begin any number."""


class Place(msgspec.Struct, frozen=True):
    """A place in a room's log: the entry with this number and this id. In another log another entry
    may have the number.
    """

    seq: int
    id: str


class Memory:
    """What was seen last in each room, in a file; without one, for now only."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._found = self._read()
        self._seen = dict(self._found)

    @property
    def seen(self) -> Mapping[str, Place]:
        """What was seen last, by the names of rooms."""
        return self._seen

    def see(self, room: str, seq: int, id: str) -> None:
        """This entry was seen last in a room."""
        self._seen.pop(room, None)  # it is the newest now
        self._seen[room] = Place(seq, id)

    def keep(self) -> None:
        """Writes it down; where that cannot be, it is forgotten. What another stay has seen beyond
        it meanwhile stays seen.
        """
        if self._path is None:
            return
        for room, place in self._read().items():
            mine = self._seen.get(room)
            if place != self._found.get(room) and (mine is None or place.seq > mine.seq):
                self._seen[room] = place
        newest = dict(list(self._seen.items())[-MOST_ROOMS:])
        draft = self._path.with_suffix(f".{secrets.token_hex(8)}")
        with suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            try:
                draft.write_bytes(msgspec.json.encode(newest))
                draft.replace(self._path)
            finally:
                draft.unlink(missing_ok=True)

    def _read(self) -> dict[str, Place]:
        if self._path is not None:
            with suppress(OSError, ValueError):  # it is as if nothing had been seen
                return msgspec.json.decode(self._path.read_bytes(), type=dict[str, Place])
        return {}


def memory_path(server: str, username: str) -> Path:
    """The file for a name on a server."""
    folder = platformdirs.user_data_path("causerie", appauthor=False) / "seen"
    name = hashlib.sha256(f"{origin(server)}\n{username}".encode()).hexdigest()
    return folder / f"{name[:32]}.json"
