"""What a client sends in the v1 profile: one struct for each command.

Every command may carry an `id`; one that does gets exactly one reply with that `id`.
Unknown fields are ignored, so that a newer client can talk to an older server.
"""

from typing import Annotated, Final

import msgspec

MAX_SAFE_INTEGER = 2**53 - 1
"""The largest integer that every JSON reader keeps exact (RFC 8259, section 6)."""

CommandId = Annotated[
    str,
    msgspec.Meta(
        min_length=1,
        max_length=64,
        description="Chosen by the client, at random (128 bits), and repeated in the reply.",
    ),
]
Seq = Annotated[
    int,
    msgspec.Meta(
        ge=0, le=MAX_SAFE_INTEGER, description="A place in a room's log; 0 is before all."
    ),
]
Milliseconds = Annotated[
    int, msgspec.Meta(ge=0, le=MAX_SAFE_INTEGER, description="Milliseconds since 1970 (UTC).")
]
PAGE: Final = 100
"""Entries or names in a page, at most."""

PageLimit = Annotated[int, msgspec.Meta(ge=1, le=PAGE)]
ReplayLimit = Annotated[int, msgspec.Meta(ge=0, le=10_000)]


class Command(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="type", rename="camel", omit_defaults=True
):
    """The base of all commands."""

    id: CommandId | None = None


class Hello(Command, frozen=True, tag="hello"):
    """Says who one is; the first command of a connection. Again, with another name: a rename."""

    username: str
    returning: Annotated[
        bool,
        msgspec.Meta(
            description="The name is the one had last, and no wish: if the key holds another by "
            "now, that is the one of welcome."
        ),
    ] = False
    key: (
        Annotated[
            str,
            msgspec.Meta(
                # A $ alone would let a newline pass at the end.
                pattern=r"^[A-Za-z0-9_-]{22,64}(?!\n)$",
                description="128 bits or more, made by the client and kept by it.",
            ),
        ]
        | None
    ) = None
    token: str | None = None
    locale: Annotated[str, msgspec.Meta(max_length=35)] = "en"


class Cursor(msgspec.Struct, frozen=True, rename="camel"):
    """A place in a room's log, with the id of the entry there to prove it: `{seq, id}`."""

    seq: Seq
    id: Annotated[str, msgspec.Meta(max_length=64)]


class Join(Command, frozen=True, tag="join"):
    """Begins to listen to a room, from its head or from a cursor."""

    room: str
    since: Cursor | None = None
    epoch: Annotated[str, msgspec.Meta(max_length=64)] | None = None
    limit: ReplayLimit | None = None


class Members(Command, frozen=True, tag="members"):
    """Asks who is in a room, a page at a time, in the order of folded names."""

    room: str
    after: str | None = None
    limit: PageLimit = PAGE


class Rooms(Command, frozen=True, tag="rooms"):
    """Asks for the rooms one is in and one's private conversations, with their heads."""

    after: str | None = None
    limit: PageLimit = PAGE


class SendMessage(Command, frozen=True, tag="message"):
    """Says something in a room."""

    room: str
    content: str
    reply_to: CommandId | None = None
    at: Milliseconds | None = None


class SendPrivate(Command, frozen=True, tag="private"):
    """Says something to one person."""

    to: str
    content: str
    reply_to: CommandId | None = None
    at: Milliseconds | None = None


class SetTyping(Command, frozen=True, tag="typing"):
    """Says that one has begun to type, types still, or has stopped. Has no reply but an error."""

    room: str
    is_typing: bool


class GetHistory(Command, frozen=True, tag="history"):
    """Asks for a page of a room's entries: the newest, those before a seq, or those after one."""

    room: str
    before: Seq | None = None
    after: Seq | None = None
    limit: PageLimit = 50


class Leave(Command, frozen=True, tag="leave"):
    """Stops listening to a room, and goes at once, without the grace period."""

    room: str


class Ping(Command, frozen=True, tag="ping"):
    """Asks for a pong, so that a page, which cannot see WebSocket pings, can measure its RTT."""


class Trace(Command, frozen=True, tag="trace"):
    """Asks to be told of the WebSocket frames of one's own connection that no page can see."""

    on: bool
    """False: to be told no more."""


AnyCommand = (
    Hello
    | Join
    | Members
    | Rooms
    | SendMessage
    | SendPrivate
    | SetTyping
    | GetHistory
    | Leave
    | Ping
    | Trace
)
