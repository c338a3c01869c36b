"""What a client sends over a WebSocket: from bytes to messages (RFC 6455, sections 5 to 8).

A message is one frame, or several *fragments*; between two fragments there may be pings. `Reader`
is fed bytes and tells what they amount to; it does no I/O. The library `websockets` parses the
frames, inflates those that are compressed (RFC 7692), and holds them to the protocol: here they
become messages, and text is checked to be UTF-8.

What nearly every read brings, one whole text and nothing else, `whole_text` sees at a glance: in 1
µs, where the library's parser, made for whatever may come, takes 9.
"""

import codecs
from collections.abc import Iterator
from typing import Final, NamedTuple, cast

from websockets.extensions import Extension
from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.frames import Frame, Opcode
from websockets.protocol import Protocol, Side
from websockets.typing import LoggerLike

from causerie.wire.codes import CloseCode

try:
    from websockets.speedups import apply_mask
except ImportError:  # where it was installed without a compiler
    from websockets.utils import apply_mask

_DATA: Final = frozenset({Opcode.TEXT, Opcode.BINARY, Opcode.CONT})

BYTES_IN_FRAMES: Final = 128
"""So many bytes of a large frame cost as much as a small one: they are copied, checked, stored."""

_LARGEST_WINDOW: Final = 15
"""In bits. It inflates what was deflated with a smaller one as well."""

_TEXT_FINAL: Final = 0x81
_MASKED: Final = 0x80
_LENGTH_IN_TWO_BYTES: Final = 126


def whole_text(data: bytes, *, max_message: int) -> bytes | None:
    """The text of a message that came whole, as one frame, and alone. None for all else, and for
    what may be wrong with it: a `Reader` is to be asked.

    Only for what follows on a whole message (RFC 6455, section 5.2).
    """
    size = len(data)
    if size < 6 or data[0] != _TEXT_FINAL:
        return None
    length, start = data[1] - _MASKED, 2
    if length == _LENGTH_IN_TWO_BYTES:
        length, start = int.from_bytes(data[2:4]), 4
        if length < _LENGTH_IN_TWO_BYTES:
            return None
    elif not 0 <= length < _LENGTH_IN_TWO_BYTES:
        return None
    end_of_mask = start + 4
    if size != end_of_mask + length or length > max_message:
        return None
    text = apply_mask(data[end_of_mask:], data[start:end_of_mask])
    if not text.isascii():
        try:
            text.decode()
        except UnicodeDecodeError:
            return None
    return text


class Message(NamedTuple):
    """A whole message. Text is UTF-8."""

    content: bytes
    is_binary: bool


class Ping(NamedTuple):
    """A ping, with the frame that answers it."""

    pong: bytes


class Closed(NamedTuple):
    """The client's close frame, with the frame that answers it; nothing follows."""

    code: int
    """1005 if it named none."""
    answer: bytes


class Fault(NamedTuple):
    """The client has broken the protocol, with the code to close with; nothing follows."""

    code: int
    reason: str


