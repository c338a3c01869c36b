"""Tells a client of the frames of its own connection that a page cannot see: its own, with their
masking keys, and the pings, pongs and the close frame of the server.

`Trace` is what there is to tell; `TracedReader` stands before a connection's reader for as long as
the client wants to be told. Who does not want it costs nothing: no byte passes through here.

Neither does I/O, and both are bounded: of what comes between two `take` only so much is kept, the
rest is counted.
"""

from collections.abc import Callable, Iterator
from typing import Final, Literal

from causerie.server.reader import Closed, Fault, Message, Ping, Reader
from causerie.server.scanner import FrameScanner, ScannedFrame
from causerie.wire.codec import encode
from causerie.wire.framing import frame_text
from causerie.wire.replies import Traced, TracedFrame

MOST_FRAMES: Final = 64
"""Frames that are told at a time: 24 KB, if each is a control frame as long as it may be."""


class Trace:
    """What is to be told of one connection's frames. Times are in milliseconds since 1970."""

    __slots__ = ("_frames", "_from_server", "_missed")

    def __init__(self) -> None:
        self._from_server = FrameScanner()
        self._frames: list[TracedFrame] = []
        self._missed = 0

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to tell."""
        return not self._frames

    def received(self, frames: list[ScannedFrame], time: int, messages: int) -> None:
        """Notes what has come from the client, before which it had sent so many messages."""
        for frame in frames:
            number = None if frame.is_control else messages + 1
            if number is not None and frame.fin:
                messages = number
            self._note("client", frame, time, number)

    def sent(self, frames: bytes, time: int) -> None:
        """Notes control frames that go to the client."""
        for frame in self._from_server.feed(frames):
            self._note("server", frame, time, None)

    def take(self) -> bytes:
        """The message that tells of all this, framed; empty if there is nothing to tell."""
        if not self._frames:
            return b""
        traced = Traced(frames=self._frames, missed=self._missed)
        self._frames, self._missed = [], 0
        return frame_text(encode(traced))

    def skip(self) -> None:
        """Forgets what there is to tell, but for how much it was."""
        self._missed += len(self._frames)
        self._frames.clear()

    def _note(
        self,
        sender: Literal["client", "server"],
        frame: ScannedFrame,
        time: int,
        number: int | None,
    ) -> None:
        if len(self._frames) == MOST_FRAMES:
            self._missed += 1
            return
        self._frames.append(
            TracedFrame(
                sender=sender,
                time=time,
                fin=frame.fin,
                rsv1=frame.rsv1,
                opcode=frame.opcode,
                length=frame.length,
                size=frame.size,
                masking_key=frame.masking_key.hex() or None,
                payload=frame.payload.hex() or None,
                message=number,
            )
        )


class TracedReader:
    """A connection's own reader, and before it a scanner of the same bytes.

    The scanner begins as soon as the reader stands between two messages. This one says of itself
    that it never does, so that it is not handed to another connection, who would be told on.
    """

    at_rest: Literal[False] = False

    def __init__(self, reader: Reader, scanned: Callable[[list[ScannedFrame]], None]) -> None:
        """`scanned` is told of the frames before the reader says what they amount to."""
        self.reader = reader
        self._scanned = scanned
        self._scanner: FrameScanner | None = None

    @property
    def cost(self) -> int:
        """See `Reader.cost`."""
        return self.reader.cost

    def feed(self, data: bytes) -> Iterator[Message | Ping | Closed | Fault]:
        """See `Reader.feed`."""
        if self._scanner is None and self.reader.at_rest:
            self._scanner = FrameScanner()
        if self._scanner is not None:
            self._scanned(self._scanner.feed(data))
        return self.reader.feed(data)

    def ignore_messages(self) -> None:
        """See `Reader.ignore_messages`."""
        self.reader.ignore_messages()

    def drop(self) -> None:
        """See `Reader.drop`."""
        self.reader.drop()
