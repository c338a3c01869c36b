"""One entry as the bytes that go out, made once for all who want the same.

A *variant* is a way of showing entries: v1, or plain in either unit of time, and each of them with
long messages compressed or not. It is a small number, so that a room keeps its listeners in a list
indexed by it.
"""

from enum import IntEnum
from typing import assert_never

import msgspec

from causerie.chat.entry import Entry
from causerie.server.deflate import WORTHWHILE, deflate_frame
from causerie.wire.codec import encode
from causerie.wire.framing import frame_text
from causerie.wire.plain import PlainMessage, PlainPrivate, Unit, in_unit
from causerie.wire.replies import Message, Private


class Variant(IntEnum):
    """A way of showing entries; all connections of one variant get the same bytes."""

    V1 = 0
    PLAIN_MILLISECONDS = 1
    PLAIN_SECONDS = 2
    V1_DEFLATED = 3
    PLAIN_MILLISECONDS_DEFLATED = 4
    PLAIN_SECONDS_DEFLATED = 5


VARIANTS = tuple(Variant)
"""To go through them: an enumeration makes a new iterator of its members each time."""

INFLATED = {
    Variant.V1_DEFLATED: Variant.V1,
    Variant.PLAIN_MILLISECONDS_DEFLATED: Variant.PLAIN_MILLISECONDS,
    Variant.PLAIN_SECONDS_DEFLATED: Variant.PLAIN_SECONDS,
}
"""For those of connections on which compression was agreed on, the same without it."""

DEFLATED = {inflated: deflated for deflated, inflated in INFLATED.items()}
"""The other way round."""

V1_VARIANTS = (Variant.V1, Variant.V1_DEFLATED)

UNITS = {
    Variant.PLAIN_MILLISECONDS: Unit.MILLISECONDS,
    Variant.PLAIN_SECONDS: Unit.SECONDS,
    Variant.PLAIN_MILLISECONDS_DEFLATED: Unit.MILLISECONDS,
    Variant.PLAIN_SECONDS_DEFLATED: Unit.SECONDS,
}
"""The plain ones, and what they count time in."""


class FramedEntry(msgspec.Struct, eq=False, gc=False):
    """An entry with its frames, each made when it is first asked for.

    There are as many as the ring of recent entries holds, and nothing in one leads back to it: so
    the garbage collector, which would hold up everybody while it looks at them, does not.
    """

    entry: Entry
    _v1: bytes | None = None
    _v1_replay: bytes | None = None
    _plain_milliseconds: bytes | None = None
    _plain_seconds: bytes | None = None
    _deflated: dict[bytes, bytes] | None = None
    """Of those above that are worth it, each compressed."""

    @property
    def seq(self) -> int:
        """The entry's."""
        return self.entry.seq

    def frame(self, variant: Variant, *, replay: bool = False) -> bytes:
        """The WebSocket frame; `replay` marks it as said before, where the profile has a mark."""
        if variant is Variant.V1:
            if replay:
                if self._v1_replay is None:
                    self._v1_replay = frame_text(encode(v1_entry(self.entry, replay=True)))
                return self._v1_replay
            if self._v1 is None:
                self._v1 = frame_text(encode(v1_entry(self.entry)))
            return self._v1
        if variant is Variant.PLAIN_MILLISECONDS:
            if self._plain_milliseconds is None:
                self._plain_milliseconds = frame_text(payload(self.entry, variant))
            return self._plain_milliseconds
        if variant is Variant.PLAIN_SECONDS:
            if self._plain_seconds is None:
                self._plain_seconds = frame_text(payload(self.entry, variant))
            return self._plain_seconds
        return self._deflate(variant, replay=replay)

    def _deflate(self, variant: Variant, *, replay: bool) -> bytes:
        frame = self.frame(INFLATED[variant], replay=replay)
        if len(frame) < WORTHWHILE:
            return frame
        if self._deflated is None:
            self._deflated = {}
        deflated = self._deflated.get(frame)
        if deflated is None:
            deflated = self._deflated[frame] = deflate_frame(frame)
        return deflated


def payload(entry: Entry, variant: Variant) -> bytes:
    """The JSON of an entry."""
    if variant in V1_VARIANTS:
        return encode(v1_entry(entry))
    return encode(plain_entry(entry, UNITS[variant]))


def v1_entry(entry: Entry, *, replay: bool = False) -> Message | Private:
    """An entry as the v1 profile shows it."""
    match entry.kind:
        case "message":
            return Message(
                room=entry.room,
                seq=entry.seq,
                prev=entry.prev,
                id=entry.id,
                username=entry.username,
                content=entry.content,
                timestamp=entry.timestamp // 1000,
                reply_to=entry.reply_to or None,
                replay=replay,
            )
        case "private":
            return Private(
                room=entry.room,
                seq=entry.seq,
                prev=entry.prev,
                id=entry.id,
                username=entry.username,
                sender=entry.username,
                to=entry.to,
                content=entry.content,
                timestamp=entry.timestamp // 1000,
                reply_to=entry.reply_to or None,
                replay=replay,
            )
        case unknown:
            assert_never(unknown)


def plain_entry(entry: Entry, unit: Unit) -> PlainMessage | PlainPrivate:
    """An entry as the plain profile shows it."""
    timestamp = in_unit(entry.timestamp, unit)
    match entry.kind:
        case "message":
            return PlainMessage(
                username=entry.username,
                content=entry.content,
                timestamp=timestamp,
                room=entry.room,
                id=entry.id,
            )
        case "private":
            return PlainPrivate(
                username=entry.username,
                content=entry.content,
                timestamp=timestamp,
                sender=entry.username,
                to=entry.to,
                id=entry.id,
            )
        case unknown:
            assert_never(unknown)
