"""The states of a client, and the one table of all transitions between them.

The times in a state are the machine's `now`: seconds, monotonic.
"""

from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType
from typing import Final

import msgspec

from causerie.client.errors import Ended


class _State(msgspec.Struct, frozen=True, tag_field="state", tag=True, rename="camel"):
    """The base of all states."""


class Connecting(_State, frozen=True):
    """The first attempt: the connection is being opened, or hello waits for its welcome."""


class Connected(_State, frozen=True, kw_only=True):
    """The server has said welcome on this connection."""

    since: float


class Disconnected(_State, frozen=True, kw_only=True):
    """There is no connection; the next attempt begins at `retry_at`."""

    code: int
    """The close code of the connection that was lost; 1006 where there was none."""
    reason: str
    attempt: int
    """Which attempt in a row the next one is, from 1."""
    retry_at: float


class Reconnecting(_State, frozen=True, kw_only=True):
    """Another attempt is made."""

    attempt: int


class Closed(_State, frozen=True, kw_only=True):
    """The client has ended; `error` says why."""

    error: Ended


State = Connecting | Connected | Disconnected | Reconnecting | Closed


class Trigger(Enum):
    """What can happen to a client."""

    WELCOMED = "the server says welcome"
    LOST = "the connection cannot be opened, or is lost"
    DUE = "the delay is over, or the machine woke"
    ENDED = "for good: close() · a final close code · hello refused · no attempts left"


TRANSITIONS: Final[Mapping[tuple[type[State], Trigger], type[State]]] = MappingProxyType(
    {
        (Connecting, Trigger.WELCOMED): Connected,
        (Connecting, Trigger.LOST): Disconnected,
        (Connecting, Trigger.ENDED): Closed,
        (Connected, Trigger.LOST): Disconnected,
        (Connected, Trigger.ENDED): Closed,
        (Disconnected, Trigger.DUE): Reconnecting,
        (Disconnected, Trigger.ENDED): Closed,
        (Reconnecting, Trigger.WELCOMED): Connected,
        (Reconnecting, Trigger.LOST): Disconnected,
        (Reconnecting, Trigger.ENDED): Closed,
    }
)
"""Where each trigger leads; a pair that is not here cannot occur."""
