"""What a server says, as values that tests need not spell out."""

from typing import Any

from causerie.wire.commands import Cursor
from causerie.wire.replies import Joined, Limits, Message, Private, RoomSummary, Welcome

LIMITS = Limits(
    frame=65_536,
    reply=262_144,
    content=4_000,
    rooms=100,
    rate=0,
    burst=0,
    dedupe=None,
    page=100,
)


def welcome(id: str | None, username: str = "Alice", **fields: Any) -> Welcome:
    """A welcome from a server whose clock says 1,000,000 ms and which limits no rate."""
    values: dict[str, Any] = {
        "kept": True,
        "server": "causerie/test",
        "time": 1_000_000,
        "heartbeat": 25_000,
        "grace": 15_000,
        "limits": LIMITS,
    }
    return Welcome(id=id, username=username, **{**values, **fields})


def joined(id: str | None, room: str = "lobby", head: int | Cursor = 0, **fields: Any) -> Joined:
    """A room whose head is the entry `m<head>`, if there is one."""
    values: dict[str, Any] = {
        "epoch": "e1",
        "head": at(head),
        "members": 1,
        "names": ["Alice"],
    }
    return Joined(id=id, room=room, **{**values, **fields})


def cursor(seq: int) -> Cursor:
    """The cursor at the entry `m<seq>`."""
    return Cursor(seq=seq, id=f"m{seq}" if seq else "")


def at(place: int | Cursor) -> Cursor:
    """A cursor, or the one at the entry `m<seq>`."""
    return place if isinstance(place, Cursor) else cursor(place)


def message(seq: int, **fields: Any) -> Message:
    """The entry `m<seq>` of the lobby, by Bob, which follows the one with the number before."""
    return Message(**{**_entry(seq), **fields})


def private(seq: int, **fields: Any) -> Private:
    """The entry `m<seq>` of Alice's conversation with Bob, by Bob."""
    return Private(**{**_entry(seq), "room": "~bob", "sender": "Bob", "to": "Alice", **fields})


def summary(room: str, head: int | Cursor, **fields: Any) -> RoomSummary:
    """A room in a page of rooms."""
    return RoomSummary(room=room, **{"epoch": "e1", "head": at(head), **fields})


def _entry(seq: int) -> dict[str, Any]:
    return {
        "room": "lobby",
        "seq": seq,
        "prev": seq - 1,
        "id": f"m{seq}",
        "username": "Bob",
        "content": f"text {seq}",
        "timestamp": 1_000_000 + seq,
    }
