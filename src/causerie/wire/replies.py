"""What a server sends in the v1 profile: replies to commands, pushed entries and signals.

A reply carries the `id` of its command; a push has none, save that an entry keeps its author's.
Whatever has `room`, `seq` and `prev` is an entry: a client that does not know its type still
follows the chain through it.
"""

from typing import Literal

import msgspec

from causerie.wire.commands import CommandId, Cursor, Milliseconds, Seq


class Reply(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="type", rename="camel", omit_defaults=True
):
    """The base of what answers a command: `id` is the command's, absent if it had none."""

    id: CommandId | None = None


class Limits(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The server's limits, in numbers."""

    frame: int
    """Bytes of a client's message."""
    reply: int
    """Bytes at which a reply stops and says `more`."""
    content: int
    """Code points of a message's content."""
    rooms: int
    """Rooms of one connection."""
    rate: float
    """Commands a second and connection; 0: no limit."""
    burst: int
    """Commands that may come at once."""
    dedupe: int | None
    """Milliseconds for which a repeated `id` is known; null: as long as the message lives."""
    page: int
    """Entries or names in a page."""


class Welcome(Reply, frozen=True, tag="welcome"):
    """Answers hello: who one is now, and what the server expects and allows."""

    username: str
    kept: bool
    """The name stays one's own after one has gone (it was claimed with a key)."""
    server: str
    """Product and version, as `causerie/0.1.0`."""
    time: Milliseconds
    """The server's clock."""
    heartbeat: int
    """Milliseconds between the server's pings: twice as long without a byte means a dead link."""
    grace: int
    """Milliseconds from a cut to the announcement that one has left."""
    limits: Limits


class Joined(Reply, frozen=True, tag="joined"):
    """Answers join; the entries asked for follow, then live ones."""

    room: str
    """The room's canonical name, used in every frame from here on."""
    epoch: str
    head: Cursor
    """The newest entry shown: seq 0 and an empty id in a room without entries."""
    members: int
    names: list[str]
    """At most 200 of the members."""
    recovered: Literal["complete", "partial", "none"] | None = None
    """With `since`: whether all that came after it follows. Absent without `since`."""
    missing: int = 0
    """With `partial`: how many entries between the cursor and the first that follows are left
    out."""


class Left(Reply, frozen=True, tag="left"):
    """Answers leave."""

    room: str


class Ack(Reply, frozen=True, tag="ack"):
    """Answers message and private: the entry is durable, at this place."""

    room: str
    seq: Seq
    timestamp: Milliseconds


class MembersPage(Reply, frozen=True, tag="members"):
    """Answers members."""

    room: str
    members: int
    names: list[str]
    more: bool = False


class RoomSummary(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """One room in a page of rooms."""

    room: str
    epoch: str
    head: Cursor
    joined: bool = False
    """This connection listens to it."""
    members: int = 0
    """How many are in it; 0 for a private conversation."""
    peer: str | None = None
    """A private conversation: the other's name."""


class RoomsPage(Reply, frozen=True, tag="rooms"):
    """Answers rooms."""

    rooms: list[RoomSummary]
    more: bool = False


class HistoryPage(Reply, frozen=True, tag="history"):
    """Answers history: entries in the order of the log."""

    room: str
    epoch: str
    entries: list[msgspec.Raw]
    more: bool
    """There are further entries in the direction asked for."""


class Pong(Reply, frozen=True, tag="pong"):
    """Answers ping."""

    time: Milliseconds


class Error(Reply, frozen=True, tag="error"):
    """Answers a command that was refused, or tells of a frame that could not be read."""

    code: str
    """One of `protocol/codes.json`."""
    message: str
    """For people, in the language of hello."""
    field: str | None = None
    """The field at fault."""
    retry_after: int | None = None
    """Milliseconds."""


class Message(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    tag_field="type",
    tag="message",
    rename="camel",
    omit_defaults=True,
    gc=False,
):
    """An entry: somebody said something in a room."""

    room: str
    seq: Seq
    prev: Seq
    """The seq of the entry before it in the room; 0 if it is the first."""
    id: str
    username: str
    content: str
    timestamp: Milliseconds
    reply_to: str | None = None
    replay: bool = False
    """It had been said before this connection joined the room."""


class Private(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    tag_field="type",
    tag="private",
    rename={"sender": "from", "reply_to": "replyTo"},
    omit_defaults=True,
    gc=False,
):
    """An entry: somebody said something to one other person."""

    room: str
    """The conversation's opaque name, good for join and history."""
    seq: Seq
    prev: Seq
    id: str
    username: str
    """The same as `from`."""
    sender: str
    to: str
    content: str
    timestamp: Milliseconds
    reply_to: str | None = None
    replay: bool = False


class Signal(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="type", rename="camel", omit_defaults=True
):
    """The base of what is pushed and never stored."""


class Typing(Signal, frozen=True, tag="typing"):
    """Somebody types, or has stopped. The server tells of the end, at the latest after 6 s."""

    room: str
    username: str
    is_typing: bool


class Presence(Signal, frozen=True, tag="presence"):
    """Who came and who went since the last one; in a room of more than 200, only how many are in.

    `snapshot` replaces all that was known: `joined` is then the member list (at most 200).
    """

    room: str
    members: int
    joined: list[str] = []
    left: list[str] = []
    snapshot: bool = False


class Notice(Signal, frozen=True, tag="notice"):
    """System tells something; it is known by its type, never by its name alone."""

    message: str
    room: str | None = None


AnyReply = Welcome | Joined | Left | Ack | MembersPage | RoomsPage | HistoryPage | Pong | Error
AnyPush = Message | Private | Typing | Presence | Notice
AnyServerFrame = AnyReply | AnyPush
