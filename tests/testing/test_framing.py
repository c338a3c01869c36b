import pytest
from hypothesis import given
from hypothesis import strategies as st

from causerie.testing.framing import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    TEXT,
    Frame,
    client_frame,
    deflate,
    inflate,
    take_frame,
    upgrade_request,
)
from causerie.wire.framing import frame_text

# The request.


def test_a_request_has_all_that_a_handshake_needs() -> None:
    assert upgrade_request().decode().split("\r\n") == [
        "GET /ws HTTP/1.1",
        "Host: localhost:8080",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version: 13",
        "",
        "",
    ]


def test_headers_are_added_replaced_and_left_out() -> None:
    headers = {"Host": "chat.example", "Connection": None, "Sec-WebSocket-Protocol": "causerie.v1"}
    lines = upgrade_request("/chat", headers).decode().split("\r\n")
    assert lines[:2] == ["GET /chat HTTP/1.1", "Host: chat.example"]
    assert "Sec-WebSocket-Protocol: causerie.v1" in lines
    assert not any(line.startswith("Connection") for line in lines)


# Frames of a client: the examples are those of RFC 6455, section 5.7.


def test_a_masked_text() -> None:
    frame = client_frame(b"Hello", mask=bytes.fromhex("37fa213d"))
    assert frame == bytes.fromhex("818537fa213d7f9f4d5158")


def test_a_mask_of_zeros_leaves_the_payload_as_it_is() -> None:
    assert client_frame(b"Hello") == bytes.fromhex("8185000000") + b"\0Hello"


def test_frames_that_are_not_the_last_and_those_with_reserved_bits() -> None:
    assert client_frame(b"", TEXT, final=False)[0] == 0x01
    assert client_frame(b"", CONTINUATION)[0] == 0x80
    assert client_frame(b"", BINARY, reserved=0b100)[0] == 0xC2
    assert client_frame(b"", CLOSE)[:2] == b"\x88\x80"


@pytest.mark.parametrize(
    ("size", "length"),
    [
        (0, "80"),
        (125, "fd"),
        (126, "fe007e"),
        (65_535, "feffff"),
        (65_536, "ff0000000000010000"),
    ],
)
@pytest.mark.parametrize("mask", [b"\0\0\0\0", b"\x21\x43\x65\x87"])
def test_the_length_is_written_as_short_as_may_be(size: int, length: str, mask: bytes) -> None:
    payload = bytes(number % 251 for number in range(size))
    frame = client_frame(payload, BINARY, mask=mask)
    head = b"\x82" + bytes.fromhex(length) + mask
    assert frame[: len(head)] == head
    unmasked = bytes(byte ^ mask[at % 4] for at, byte in enumerate(frame[len(head) :]))
    assert unmasked == payload


# Frames of a server.


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65_535, 65_536])
def test_a_frame_is_taken_once_it_is_whole(size: int) -> None:
    framed = frame_text(b"x" * size)
    head = len(framed) - size
    for part in {*range(head), head + size // 2, len(framed) - 1} - {len(framed)}:
        buffer = bytearray(framed[:part])
        assert take_frame(buffer) is None
        assert buffer == framed[:part], "nothing is taken"
        buffer += framed[part:] + b"\x89"
        assert take_frame(buffer) == Frame(TEXT, b"x" * size)
        assert buffer == b"\x89", "what follows is left"


def test_frames_are_taken_one_by_one() -> None:
    buffer = bytearray(b"\x81\x02hi" + b"\x89\x00" + b"\x88\x02\x03\xe8")
    taken = [take_frame(buffer) for _ in range(4)]
    assert taken == [Frame(TEXT, b"hi"), Frame(PING, b""), Frame(CLOSE, b"\x03\xe8"), None]


@pytest.mark.parametrize("head", [b"\x01\x00", b"\xc1\x00", b"\x81\x80", client_frame(b"mine")[:2]])
def test_what_a_server_of_whole_plain_frames_never_sends_is_refused(head: bytes) -> None:
    with pytest.raises(ValueError, match="begins with"):
        take_frame(bytearray(head))


# Compression (RFC 7692).


@given(st.binary(max_size=2000))
def test_what_was_deflated_inflates_to_what_it_was(text: bytes) -> None:
    assert inflate(deflate(text)) == text


def test_the_examples_of_the_rfc_inflate() -> None:
    # Section 7.2.3: one block, one that is stored, one marked as the last, and two.
    for payload in (
        "f248cdc9c90700",
        "000500faff48656c6c6f00",
        "f348cdc9c9070000",
        "f248050000 00ffffcac9c90700",
    ):
        assert inflate(bytes.fromhex(payload)) == b"Hello"


def test_what_is_not_deflated_does_not_inflate() -> None:
    with pytest.raises(ValueError, match="invalid"):
        inflate(b"\xff\xff\xff")


def test_a_compressed_frame_is_inflated_where_that_was_agreed_on_and_others_are_left() -> None:
    buffer = bytearray(frame_text(deflate(b"hi"), compressed=True) + b"\x81\x02yo" + b"\x89\x00")
    taken = [take_frame(buffer, compression=True) for _ in range(3)]
    assert taken == [Frame(TEXT, b"hi"), Frame(TEXT, b"yo"), Frame(PING, b"")]
