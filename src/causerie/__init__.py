"""Causerie, a self-hosted real-time chat: a room is a log, a client is a cursor in it.

This module is the public face. Nothing inside the package imports it. What it shows of the client
is loaded when it is first asked for, so that a server does not pay for it.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from causerie.version import __version__

if TYPE_CHECKING:
    from causerie.client.client import Client, connect
    from causerie.client.errors import (
        ClientError,
        CommandRefused,
        Ended,
        EndedByServer,
        GaveUp,
        HelloRefused,
        InDoubt,
        OutboxFull,
    )
    from causerie.client.keys import KeyStore
    from causerie.client.machine.events import (
        Acked,
        Event,
        Gap,
        History,
        LatencyMeasured,
        PresenceChanged,
        Receipt,
        Renamed,
        RoomLost,
        SendFailed,
        ServerError,
        StateChanged,
        TypingChanged,
        Unknown,
    )
    from causerie.client.machine.states import (
        Closed,
        Connected,
        Connecting,
        Disconnected,
        Reconnecting,
        State,
    )
    from causerie.wire.errors import CauserieError
    from causerie.wire.replies import Joined, Message, Notice, Private

__all__ = [
    "Acked",
    "CauserieError",
    "Client",
    "ClientError",
    "Closed",
    "CommandRefused",
    "Connected",
    "Connecting",
    "Disconnected",
    "Ended",
    "EndedByServer",
    "Event",
    "Gap",
    "GaveUp",
    "HelloRefused",
    "History",
    "InDoubt",
    "Joined",
    "KeyStore",
    "LatencyMeasured",
    "Message",
    "Notice",
    "OutboxFull",
    "PresenceChanged",
    "Private",
    "Receipt",
    "Reconnecting",
    "Renamed",
    "RoomLost",
    "SendFailed",
    "ServerError",
    "State",
    "StateChanged",
    "TypingChanged",
    "Unknown",
    "__version__",
    "connect",
]


_HOMES = (
    "causerie.client.client",
    "causerie.client.errors",
    "causerie.client.keys",
    "causerie.client.machine.events",
    "causerie.client.machine.states",
    "causerie.wire.errors",
)


if not TYPE_CHECKING:  # a type checker is to see what is not there

    def __getattr__(name: str) -> object:
        if name in __all__:
            for home in map(import_module, _HOMES):
                if name in vars(home):
                    return vars(home)[name]
        raise AttributeError(f"module 'causerie' has no attribute {name!r}")
