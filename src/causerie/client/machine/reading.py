"""A server's text to frames. What cannot be read does no harm."""

import msgspec

from causerie.client.machine.events import Entry, Unknown
from causerie.wire.codec import decode_server_frame
from causerie.wire.commands import Seq
from causerie.wire.errors import Refused
from causerie.wire.replies import AnyServerFrame, Message, Private


class _Linked(msgspec.Struct):
    """What every entry has, of whatever type; only these are sure to be its own."""

    room: str
    seq: Seq
    prev: Seq
    id: str = ""
    username: str = ""
    timestamp: int = 0


_linked = msgspec.json.Decoder(_Linked)


def read_frame(text: str | bytes) -> AnyServerFrame | Unknown | None:
    """Reads one frame; `Unknown` where it has a place in a room's log, but cannot be read or is of
    a newer type, and None where it has not.
    """
    try:
        return decode_server_frame(text)
    except Refused:
        pass
    try:
        linked = _linked.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return Unknown(
        room=linked.room,
        seq=linked.seq,
        prev=linked.prev,
        id=linked.id,
        username=linked.username,
        timestamp=linked.timestamp,
        frame=text if isinstance(text, str) else text.decode(),
    )


def read_entry(text: bytes) -> Entry | None:
    """Reads one entry of a page; None where it is none."""
    frame = read_frame(text)
    return frame if isinstance(frame, Message | Private | Unknown) else None
