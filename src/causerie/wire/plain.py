"""The plain profile: no subprotocol, small enough to be typed by hand.

Every frame has `type`, `username`, `content` and `timestamp`. Some clients count seconds, some
milliseconds, and each breaks on the other's: the server answers in the unit that the client's own
timestamps teach (`unit_of`).
"""

from enum import IntEnum
from typing import Annotated, Any

import msgspec

from causerie.wire.codec import explain
from causerie.wire.codes import ErrorCode
from causerie.wire.errors import Refused

YEAR_US = 366 * 86_400 * 1_000_000
LATEST_US = 10**16
"""The year 2286: no log reaches further."""


class Unit(IntEnum):
    """How a plain client counts time; the value is microseconds in one unit."""

    SECONDS = 1_000_000
    MILLISECONDS = 1_000


PLAIN_TYPES = frozenset(
    {"join", "message", "private", "typing", "typing.start", "typing.stop", "leave"}
)


def _whatever(**schema: object) -> msgspec.Meta:
    # A foreign client's value is looked at by `decode_plain`; this is what it should be.
    return msgspec.Meta(extra_json_schema=schema)


class PlainCommand(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A frame of a plain client.

    Which fields count depends on `type`: `decode_plain` saw to it that these are there and right.
    All others it has set to None, whatever the client had put into them.
    """

    type: Annotated[str, _whatever(enum=sorted(PLAIN_TYPES))]
    username: Annotated[Any, _whatever(type="string")] = None
    """`join`: who one is."""
    content: Annotated[Any, _whatever(type="string")] = None
    """`message` and `private`: what one says."""
    timestamp: Annotated[Any, _whatever(type="number")] = None
    """The client's clock, in seconds or milliseconds since 1970; it teaches the server the unit."""
    to: Annotated[Any, _whatever(type="string")] = None
    """`private`: the name of whom it is for."""
    room: Annotated[Any, _whatever(type="string")] = None
    """All but `private`: the room, or null for the lobby."""
    is_typing: Annotated[Any, _whatever(type="boolean")] = None
    """`typing`: whether one types."""
    since: Annotated[Any, _whatever(type="number")] = None
    """`join`: a time in the client's unit; what was said after it is said again."""


class PlainMessage(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    tag_field="type",
    tag="message",
    gc=False,
):
    """What a plain client is sent as `message`: an entry, or a word of System (without `id`)."""

    username: str
    content: str
    timestamp: int | float
    room: str | None = None
    id: str | None = None


class PlainPrivate(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    tag_field="type",
    tag="private",
    rename={"sender": "from"},
    gc=False,
):
    """What a plain client is sent as `private`."""

    username: str
    """The same as `from`: with `content`, for clients that show only these two."""
    content: str
    timestamp: int | float
    sender: str
    to: str
    id: str | None = None


class PlainTyping(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    rename={"is_typing": "isTyping"},
    gc=False,
):
    """What a plain client that has used typing is sent of others' typing, in its own spelling."""

    type: str
    """`typing` with `isTyping`, or `typing.start` / `typing.stop` without."""
    username: str
    content: str
    """Empty."""
    timestamp: int | float
    room: str | None = None
    is_typing: bool | None = None


_decoder = msgspec.json.Decoder(PlainCommand)


def decode_plain(data: bytes) -> PlainCommand:
    """Reads one frame of a plain client. `data` is UTF-8: of a field that is ignored this is not
    checked again.

    Raises:
        Refused: `bad_json`, `unknown_type`, or `invalid` with the field and what is wrong with it.
    """
    try:
        frame = _decoder.decode(data)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise explain(error, data) from None
    kind, timestamp = frame.type, frame.timestamp
    match kind:
        case "join":
            return PlainCommand(
                type=kind,
                timestamp=timestamp,
                username=_string("username", frame.username),
                room=_room(frame.room),
                since=_since(frame.since),
            )
        case "message":
            return PlainCommand(
                type=kind,
                timestamp=timestamp,
                content=_string("content", frame.content),
                room=_room(frame.room),
            )
        case "private":
            return PlainCommand(
                type=kind,
                timestamp=timestamp,
                to=_string("to", frame.to),
                content=_string("content", frame.content),
            )
        case "typing":
            return PlainCommand(
                type=kind,
                timestamp=timestamp,
                room=_room(frame.room),
                is_typing=_is_typing(frame.is_typing),
            )
        case "typing.start" | "typing.stop":
            return PlainCommand(
                type=kind,
                timestamp=timestamp,
                room=_room(frame.room),
                is_typing=kind == "typing.start",
            )
        case "leave":
            return PlainCommand(type=kind, timestamp=timestamp, room=_room(frame.room))
        case _:
            raise Refused(ErrorCode.UNKNOWN_TYPE, field="type", reason=f"“{kind[:64]}”")


def unit_of(timestamp: object, now_us: int) -> Unit | None:
    """The unit that a client's timestamp teaches: the one in which it lies within a year of now.

    `now_us` is the server's clock in microseconds since 1970. 0, `123456`, and what is no number
    teach nothing (None).
    """
    number = _number(timestamp)
    if number is None:
        return None
    for unit in Unit:
        if abs(number * unit - now_us) <= YEAR_US:
            return unit
    return None


def in_unit(time_us: int, unit: Unit) -> int | float:
    """A time in microseconds as a plain client of that unit reads it, the fraction kept."""
    whole, rest = divmod(time_us, unit)
    return whole if rest == 0 and unit is Unit.MILLISECONDS else time_us / unit


def from_unit(timestamp: object, unit: Unit) -> int:
    """A plain client's timestamp in microseconds; `timestamp` is a number (`decode_plain` saw to
    it). What lies before 1970, or too far ahead for the log to reach, is clamped.
    """
    number = _number(timestamp)
    assert number is not None, "decode_plain refuses other values"
    return round(min(max(number, 0), LATEST_US // unit) * unit)


def _string(field: str, value: object) -> str:
    if value is None:
        raise Refused(ErrorCode.INVALID, field=field, reason="it is missing")
    if not isinstance(value, str):
        raise Refused(ErrorCode.INVALID, field=field, reason="it must be a string")
    return value


def _room(value: object) -> str | None:
    return None if value is None else _string("room", value)


def _is_typing(value: object) -> bool:
    if value is None:
        raise Refused(ErrorCode.INVALID, field="isTyping", reason="it is missing")
    if not isinstance(value, bool):
        raise Refused(ErrorCode.INVALID, field="isTyping", reason="it must be true or false")
    return value


def _since(value: object) -> int | float | None:
    if value is None:
        return None
    if (number := _number(value)) is None:
        raise Refused(ErrorCode.INVALID, field="since", reason="it must be a timestamp")
    return number


def _number(value: object) -> int | float | None:
    # bool is an int in Python, and no timestamp.
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if abs(value) < 10**18 else None
