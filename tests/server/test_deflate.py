"""Compressed messages: what they inflate to, and when there are none."""

import json
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.frames import Frame, Opcode

from causerie.server.deflate import WINDOW_BITS, WORTHWHILE, deflate_frame, frame_deflated
from causerie.testing.framing import TEXT, take_frame
from causerie.wire.framing import frame_text

COMPRESSED = 0xC1
"""The first byte of a text that is compressed (RFC 7692, section 6)."""

PAGE = json.dumps([{"username": "Alice", "content": f"{n} bottles"} for n in range(1000)]).encode()


def shown(frame: bytes) -> bytes:
    """The text that a client sees."""
    buffer = bytearray(frame)
    taken = take_frame(buffer, compression=True)
    assert taken is not None
    assert taken.opcode == TEXT
    assert not buffer
    return taken.payload


@given(st.one_of(st.text(), st.text(min_size=WORTHWHILE), st.just("ab" * 40_000)).map(str.encode))
def test_whatever_is_said_is_shown_as_it_was_and_never_longer(text: bytes) -> None:
    frame = frame_deflated(text)
    assert shown(frame) == text
    assert len(frame) <= len(frame_text(text))


def test_what_is_short_goes_as_it_is_and_what_is_longer_is_compressed() -> None:
    at_most = b"a" * (WORTHWHILE - 5)
    assert frame_deflated(at_most) == frame_text(at_most)
    assert frame_deflated(at_most + b"a")[0] == COMPRESSED


def test_what_compression_would_only_lengthen_goes_as_it_is() -> None:
    noise = Random(1).randbytes(2000)
    frame = frame_text(noise)
    assert deflate_frame(frame) is frame


@pytest.mark.parametrize("text", [PAGE[:WORTHWHILE], PAGE[:5000], PAGE])
def test_each_is_compressed_as_if_it_were_the_first(text: bytes) -> None:
    frame = frame_deflated(text)
    assert frame_deflated(text) == frame
    assert len(frame) < len(text) * 0.6


def test_another_library_inflates_it_within_the_window_that_was_agreed_on() -> None:
    # What comes again as far back as the window reaches is what would need a larger one.
    far = Random(2).randbytes(2**WINDOW_BITS - 300)
    for text in (PAGE, far + far):
        frame = deflate_frame(frame_text(text))
        size = 4 if frame[1] == 126 else 10
        data = Frame(Opcode.TEXT, frame[size:], rsv1=True)
        assert frame[0] == COMPRESSED
        theirs = PerMessageDeflate(True, True, WINDOW_BITS, WINDOW_BITS)
        assert bytes(theirs.decode(data).data) == text
