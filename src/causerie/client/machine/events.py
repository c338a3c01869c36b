"""What a client tells its application.

Entries come as the wire has them: `Message` and `Private`, each once, in the order of the room's
log; `Joined` and `Notice` too are the wire's own. The others are here. Times in milliseconds are
the server's, since 1970.
"""

import msgspec

from causerie.client.errors import ClientError, CommandRefused
from causerie.client.machine.states import State
from causerie.wire.commands import SendMessage, SendPrivate
from causerie.wire.replies import (
    Joined,
    Left,
    MembersPage,
    Message,
    Notice,
    Private,
    RoomsPage,
    Welcome,
)


class _Event(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="event", tag=True, rename="camel"
):
    """The base of what is not the wire's own."""


class StateChanged(_Event, frozen=True):
    """The client's state is another."""

    state: State


class LatencyMeasured(_Event, frozen=True):
    """How long the server took to answer."""

    rtt_ms: int


class Renamed(_Event, frozen=True):
    """One's own name, as the server writes it, is another."""

    username: str


class Unknown(_Event, frozen=True):
    """An entry of a type that this client does not know: it has its place in the room, but cannot
    be shown.
    """

    room: str
    seq: int
    prev: int
    id: str
    username: str
    timestamp: int
    frame: str
    """The JSON text, for an application that knows more."""


class Gap(_Event, frozen=True):
    """Entries between the last one shown in a room and the next are missing, and will not come by
    themselves. `history` may have them.
    """

    room: str
    after: int
    """The seq of the last entry shown before."""
    missing: int | None
    """How many; None: unknown."""


class RoomLost(_Event, frozen=True):
    """The server lets one into a room no more."""

    room: str
    error: CommandRefused


class TypingChanged(_Event, frozen=True):
    """Others have begun or stopped typing in a room; `usernames` are all who type now."""

    room: str
    usernames: tuple[str, ...]


class PresenceChanged(_Event, frozen=True):
    """Others have come to a room or gone. In a large room only their number is known.

    `snapshot`: what was known before is void, and `joined` names (at most 200 of) those who are
    there.
    """

    room: str
    members: int
    joined: tuple[str, ...]
    left: tuple[str, ...]
    snapshot: bool


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """The proof that what one said is durable, and where in the log it is."""

    id: str
    room: str
    """A private message: the conversation."""
    seq: int
    timestamp: int


class Acked(_Event, frozen=True):
    """What one said is durable. Comes once for each, before or after the entry itself."""

    receipt: Receipt


class SendFailed(_Event, frozen=True):
    """What one said was not taken: surely, unless the error is `InDoubt`."""

    id: str
    command: SendMessage | SendPrivate
    error: ClientError


class History(msgspec.Struct, frozen=True, kw_only=True):
    """A page of a room's log, in the order of the log."""

    room: str
    epoch: str
    entries: "tuple[Entry, ...]"
    more: bool
    """There are further entries in the direction asked for."""


class Answered(_Event, frozen=True):
    """A command that says nothing was answered: join, leave, history, members, rooms, hello."""

    id: str
    reply: "Answer"


class Failed(_Event, frozen=True):
    """A command that says nothing was refused, or can be answered no more."""

    id: str
    error: ClientError


class ServerError(_Event, frozen=True):
    """The server complains of something that is no command's answer, or lets hello wait."""

    error: CommandRefused


Entry = Message | Private | Unknown
"""What stands in a room's log."""

Answer = Joined | Left | History | MembersPage | RoomsPage | Welcome

Event = (
    Message
    | Private
    | Unknown
    | Gap
    | StateChanged
    | LatencyMeasured
    | Renamed
    | Joined
    | RoomLost
    | TypingChanged
    | PresenceChanged
    | Notice
    | Acked
    | SendFailed
    | ServerError
)
"""What an application is told."""

MachineEvent = Event | Answered | Failed
"""What a machine says: to the application, and, by a command's id, to whoever gave the command."""
