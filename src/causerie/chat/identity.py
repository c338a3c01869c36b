"""Who somebody is, behind the name: the scope of ids, the owner of names and conversations.

An identity is a string: `k:…` made from a key that the client keeps, or `s:…` for one keyless
session, which ends with it. It is never sent to anybody.
"""

import hashlib
from base64 import b32encode

CONVERSATION_MARK = "~"
"""Begins the opaque name of a private conversation; no room's name can begin so."""

CONVERSATION_LENGTH = 33
"""Characters in the name of a conversation, the mark among them."""


def key_identity(key: str) -> str:
    """The identity of a client that has made this key.

    Only this hash is kept: 128 random bits cannot be guessed, so a plain SHA-256 is enough, and a
    copy of the store opens no session.
    """
    return "k:" + _digest(f"causerie key {key}")


def session_identity(random_id: str) -> str:
    """The identity of one keyless session; `random_id` is 128 random bits as text."""
    return "s:" + random_id


def is_lasting(identity: str) -> bool:
    """Whether the identity can come back after its session has ended."""
    return not identity.startswith("s:")


def conversation_room(one: str, other: str) -> str:
    """The opaque name of the private conversation of two identities, the same from either side."""
    first, second = sorted((one, other))
    return CONVERSATION_MARK + _digest(f"causerie conversation {first} {second}")


def is_conversation(room: str) -> bool:
    """Whether this is the name of a private conversation."""
    return room.startswith(CONVERSATION_MARK)


def _digest(text: str) -> str:
    return b32encode(hashlib.sha256(text.encode()).digest()[:20]).decode().lower()
