"""How an entry is stored in NATS: as JSON, without what its place says. Pure."""

import msgspec

from causerie.chat.entry import Draft, Entry, EntryKind


class _Said(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """An entry without its room, `seq` and `prev`."""

    identity: str
    id: str
    username: str
    content: str
    timestamp: int
    kind: EntryKind = "message"
    to: str = ""
    peer: str = ""
    reply_to: str = ""


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(_Said)


def encode_entry(draft: Draft | Entry, timestamp: int) -> bytes:
    """Makes what is stored of a draft, or of an entry that is copied.

    Raises:
        UnicodeEncodeError: it is not text.
    """
    return _encoder.encode(
        _Said(
            identity=draft.identity,
            id=draft.id,
            username=draft.username,
            content=draft.content,
            timestamp=timestamp,
            kind=draft.kind,
            to=draft.to,
            peer=draft.peer,
            reply_to=draft.reply_to,
        )
    )


def decode_entry(payload: bytes, *, room: str, seq: int, prev: int) -> Entry:
    """Makes an entry of what is stored.

    Raises:
        msgspec.DecodeError: it is none.
    """
    said = _decoder.decode(payload)
    return Entry(
        room=room,
        seq=seq,
        prev=prev,
        identity=said.identity,
        id=said.id,
        kind=said.kind,
        username=said.username,
        content=said.content,
        timestamp=said.timestamp,
        to=said.to,
        peer=said.peer,
        reply_to=said.reply_to,
    )


def timestamp_of(payload: bytes) -> int:
    """Tells when the entry was said that is stored so, in microseconds; 0 of what is none."""
    try:
        return _decoder.decode(payload).timestamp
    except msgspec.MsgspecError:
        return 0
