"""The side of a connection on which bytes come in: what is not read yet, and why not.

    bytes ──▶ held? ──no──▶ in slices, a turn's share of them ──▶ reader ──▶ dealt with
                │                                  │
                └──yes──▶ unread ◀──the rest───────┘

`Intake` knows of order and of patience, and nothing of what the bytes mean or of how it ends; the
connection, `causerie.server.websocket`, is built on it. It is a base, and no object beside the
connection: thousands that are at rest would each have one, and each message a call more.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import ClassVar, Final, cast

from causerie.server.loop_share import LoopShare
from causerie.server.reader import BYTES_IN_FRAMES, Reader, whole_text
from causerie.server.scanner import ScannedFrame
from causerie.server.tracing import TracedReader

# Why nothing is read; one bit each, and reading goes on when all are gone.
UNSENT: Final = 1
"""Bytes wait to be sent: the peer must read before it may write (or its pings would be answered
into memory)."""
BY_RECEIVER: Final = 2
"""The receiver asked for it."""
_TURN: Final = 4
"""The peer has had its share of this turn of the loop."""

# So that a client that sends much at once holds up the others for some milliseconds only (3 to 5,
# if a slice is nothing but frames without a payload): its bytes are parsed in slices, and after so
# many frames the rest waits for a later turn, behind what others have sent by then. What is
# compressed may be a thousand times as long as the slice that it comes in.
_SLICE: Final = 4096
_COMPRESSED_SLICE: Final = 256
_FRAMES_A_TURN: Final = 128


class Readers:
    """The readers of one server's connections. At rest none has one: it is handed on."""

    __slots__ = ("_make", "max_message", "spare")

    def __init__(self, make: Callable[[], Reader], *, max_message: int) -> None:
        """`make` makes a reader at rest, for messages of up to `max_message` bytes."""
        self._make = make
        self.max_message = max_message
        self.spare: Reader | None = None
        """One at rest, for whoever reads next."""

    def take(self, *, inflates: bool) -> Reader:
        """A reader at rest, from now on its taker's; `inflates` if messages may be compressed."""
        spare, self.spare = self.spare, None
        reader = spare if spare is not None else self._make()
        reader.inflate(on=inflates)
        return reader


class Intake(asyncio.Protocol, ABC):
    """What of an asyncio protocol reads: in turns, and not while it is held.

    `_held`, `_reader` and `_unread` are its own; who builds on it calls its methods, sets
    `_transport` before the first of them, and `_inflates` if messages may be compressed, and names
    the `_readers`.
    """

    __slots__ = ("_held", "_inflates", "_reader", "_transport", "_unread")

    _readers: ClassVar[Readers]
    _share: ClassVar[LoopShare]
    _transport: asyncio.Transport

    def __init__(self) -> None:
        self._reader: Reader | TracedReader | None = None
        self._unread = b""
        self._held = 0
        self._inflates = False

    @abstractmethod
    def _take(self, reader: Reader | TracedReader, data: bytes) -> None:
        """Feeds a reader, and deals with all that it tells."""

    @abstractmethod
    def _take_text(self, text: bytes) -> None:
        """Deals with a text that came whole and alone."""

    # Reading.

    def _read_in_turn(self, data: bytes) -> None:
        """Reads what has come, or keeps it until it is its turn."""
        if self._held or not self._share.is_spent():
            self._read(data)
            return
        if not self._unread:
            self._share.later(self._read_kept)
        self._unread += data
        if len(self._unread) > _SLICE:
            self._hold(_TURN)

    def _read_kept(self) -> None:
        self._release(_TURN)

    def _read(self, data: bytes) -> None:
        """Reads what has come, or keeps it while there is a reason not to."""
        if self._unread or self._held:
            self._unread += data
            return
        reader = self._reader
        if reader is None:
            if len(data) <= _SLICE:
                text = whole_text(data, max_message=self._readers.max_message)
                if text is not None:
                    self._take_text(text)
                    return
            self._reader = reader = self._readers.take(inflates=self._inflates)
        if len(data) <= (_COMPRESSED_SLICE if self._inflates else _SLICE):
            self._take(reader, data)
        else:
            self._read_in_turns(reader, data)
        if self._reader is reader and reader.at_rest:
            self._reader = None
            self._readers.spare = reader

    def _read_in_turns(self, reader: Reader | TracedReader, data: bytes) -> None:
        at, frames_left = 0, _FRAMES_A_TURN
        size = _COMPRESSED_SLICE if self._inflates else _SLICE
        while at < len(data) and self._reader is not None:
            if self._held or frames_left <= 0:
                self._unread = data[at:]
                if not self._held:
                    self._hold(_TURN)
                    self._share.later(self._read_kept)
                return
            self._take(reader, data[at : at + size])
            at += size
            frames_left -= max(reader.cost, size // BYTES_IN_FRAMES)

    def _read_on(self) -> None:
        """Reads what was left, and then on, unless there is a reason not to."""
        if not self._held and self._unread:
            data, self._unread = self._unread, b""
            self._read(data)
        if not self._held:
            self._transport.resume_reading()

    # Being held: any reason will do.

    def _is_held(self, reason: int) -> bool:
        """Whether this is a reason not to read."""
        return bool(self._held & reason)

    def _hold(self, reason: int) -> None:
        """Adds a reason not to read."""
        if not self._held:
            self._transport.pause_reading()
        self._held |= reason

    def _lift(self, reason: int) -> None:
        """Takes one reason away, if it is there. `_read_on` has to follow."""
        self._held &= ~reason

    def _release(self, reason: int) -> None:
        """Takes one reason away; with the last one, reads on."""
        self._lift(reason)
        self._read_on()

    # Being traced.

    def _scan(self, scanned: Callable[[list[ScannedFrame]], None]) -> None:
        """Tells of the frames of what is read from now on, before it is dealt with."""
        reader = cast(Reader | None, self._reader)
        if reader is None:
            reader = self._readers.take(inflates=self._inflates)
        self._reader = TracedReader(reader, scanned)

    def _scan_no_more(self) -> None:
        """Ends what `_scan` began."""
        self._reader = cast(TracedReader, self._reader).reader

    # The end.

    def _await_close(self) -> None:
        """From now on reads for the peer's close frame alone, which must get in whatever there was
        against reading.
        """
        if self._reader is None:
            self._reader = self._readers.take(inflates=self._inflates)
        self._reader.ignore_messages()
        self._let_in()
        if self._unread:
            self._share.later(self._read_kept)

    def _let_in(self) -> None:
        """Takes all reasons away. What waits goes on waiting."""
        self._held = 0
        self._transport.resume_reading()

    def _read_last(self) -> None:
        """Reads what was left, as much as in one turn, whatever there is against it: the connection
        is lost, and what it has brought is not.
        """
        self._held = 0
        data, self._unread = self._unread, b""
        if data:
            self._read(data)

    def _read_no_more(self) -> None:
        """Lets go of all that has come: nothing of it is read any more."""
        self._unread = b""
        if self._reader is not None:
            self._reader.drop()
            self._reader = None
