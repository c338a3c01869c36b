"""Scanning: every frame told as it was made, wherever the bytes are cut."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.server.wire_peer import BINARY, CLOSE, CONT, MASK, PING, PONG, TEXT, masked

from causerie.server.scanner import FrameScanner, ScannedFrame
from causerie.testing.framing import RSV1, client_frame
from causerie.wire.framing import frame_text

OPCODES = st.sampled_from([CONT, TEXT, BINARY, 0x3, CLOSE, PING, PONG, 0xF])
LENGTHS = st.sampled_from([0, 1, 5, 124, 125, 126, 127, 65_535, 65_536, 70_000])


@st.composite
def client_frames(draw: st.DrawFn) -> tuple[bytes, ScannedFrame]:
    """A client's frame, and what there is to see of it."""
    opcode, length = draw(OPCODES), draw(LENGTHS)
    fin, rsv1 = draw(st.booleans()), draw(st.booleans())
    mask = draw(st.binary(min_size=4, max_size=4))
    payload = draw(st.binary(min_size=1, max_size=8)) * length
    payload = payload[:length]
    data = client_frame(payload, opcode, final=fin, reserved=RSV1 if rsv1 else 0, mask=mask)
    kept = payload if opcode >= CLOSE and length <= 125 else b""
    return data, ScannedFrame(fin, rsv1, opcode, length, len(data), mask, kept)


@given(
    made=st.lists(client_frames(), max_size=5),
    cuts=st.lists(st.integers(0, 150_000), max_size=12),
)
def test_frames_are_told_as_they_were_made_wherever_the_bytes_are_cut(
    made: list[tuple[bytes, ScannedFrame]], cuts: list[int]
) -> None:
    stream = b"".join(data for data, _ in made)
    places = sorted({0, *(cut for cut in cuts if cut < len(stream)), len(stream)})
    scanner = FrameScanner()
    told = [frame for start, end in pairwise(places) for frame in scanner.feed(stream[start:end])]
    assert told == [frame for _, frame in made]


def test_frames_are_told_as_they_were_made_if_the_bytes_come_one_by_one() -> None:
    stream = b"".join(
        (
            masked(TEXT, b"a" * 126, fin=False),
            masked(PING, b"between"),
            masked(CONT),
            client_frame(b"x" * 65_536, BINARY, mask=MASK),
            masked(CLOSE, b"\x03\xe8bye"),
        )
    )
    scanner = FrameScanner()
    told = [frame for byte in stream for frame in scanner.feed(bytes((byte,)))]
    assert told == [
        ScannedFrame(
            fin=False, rsv1=False, opcode=TEXT, length=126, size=134, masking_key=MASK, payload=b""
        ),
        ScannedFrame(
            fin=True,
            rsv1=False,
            opcode=PING,
            length=7,
            size=13,
            masking_key=MASK,
            payload=b"between",
        ),
        ScannedFrame(
            fin=True, rsv1=False, opcode=CONT, length=0, size=6, masking_key=MASK, payload=b""
        ),
        ScannedFrame(
            fin=True,
            rsv1=False,
            opcode=BINARY,
            length=65_536,
            size=65_550,
            masking_key=MASK,
            payload=b"",
        ),
        ScannedFrame(
            fin=True,
            rsv1=False,
            opcode=CLOSE,
            length=5,
            size=11,
            masking_key=MASK,
            payload=b"\x03\xe8bye",
        ),
    ]


@pytest.mark.parametrize("length", [0, 125, 126, 65_535, 65_536])
def test_a_servers_frames_have_no_key(length: int) -> None:
    data = frame_text(b"x" * length)
    (frame,) = FrameScanner().feed(data)
    assert (frame.masking_key, frame.length, frame.size) == (b"", length, len(data))
    assert FrameScanner().feed(b"\x8a\x02ab") == [
        ScannedFrame(
            fin=True, rsv1=False, opcode=PONG, length=2, size=4, masking_key=b"", payload=b"ab"
        )
    ]


def test_frames_are_of_two_kinds() -> None:
    frames = FrameScanner().feed(b"".join(masked(opcode) for opcode in range(16)))
    assert [frame.is_control for frame in frames] == [False] * 8 + [True] * 8


@given(st.binary(max_size=300))
def test_no_bytes_are_a_fault(data: bytes) -> None:
    FrameScanner().feed(data)


def test_of_a_control_frame_longer_than_may_be_nothing_is_kept() -> None:
    scanner = FrameScanner()
    assert scanner.feed(b"\x89\xff" + (2**63 - 1).to_bytes(8) + MASK + b"x" * 100_000) == []
    assert scanner._kept is None
    (frame,) = FrameScanner().feed(masked(PING, b"x" * 126))
    assert (frame.length, frame.payload) == (126, b"")
