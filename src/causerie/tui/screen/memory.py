"""How far somebody has read, kept from one stay to the next in the user's data folder."""

import hashlib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import msgspec
import platformdirs

from causerie.client.address import origin


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
        self._seen: dict[str, Place] = {}
        if path is not None:
            with suppress(OSError, ValueError):  # it is as if nothing had been seen
                self._seen = msgspec.json.decode(path.read_bytes(), type=dict[str, Place])

    @property
    def seen(self) -> Mapping[str, Place]:
        """What was seen last, by the names of rooms."""
        return self._seen

    def see(self, room: str, seq: int, id: str) -> None:
        """This entry was seen last in a room."""
        self._seen[room] = Place(seq, id)

    def keep(self) -> None:
        """Writes it down; where that cannot be, it is forgotten."""
        if self._path is None:
            return
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._path.write_bytes(msgspec.json.encode(self._seen))
        except OSError:
            pass


def memory_path(server: str, username: str) -> Path:
    """The file for a name on a server."""
    folder = platformdirs.user_data_path("causerie", appauthor=False) / "seen"
    name = hashlib.sha256(f"{origin(server)}\n{username}".encode()).hexdigest()
    return folder / f"{name[:32]}.json"
