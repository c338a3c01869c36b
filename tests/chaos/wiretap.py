"""What nodes tell clients, heard on the wire: who is connected where, and whose leave is told.

The client library repairs what it can (it tells its application of no leave of somebody it does not
know to be there), so that whether a cluster tells of one leave twice can only be heard here.
"""

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from causerie.testing.framing import TEXT, take_frame

ROOM: Final = "lobby"

_HEARD: Final = (b'{"type":"welcome"', b'{"type":"joined"', b'{"type":"presence"')
"""How the frames begin that matter here; all others are let pass unread."""

_END_OF_HANDSHAKE: Final = b"\r\n\r\n"


@dataclass(slots=True)
class Stay:
    """Somebody's connection, for as long as it follows the room. Times in seconds."""

    node: int
    since: float
    until: float | None = None
    """None: it goes on."""


@dataclass(slots=True)
class Told:
    """What one client was told on all its connections."""

    stays: list[Stay] = field(default_factory=list)
    here: set[str] = field(default_factory=set)
    """Who is in the room, as far as it was told."""
    left: Counter[str] = field(default_factory=Counter)
    """How often it was told that somebody has left, since it was last told who is there: another
    node may not have heard of a leave yet when somebody comes there who has."""
    again: set[str] = field(default_factory=set)
    """Those of whom it was told more than once."""
    heeds: "Wiretap | None" = None
    """The connection on which it was welcomed last. What comes on one before that, whose goodbye it
    waits for no longer, it does not read."""
    wrong: list[str] = field(default_factory=list)
    """Leaves of people who were not there, for all that it knew: they were told before."""


class Ledger:
    """What all clients were told, by their names."""

    def __init__(self) -> None:
        self.told: dict[str, Told] = {}

    def of(self, name: str) -> Told:
        """What one client was told so far."""
        return self.told.setdefault(name, Told())


class Wiretap:
    """Listens to one connection; `now` is the clock, in seconds."""

    def __init__(
        self,
        node: int,
        ledger: Ledger,
        now: Callable[[], float],
        welcomed: Callable[[str], None] = lambda _: None,
    ) -> None:
        """`welcomed` is called with the name of whoever the node lets in."""
        self._node = node
        self._ledger = ledger
        self._now = now
        self._welcomed = welcomed
        self._buffer = bytearray()
        self._upgraded = False
        self._name = ""
        self._stay: Stay | None = None

    def heard(self, data: bytes) -> None:
        """The node has sent something."""
        self._buffer += data
        if not self._upgraded:
            _, found, rest = self._buffer.partition(_END_OF_HANDSHAKE)
            if not found:
                return
            self._upgraded = True
            self._buffer = rest
        while (frame := take_frame(self._buffer)) is not None:
            if frame.opcode == TEXT and frame.payload.startswith(_HEARD):
                self._read(json.loads(frame.payload))

    def ended(self) -> None:
        """The connection is no more; only the first time counts."""
        if self._stay is not None and self._stay.until is None:
            self._stay.until = self._now()

    def _read(self, frame: dict[str, Any]) -> None:
        if frame["type"] == "welcome":
            self._name = frame["username"]
            self._ledger.of(self._name).heeds = self
            self._welcomed(self._name)
            return
        told = self._ledger.of(self._name)
        if frame["room"] != ROOM or told.heeds is not self:
            return
        if frame["type"] == "joined":
            self._stay = Stay(self._node, self._now())
            told.stays.append(self._stay)
            told.here = set(frame["names"])
            told.left.clear()
            return
        for name in frame["left"]:
            told.left[name] += 1
            if told.left[name] > 1:
                told.again.add(name)
            if name not in told.here:
                told.wrong.append(name)
        told.here -= set(frame["left"])
        told.here = (
            told.here | set(frame["joined"]) if not frame["snapshot"] else set(frame["joined"])
        )