class Reader(Protocol):
    """Reads what one client sends; at rest, between two messages, it may be handed to another."""

    def __init__(self, *, max_message: int, binary: bool, logger: LoggerLike) -> None:
        """Makes a reader at rest. A message over `max_message` bytes is a fault, and so is one that
        is not text, unless `binary`.
        """
        super().__init__(Side.SERVER, max_size=max_message, logger=logger)
        self.at_rest = True
        """Stands between two messages, and holds nothing."""
        self.cost = 0
        """What the last `feed` cost, whatever it told: as much as so many small frames."""
        self._binary = binary
        self._partial: _Partial | None = None
        self._ignores_messages = False
        # Between two messages it holds nothing.
        self._inflating: list[Extension] = [
            PerMessageDeflate(
                remote_no_context_takeover=True,
                local_no_context_takeover=True,
                remote_max_window_bits=_LARGEST_WINDOW,
                local_max_window_bits=_LARGEST_WINDOW,
            )
        ]

    def inflate(self, *, on: bool) -> None:
        """Reads, from here on, a connection on which messages may be compressed, or may not. Only
        to be called at rest.
        """
        assert self.at_rest, "a message is of one connection"
        self.extensions = self._inflating if on else []

    def feed(self, data: bytes) -> Iterator[Message | Ping | Closed | Fault]:
        """Takes bytes, and tells one by one what they complete, in the order in which it was said.

        Each is looked at only when the one before it has been dealt with, so that what came before
        a fault still counts, and `ignore_messages` works at once.
        """
        self.at_rest = False
        self.receive_data(data)
        # A pong to each ping, and at the end the answer to a close frame.
        answers = iter(self.data_to_send())
        frames = cast("list[Frame]", self.events_received())
        self.cost = len(frames)
        if self.extensions:
            self.cost += sum([len(frame.data) for frame in frames]) // BYTES_IN_FRAMES
        for frame in frames:
            opcode = frame.opcode
            if opcode is Opcode.PING:
                yield Ping(next(answers))
            elif opcode is Opcode.CLOSE:
                close = self.close_rcvd
                assert close is not None, "it has just come"
                yield Closed(close.code, b"".join(answers))
                return
            elif opcode in _DATA and not self._ignores_messages:
                told = self._assemble(frame)
                if told is not None:
                    yield told
                if isinstance(told, Fault):
                    return
        if self.parser_exc is not None:
            # The library's own close frame has the code that fits.
            close = self.close_sent
            assert close is not None, "it answers every fault"
            yield Fault(close.code, close.reason)

    def ignore_messages(self) -> None:
        """From now on tells only of control frames and faults of framing: we have sent a close
        frame, and what else is said is discarded (RFC 6455, section 1.4). Never is at rest again.
        """
        self._ignores_messages = True
        self._partial = None
        self.at_rest = False

    def drop(self) -> None:
        """Lets go of the generator that parses, which holds this reader in a cycle."""
        self.parser.close()

    def recv_frame(self, frame: Frame) -> None:
        """Takes a frame from the library's parser."""
        if frame.opcode is Opcode.CLOSE:
            # A peer may change its mind in the middle of a message (RFC 6455, section 5.5.1), which
            # the library takes for a fault.
            self.current_size = None
        super().recv_frame(frame)
        self.at_rest = (
            not self.reader.buffer and self.current_size is None and not self._ignores_messages
        )

    def _assemble(self, frame: Frame) -> Message | Fault | None:
        """Makes a message of a frame, or of the last of its fragments."""
        partial = self._partial
        if partial is None:
            is_binary = frame.opcode is Opcode.BINARY
            if is_binary and not self._binary:
                return Fault(CloseCode.UNSUPPORTED_DATA, "this protocol is JSON text")
            if not frame.fin:
                partial = self._partial = _Partial(is_binary=is_binary)
        else:
            is_binary = partial.is_binary
        content = bytes(frame.data)
        try:
            if partial is not None:
                partial.add(content, final=frame.fin)
                if not frame.fin:
                    return None
                content = bytes(partial.content)
                self._partial = None
            elif not is_binary and not content.isascii():
                content.decode()
        except UnicodeDecodeError:
            return Fault(CloseCode.INVALID_TEXT, "the text is not UTF-8")
        return Message(content, is_binary)


class _Partial:
    """A message of which only some fragments have come."""

    __slots__ = ("content", "decoder", "is_binary")

    def __init__(self, *, is_binary: bool) -> None:
        self.is_binary = is_binary
        self.content = bytearray()
        # Tells at the very fragment in which text stops being UTF-8.
        self.decoder = codecs.getincrementaldecoder("utf-8")()

    def add(self, fragment: bytes, *, final: bool) -> None:
        """Appends a fragment.

        Raises:
            UnicodeDecodeError: the text is not UTF-8.
        """
        if not self.is_binary:
            self.decoder.decode(fragment, final)
            unfinished, _ = self.decoder.getstate()
            if unfinished[:1] == b"\xed" and unfinished[1:] >= b"\xa0":
                # Python waits for the last byte of a surrogate, which no last byte makes UTF-8.
                raise UnicodeDecodeError("utf-8", unfinished, 0, 2, "a surrogate")
        self.content += fragment
