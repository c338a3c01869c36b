"""A server's text to frames. What cannot be read does no harm."""

from causerie.client.machine.events import Entry, History, Unknown
from causerie.wire.codec import decode_server_frame, decode_unknown_entry
from causerie.wire.errors import Refused
from causerie.wire.replies import AnyServerFrame, HistoryPage, Message, Private


def read_frame(text: str | bytes) -> AnyServerFrame | Unknown | None:
    """Reads one frame; `Unknown` where it has a place in a room's log, but cannot be read or is of
    a newer type, and None where it has not.
    """
    try:
        return decode_server_frame(text)
    except Refused:
        pass
    entry = decode_unknown_entry(text)
    if entry is None:
        return None
    return Unknown(
        room=entry.room,
        seq=entry.seq,
        prev=entry.prev,
        id=entry.id,
        username=entry.username,
        timestamp=entry.timestamp,
        frame=text if isinstance(text, str) else text.decode(),
    )


def read_entry(text: bytes) -> Entry | None:
    """Reads one entry of a page; None where it is none."""
    frame = read_frame(text)
    return frame if isinstance(frame, Message | Private | Unknown) else None


def read_history(page: HistoryPage) -> History:
    """Reads a page of a room's log; what is no entry is left out."""
    entries = (read_entry(bytes(raw)) for raw in page.entries)
    return History(
        room=page.room,
        epoch=page.epoch,
        entries=tuple(entry for entry in entries if entry is not None),
        more=page.more,
    )
