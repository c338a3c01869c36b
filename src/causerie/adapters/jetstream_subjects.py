"""Under which subjects and ids the log stands in NATS. Pure.

With the prefix `causerie` and a room whose name in base32 is `nrxwe3di`:

| subject | what stands there |
|---|---|
| `causerie.log.begin` | the first message of the stream: it says nothing |
| `causerie.log.e.nrxwe3di` | the entries of the room |
| `causerie.log.i.<who>.nrxwe3di` | of an identity's conversations: one pointer for each entry |
| `causerie.log.i.trimmed.nrxwe3di` | of a room that was trimmed: the seq up to which it was |
| `causerie.live.…` | what NATS publishes again of all that, as it is stored |
"""

import hashlib
from base64 import b32decode, b32encode
from functools import lru_cache
from typing import Final

_CACHED: Final = 20_000
"""Names of rooms and identities that are not worked out anew."""


class Subjects:
    """The subjects of one log."""

    def __init__(self, prefix: str) -> None:
        """`prefix` names the stream, too: a token without dots."""
        self.stream = prefix
        self.stored = (f"{prefix}.log.begin", f"{prefix}.log.e.*", f"{prefix}.log.i.*.*")
        """Those that the stream takes."""
        self.all = f"{prefix}.log.>"
        self.live = f"{prefix}.live.>"
        self.begin = f"{prefix}.log.begin"
        self.entries = f"{prefix}.log.e.*"
        """The entries of all rooms."""
        self._entry = f"{prefix}.log.e."
        self._pointer = f"{prefix}.log.i."
        self._live_entry = f"{prefix}.live.e."
        self._live_pointer = f"{prefix}.live.i."

    def entry(self, room: str) -> str:
        """Where the entries of a room are stored."""
        return self._entry + token(room)

    def live_entry(self, room: str) -> str:
        """Where they are published as they are stored."""
        return self._live_entry + token(room)

    def pointer(self, identity: str, room: str) -> str:
        """Where it is stored that an entry of a conversation is one of an identity's."""
        return f"{self._pointer}{hashed(identity)}.{token(room)}"

    def pointers(self, identity: str) -> str:
        """All of these of an identity."""
        return f"{self._pointer}{hashed(identity)}.*"

    def all_pointers(self, room: str) -> str:
        """All of these to a room's entries, whosever; and how far it was trimmed."""
        return f"{self._pointer}*.{token(room)}"

    def trimmed(self, room: str) -> str:
        """Where it is stored how far a room was trimmed. No identity's hash is this."""
        return f"{self._pointer}trimmed.{token(room)}"

    def live_pointers(self, identity: str) -> str:
        """Where they are published as they are stored."""
        return f"{self._live_pointer}{hashed(identity)}.*"

    def room(self, subject: str) -> str | None:
        """The room of a subject where entries are stored; None of any other subject."""
        return room_of(subject) if subject.startswith(self._entry) else None


@lru_cache(_CACHED)
def token(room: str) -> str:
    """A room's name as a part of a subject."""
    return b32encode(room.encode()).decode().rstrip("=").lower()


@lru_cache(_CACHED)
def room_of(subject: str) -> str:
    """The room's name that is the last part of a subject."""
    encoded = subject.rpartition(".")[2].upper()
    return b32decode(encoded + "=" * (-len(encoded) % 8)).decode()


@lru_cache(_CACHED)
def hashed(identity: str) -> str:
    """An identity as a part of a subject: who reads subjects learns nothing about it."""
    return _digest(identity)


def message_id(identity: str, id: str) -> str:
    """The id by which NATS knows a repeated message: what an identity says under an id."""
    # No identity has a line break in it, so that no two pairs come to the same.
    return _digest(f"{identity}\n{id}")


def next_message_id(message_id: str, seq: int) -> str:
    """The id under which something is stored again whose entry, at a seq, was removed so soon that
    NATS still knows the id that it was stored under.
    """
    return _digest(f"{message_id}\n{seq}")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]
