"""Entries for the tests of the screen."""

from typing import Any

from causerie.client.machine.events import Unknown
from causerie.wire.replies import Message, Private

BEGUN = 1_800_000_000_000
"""When the first entry was said: milliseconds since 1970."""


def message(seq: int, **fields: Any) -> Message:
    """A message, the `seq`-th of the lobby, right after the one before."""
    return Message(**_entry(seq, f"m{seq}") | {"room": "lobby"} | fields)


def whisper(seq: int, **fields: Any) -> Private:
    """Something that Bob says to Alice alone."""
    to = {"sender": "Bob", "to": "Alice"}
    return Private(**_entry(seq, f"p{seq}") | {"room": "~conversation"} | to | fields)


def unknown(seq: int) -> Unknown:
    """Something that a later version will know."""
    fields = _entry(seq, f"u{seq}")
    del fields["content"]
    return Unknown(**fields, room="lobby", frame="{}")


def _entry(seq: int, id: str) -> dict[str, Any]:
    return {
        "seq": seq,
        "prev": seq - 1,
        "id": id,
        "username": "Bob",
        "content": f"text {seq}",
        "timestamp": BEGUN + seq * 1000,
    }
