"""What a server sends in the v1 profile: replies to commands, pushed entries and signals.

A reply carries the `id` of its command; a push has none, save that an entry keeps its author's.
Whatever has `room`, `seq` and `prev` is an entry: a client that does not know its type still
follows the chain through it (`UnknownEntry`).

What is null here is left out of a frame, and so is what has its default where the struct says
`omit_defaults`; a reader takes what is absent for the default.
"""

from typing import Annotated, Literal

import msgspec

from causerie.wire.codes import ErrorCode
from causerie.wire.commands import MAX_SAFE_INTEGER, CommandId, Cursor, Milliseconds, Seq

Count = Annotated[int, msgspec.Meta(ge=0, le=MAX_SAFE_INTEGER)]
"""Some of something, or a time that passes, in whole units."""


class Reply(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="type", rename="camel", omit_defaults=True
):
    """The base of what answers a command: `id` is the command's, absent if it had none."""

    id: CommandId | None = None


class Limits(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The server's limits, in numbers."""

    frame: Count
    """Bytes of a client's message."""
    reply: Count
    """Bytes at which a reply stops and says `more`."""
    content: Count
    """Code points of a message's content."""
    rooms: Count
    """Rooms of one connection."""
    rate: Annotated[float, msgspec.Meta(ge=0)]
    """Commands a second and connection; 0: no limit."""
    burst: Count
    """Commands that may come at once."""
    dedupe: Count | None
    """Milliseconds for which a repeated `id` is known; null: as long as the message lives."""
    page: Count
    """Entries or names in a page."""


class Welcome(Reply, frozen=True, tag="welcome"):
    """Answers hello: who one is now, and what the server expects and allows."""

    username: str
    """One's name, as it is shown."""
    kept: bool
    """The name stays one's own after one has gone (it was claimed with a key)."""
    server: str
    """Product and version, as `causerie/0.1.0`."""
    time: Milliseconds
    """The server's clock."""
    heartbeat: Count
    """Milliseconds between the server's pings: twice as long without a byte means a dead link."""
    grace: Count
    """Milliseconds from a cut to the announcement that one has left."""
    limits: Limits


class Joined(Reply, frozen=True, tag="joined"):
    """Answers join; the entries asked for follow, then live ones."""

    room: str
    """The room's canonical name, used in every frame from here on."""
    epoch: str
    """Changes when the room's log was lost, moved or begun again: a cursor is good in its own."""
    head: Cursor
    """The newest entry shown: seq 0 and an empty id in a room without entries."""
    members: Count
    """How many are in the room, oneself among them."""
    names: list[str]
    """At most 200 of the members."""
    recovered: Literal["complete", "partial", "none"] | None = None
    """With `since`: whether all that came after it follows. Absent without `since`."""
    missing: Count = 0
    """With `partial`: how many entries between the cursor and the first that follows are left
    out."""


class Left(Reply, frozen=True, tag="left"):
    """Answers leave."""

    room: str


class Ack(Reply, frozen=True, tag="ack"):
    """Answers message and private: the entry is durable, at this place."""

    room: str
    """The room, or the conversation's opaque name."""
    seq: Seq
    timestamp: Milliseconds


class MembersPage(Reply, frozen=True, tag="members"):
    """Answers members."""

    room: str
    members: Count
    """How many are in the room."""
    names: list[str]
    """In the order of folded names."""
    more: bool = False
    """There are further names: ask again with the last one as `after`."""


class RoomSummary(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """One room in a page of rooms."""

    room: str
    epoch: str
    head: Cursor
    joined: bool = False
    """This connection listens to it."""
    members: Count = 0
    """How many are in it; 0 for a private conversation."""
    peer: str | None = None
    """A private conversation: the other's name."""


class RoomsPage(Reply, frozen=True, tag="rooms"):
    """Answers rooms."""

    rooms: list[RoomSummary]
    """In the order of their names."""
    more: bool = False
    """There are further rooms: ask again with the last one as `after`."""


class HistoryPage(Reply, frozen=True, tag="history"):
    """Answers history: entries in the order of the log."""

    room: str
    epoch: str
    entries: list[msgspec.Raw]
    """Each as it would be pushed; they follow on one another by `prev`."""
    more: bool
    """There are further entries in the direction asked for."""


class Pong(Reply, frozen=True, tag="pong"):
    """Answers ping."""

    time: Milliseconds


class Tracing(Reply, frozen=True, tag="tracing"):
    """Answers trace."""

    on: bool
    """Whether `traced` comes from here on."""


class Error(Reply, frozen=True, tag="error"):
    """Answers a command that was refused, or tells of a frame that could not be read."""

    code: Annotated[str, msgspec.Meta(extra_json_schema={"examples": [*ErrorCode]})]
    """Why, in one word, from `codes.json`; a later server may know more words."""
    message: str
    """For people, in the language of hello."""
    field: str | None = None
    """The field at fault."""
    retry_after: Count | None = None
    """Milliseconds to wait before the same command is sent again."""


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
    """The author's own, or the server's where the author gave none."""
    username: str
    """The author's name, as it was when this was said."""
    content: str
    timestamp: Milliseconds
    """When it was stored; never goes back in a room."""
    reply_to: str | None = None
    """The id of the entry that this one answers."""
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


class Presence(Signal, frozen=True, omit_defaults=False, tag="presence"):
    """Who came and who went since the last one; in a room over 200, only how many are in."""

    room: str
    members: Count
    """How many are in the room now."""
    joined: list[str] = []
    """Who came; in a snapshot, who is in."""
    left: list[str] = []
    """Who went."""
    snapshot: bool = False
    """It replaces all that was known: sent to whoever was too slow for what came before."""


class Notice(Signal, frozen=True, tag="notice"):
    """System tells something; it is known by its type, never by its name alone."""

    message: str
    room: str | None = None


class TracedFrame(
    msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True, gc=False
):
    """A WebSocket frame, in the words of RFC 6455, section 5.2."""

    sender: Literal["client", "server"]
    time: Milliseconds
    """When the server had read it whole, or wrote it."""
    fin: bool
    """It is the last fragment of its message; of most messages, the only one."""
    rsv1: bool = False
    """It is the first of a compressed message (RFC 7692, section 6)."""
    opcode: Annotated[int, msgspec.Meta(ge=0, le=15)]
    """0 continuation, 1 text, 2 binary, 8 close, 9 ping, 10 pong."""
    length: Count
    """Bytes of the payload."""
    size: Count
    """Bytes on the wire: the header, the masking key and the payload."""
    masking_key: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{8}(?!\n)$")] | None = None
    """In hexadecimal; a server masks nothing."""
    payload: Annotated[str, msgspec.Meta(pattern=r"^([0-9a-f]{2}){1,125}(?!\n)$")] | None = None
    """That of a control frame, if it has one, in hexadecimal and unmasked. A close frame's begins
    with its code."""
    message: Count | None = None
    """Which of the client's messages it belongs to, counted from 1 since the connection was opened.
    Control frames belong to none."""


class Traced(Signal, frozen=True, tag="traced"):
    """Tells who has asked for it, by trace, of frames of their own connection."""

    frames: list[TracedFrame]
    """In the order in which they were read and written: all that the client sends, and the pings,
    pongs and the close frame of the server. What the server says is not among them: each of its
    messages is one frame, which may be compressed where that was agreed on."""
    missed: Count = 0
    """How many there were besides these since the last `traced`: too many at once, or the client
    did not read."""


class UnknownEntry(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An entry of a type that is not known here: what it takes to follow the chain through it."""

    room: str
    seq: Seq
    prev: Seq
    id: str = ""
    username: str = ""
    timestamp: int = 0
    replay: bool = False


AnyReply = (
    Welcome | Joined | Left | Ack | MembersPage | RoomsPage | HistoryPage | Pong | Tracing | Error
)
AnyPush = Message | Private | Typing | Presence | Notice | Traced
AnyServerFrame = AnyReply | AnyPush
