"""What a server tells of itself at `/healthz`, where it is started with `--watch-loop`."""

import http.client
from typing import Final, NamedTuple

import msgspec

WITHIN: Final = 10.0
"""Seconds in which it answers."""


class Census(NamedTuple):
    """How many there are of what comes and goes, at one moment."""

    connections: int
    sessions: int
    rooms: int
    tasks: int
    """Of its event loop."""

    def beyond(self, former: "Census") -> "Census":
        """What there is that there was not before, of each."""
        return Census(*(max(0, now - then) for now, then in zip(self, former, strict=True)))

    def __str__(self) -> str:
        counted = zip(self._fields, self, strict=True)
        return ", ".join(f"{kind}: {count:,}" for kind, count in counted if count)


class Health(msgspec.Struct, frozen=True, rename="camel"):
    """The answer. What is None is not told: nothing is watched, or it is another server."""

    loop_held_ms: float | None = None
    """The longest since it was asked last that its loop did one thing and nothing else."""
    connections: int | None = None
    sessions: int | None = None
    rooms: int | None = None
    tasks: int | None = None

    @property
    def census(self) -> Census | None:
        """What there is, if all of it is told."""
        counts = (self.connections, self.sessions, self.rooms, self.tasks)
        told = [count for count in counts if count is not None]
        return Census(*told) if len(told) == len(counts) else None


def ask(address: tuple[str, int]) -> Health:
    """Asks a server how it is. One that does not know the question has nothing to tell."""
    connection = http.client.HTTPConnection(*address, timeout=WITHIN)
    try:
        connection.request("GET", "/healthz")
        return msgspec.json.decode(connection.getresponse().read(), type=Health)
    except (OSError, http.client.HTTPException, msgspec.DecodeError):
        return Health()
    finally:
        connection.close()
