"""Causerie, a self-hosted real-time chat: a room is a log, a client is a cursor in it.

    async with causerie.connect("ws://localhost:8080", "Alice") as chat:
        await chat.join("lobby")
        receipt = await chat.send("hello")
        async for event in chat:
            match event:
                case causerie.Message(username=username, content=content):
                    print(f"{username}: {content}")

`connect` says what it takes, `Client` what one can do, and how events come; `Event` is all that it
tells. Every error is a `CauserieError`; those of the client are a tree under `ClientError`.
"""

# What this module shows is loaded when it is first asked for, so that a server does not pay for the
# client. Nothing inside the package imports it.

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
        IdReused,
        InDoubt,
        InvalidCommand,
        KeyDamaged,
        KeyExists,
        NameRefused,
        NotAllowed,
        NotJoined,
        OutboxFull,
        RecipientUnknown,
        TooManyRooms,
        TryAgain,
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
    from causerie.client.sending import ClientEvent, Sending
    from causerie.wire.codes import CloseCode, ErrorCode
    from causerie.wire.commands import Cursor, SendMessage, SendPrivate
    from causerie.wire.errors import CauserieError
    from causerie.wire.replies import Joined, Message, Notice, Private, RoomSummary, Welcome

__all__ = [
    "Acked",
    "CauserieError",
    "Client",
    "ClientError",
    "ClientEvent",
    "CloseCode",
    "Closed",
    "CommandRefused",
    "Connected",
    "Connecting",
    "Cursor",
    "Disconnected",
    "Ended",
    "EndedByServer",
    "ErrorCode",
    "Event",
    "Gap",
    "GaveUp",
    "HelloRefused",
    "History",
    "IdReused",
    "InDoubt",
    "InvalidCommand",
    "Joined",
    "KeyDamaged",
    "KeyExists",
    "KeyStore",
    "LatencyMeasured",
    "Message",
    "NameRefused",
    "NotAllowed",
    "NotJoined",
    "Notice",
    "OutboxFull",
    "PresenceChanged",
    "Private",
    "Receipt",
    "RecipientUnknown",
    "Reconnecting",
    "Renamed",
    "RoomLost",
    "RoomSummary",
    "SendFailed",
    "SendMessage",
    "SendPrivate",
    "Sending",
    "ServerError",
    "State",
    "StateChanged",
    "TooManyRooms",
    "TryAgain",
    "TypingChanged",
    "Unknown",
    "Welcome",
    "__version__",
    "connect",
]


_HOMES = (
    "causerie.client.client",
    "causerie.client.errors",
    "causerie.client.keys",
    "causerie.client.machine.events",
    "causerie.client.machine.states",
    "causerie.client.sending",
    "causerie.wire.codes",
    "causerie.wire.commands",
    "causerie.wire.errors",
    "causerie.wire.replies",
)


if not TYPE_CHECKING:  # a type checker is to see what is not there

    def __getattr__(name: str) -> object:
        if name in __all__:
            for home in map(import_module, _HOMES):
                if name in vars(home):
                    return vars(home)[name]
        raise AttributeError(f"module 'causerie' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
