"""Reading: messages, pings and the end, told in order, of bytes cut anywhere."""

import gc
import logging
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.server.wire_peer import BINARY, CLOSE, CONT, PING, PONG, TEXT, deflated, masked

from causerie.server.reader import Closed, Fault, Message, Ping, Reader, whole_text
from causerie.testing.framing import RSV1, deflate

LOGGER = logging.getLogger(__name__)

Told = Message | Ping | Closed | Fault


def reader(*, max_message: int = 1000, binary: bool = False) -> Reader:
    return Reader(max_message=max_message, binary=binary, logger=LOGGER)


def text(content: str | bytes) -> Message:
    return Message(content.encode() if isinstance(content, str) else content, is_binary=False)


def pong(content: bytes) -> Ping:
    return Ping(bytes((0x8A, len(content))) + content)


def fault(told: list[Told]) -> int:
    """The code of a fault, which is the last that is told."""
    assert isinstance(told[-1], Fault), told
    assert told[-1].reason
    return told[-1].code


def test_messages_and_pings_are_told_in_their_order_and_pongs_are_not() -> None:
    frames = (
        masked(PING, b"1") + masked(TEXT, b"2") + masked(PONG, b"unasked") + masked(PING, b"3")
        + masked(TEXT) + masked(CLOSE, b"\x03\xe8bye")
    )  # fmt: skip
    assert list(reader().feed(frames)) == [
        pong(b"1"), text("2"), pong(b"3"), text(""), Closed(1000, b"\x88\x05\x03\xe8bye")
    ]  # fmt: skip


def test_a_close_frame_without_a_code_counts_as_1005() -> None:
    assert list(reader().feed(masked(CLOSE))) == [Closed(1005, b"\x88\x00")]


def test_fragments_make_one_message_with_pings_between_them() -> None:
    euro = "€".encode()
    one = reader()
    assert list(one.feed(masked(TEXT, b"1 " + euro[:1], fin=False))) == []
    assert list(one.feed(masked(PING, b"?"))) == [pong(b"?")]
    assert list(one.feed(masked(CONT, euro[1:2], fin=False))) == []
    assert list(one.feed(masked(CONT, euro[2:]) + masked(TEXT, b"2"))) == [text("1 €"), text("2")]


def test_binary_messages_are_told_where_they_are_wanted_and_are_any_bytes() -> None:
    frames = masked(BINARY, b"\xff", fin=False) + masked(CONT, b"\xfe") + masked(BINARY, b"\xff")
    told = list(reader(binary=True).feed(frames))
    assert told == [Message(b"\xff\xfe", is_binary=True), Message(b"\xff", is_binary=True)]


@pytest.mark.parametrize("fin", [True, False])
def test_a_binary_message_is_a_fault_where_they_are_not_wanted(fin: bool) -> None:
    told = list(reader().feed(masked(BINARY, b"x", fin=fin) + masked(TEXT, b"after")))
    assert [fault(told), len(told)] == [1003, 1]


@pytest.mark.parametrize(
    "frames",
    [
        masked(TEXT, b"\xff"),
        # At once: the message is not over.
        masked(TEXT, b"caf\xc3", fin=False) + masked(CONT, b"\x28", fin=False),
        # The first two bytes of a surrogate, which no third makes a character.
        masked(TEXT, b"\xed\xa0", fin=False),
        # A character that never ends.
        masked(TEXT, b"\xe2\x82", fin=False) + masked(CONT),
        masked(CLOSE, b"\x03\xe8\xff"),
    ],
)
def test_what_is_not_utf8_is_a_fault(frames: bytes) -> None:
    told = list(reader().feed(masked(TEXT, b"before") + frames + masked(TEXT, b"after")))
    assert [fault(told), told[:-1]] == [1007, [text("before")]]


@pytest.mark.parametrize(
    "frames",
    [
        masked(TEXT, b"x", rsv=4),
        b"\x81\x01x",
        masked(0x3),
        masked(PING, fin=False),
        masked(PING, b"x" * 126),
        masked(CONT, b"x"),
        masked(TEXT, b"x", fin=False) + masked(TEXT, b"y"),
        masked(CLOSE, b"\x03"),
        masked(CLOSE, b"\x03\xed"),
    ],
)
def test_what_breaks_the_protocol_is_a_fault_after_what_came_before(frames: bytes) -> None:
    told = list(reader().feed(masked(TEXT, b"before") + frames + masked(TEXT, b"after")))
    assert [fault(told), told[:-1]] == [1002, [text("before")]]


def test_a_message_over_the_limit_is_a_fault_whole_or_in_fragments() -> None:
    assert list(reader().feed(masked(TEXT, b"x" * 1000))) == [text("x" * 1000)]
    assert fault(list(reader().feed(masked(TEXT, b"x" * 1001)))) == 1009
    fragments = masked(TEXT, b"x" * 600, fin=False) + masked(CONT, b"x" * 401, fin=False)
    assert fault(list(reader().feed(fragments))) == 1009


def test_a_close_frame_in_the_middle_of_a_message_is_a_close_frame() -> None:
    told = list(reader().feed(masked(TEXT, b"unfinis", fin=False) + masked(CLOSE, b"\x03\xe8")))
    assert told == [Closed(1000, b"\x88\x02\x03\xe8")]


def test_who_ignores_messages_is_told_of_the_rest_from_the_very_next_frame_on() -> None:
    one = reader()
    told: list[Told] = []
    frames = masked(TEXT, b"1") + masked(TEXT, b"2") + masked(PING) + masked(BINARY, b"3")
    for each in one.feed(frames + masked(TEXT, b"\xff")):
        told.append(each)
        one.ignore_messages()
        assert not one.at_rest
    assert told == [text("1"), pong(b"")]
    list(one.feed(masked(TEXT, b"4")))
    assert not one.at_rest, "nobody else may have it"
    assert list(one.feed(masked(CLOSE, b"\x03\xe8"))) == [Closed(1000, b"\x88\x02\x03\xe8")]


def test_it_is_at_rest_between_two_messages_only() -> None:
    one = reader()
    assert one.at_rest
    for data, rests in (
        (masked(TEXT, b"hello")[:1], False),
        (masked(TEXT, b"hello")[1:], True),
        (masked(TEXT, b"frag", fin=False), False),
        (masked(PING), False),
        (masked(CONT, b"ment"), True),
        (masked(PING), True),
        (masked(TEXT, b"hello") + b"\x81", False),
    ):
        list(one.feed(data))
        assert one.at_rest is rests


def test_frames_are_counted_whether_they_tell_anything_or_not() -> None:
    one = reader()
    list(one.feed(masked(PONG) * 3 + masked(TEXT, fin=False) + masked(CONT, fin=False) * 4))
    assert one.cost == 8


# Compression (RFC 7692).

SAYING = "Whoever reads this has inflated it: " + "so it goes on and on, " * 20


def inflating(*, max_message: int = 1000) -> Reader:
    one = reader(max_message=max_message)
    one.inflate(on=True)
    return one


def fragments(payload: bytes, *cuts: int) -> bytes:
    """A compressed message, cut into frames; the first alone has the mark (section 6.1)."""
    parts = [payload[start:end] for start, end in pairwise([0, *cuts, len(payload)])]
    return b"".join(
        masked(CONT if at else TEXT, part, fin=at == len(cuts), rsv=0 if at else RSV1)
        for at, part in enumerate(parts)
    )


def test_a_compressed_message_is_told_as_it_was_before_and_one_beside_it_too() -> None:
    frames = deflated(SAYING.encode()) + masked(TEXT, b"as it is") + deflated(b"")
    assert list(inflating().feed(frames)) == [text(SAYING), text("as it is"), text("")]


def test_a_block_that_says_it_is_the_last_is_inflated_like_any_other() -> None:
    # The example of RFC 7692, section 7.2.3.4.
    final = bytes.fromhex("f348cdc9c90700 00")
    assert list(inflating().feed(masked(TEXT, final, rsv=RSV1))) == [text("Hello")]


@given(
    said=st.text(max_size=300),
    cuts=st.lists(st.integers(0, 200), max_size=4),
    size=st.integers(1, 50),
)
def test_it_may_come_in_fragments_cut_anywhere(said: str, cuts: list[int], size: int) -> None:
    payload = deflate(said.encode())
    stream = fragments(payload, *sorted(cut for cut in cuts if cut < len(payload)))
    one = inflating(max_message=2000)
    found = [
        told for at in range(0, len(stream), size) for told in one.feed(stream[at : at + size])
    ]
    assert found == [text(said)]
    assert one.at_rest


def test_a_ping_between_two_fragments_is_no_part_of_them() -> None:
    payload = deflate(SAYING.encode())
    one = inflating()
    head, tail = masked(TEXT, payload[:9], fin=False, rsv=RSV1), masked(CONT, payload[9:])
    assert list(one.feed(head + masked(PING, b"?") + tail)) == [pong(b"?"), text(SAYING)]


@pytest.mark.parametrize("cuts", [(), (20,), (20, 40)])
def test_what_inflates_beyond_the_limit_is_too_big_though_it_came_small(
    cuts: tuple[int, ...],
) -> None:
    payload = deflate(b" " * 50_000)
    assert len(payload) < 100
    assert fault(list(inflating().feed(fragments(payload, *cuts)))) == 1009
    fits = deflate(b" " * 1000)
    assert list(inflating().feed(masked(TEXT, fits, rsv=RSV1))) == [text(" " * 1000)]


@pytest.mark.parametrize(
    ("frames", "code"),
    [
        (masked(TEXT, b"\xff\xff\xff", rsv=RSV1), 1002),
        (masked(PING, deflate(b"?"), rsv=RSV1), 1002),
        (masked(CLOSE, b"\x03\xe8", rsv=RSV1), 1002),
        (
            masked(TEXT, deflate(b"a"), fin=False, rsv=RSV1) + masked(CONT, b"\x00", rsv=RSV1),
            1002,
        ),
        (masked(TEXT, deflate(b"a"), rsv=RSV1 | 1), 1002),
        (deflated(b"\xff"), 1007),
        (deflated(b"x", BINARY), 1003),
    ],
)
def test_what_breaks_the_compression_or_what_it_carries_is_a_fault(
    frames: bytes, code: int
) -> None:
    assert fault(list(inflating().feed(frames))) == code


def test_without_an_agreement_a_compressed_message_is_a_fault_whoever_had_the_reader_before() -> (
    None
):
    one = reader()
    for _ in range(2):
        one.inflate(on=True)
        assert list(one.feed(deflated(b"agreed"))) == [text("agreed")]
        one.inflate(on=False)
        assert list(one.feed(masked(TEXT, b"plain"))) == [text("plain")]
    assert fault(list(one.feed(deflated(b"not agreed")))) == 1002


def test_at_rest_nothing_that_inflates_is_kept() -> None:
    one = inflating()
    list(one.feed(deflated(SAYING.encode())))
    (extension,) = one.extensions
    assert not hasattr(extension, "decoder")
    payload = deflate(SAYING.encode())
    list(one.feed(masked(TEXT, payload[:9], fin=False, rsv=RSV1)))
    assert hasattr(extension, "decoder"), "so it would have been seen"
    with pytest.raises(AssertionError):
        one.inflate(on=False)


def test_what_was_inflated_costs_as_what_had_come_so_long() -> None:
    one = inflating(max_message=65_536)
    list(one.feed(deflated(b" " * 65_536) + masked(PING)))
    assert one.cost == 2 + 65_536 // 128


@given(
    texts=st.lists(st.text(max_size=40), max_size=5),
    cuts=st.lists(st.integers(0, 300), max_size=8),
)
def test_it_does_not_matter_where_the_bytes_are_cut(texts: list[str], cuts: list[int]) -> None:
    stream = b""
    for content in texts:
        encoded = content.encode()
        half = len(encoded) // 2
        stream += masked(TEXT, encoded[:half], fin=False) + masked(CONT, encoded[half:])
    one = reader()
    places = sorted({0, *(cut for cut in cuts if cut < len(stream)), len(stream)})
    told = [each for start, end in pairwise(places) for each in one.feed(stream[start:end])]
    assert told == [text(content) for content in texts]
    assert one.at_rest


def test_one_that_was_dropped_leaves_no_cycle() -> None:
    gc.collect()
    gc.disable()
    try:
        before = sum(type(thing) is Reader for thing in gc.get_objects())
        one = reader()
        list(one.feed(masked(TEXT, b"hello")[:3]))
        one.drop()
        del one
        assert sum(type(thing) is Reader for thing in gc.get_objects()) == before
    finally:
        gc.enable()


# What is seen at a glance.


@given(
    opcode=st.sampled_from([TEXT, TEXT, BINARY, CONT, CLOSE, PING, PONG]),
    content=st.one_of(
        st.text(max_size=80).map(str.encode),
        st.binary(max_size=80),
        st.sampled_from([b"x" * size for size in (125, 126, 127, 999, 1000, 1001)]),
    ),
    fin=st.booleans(),
    damage=st.one_of(st.none(), st.tuples(st.integers(0, 3), st.integers(0, 255))),
    cut=st.integers(-3, 3),
)
def test_a_text_at_a_glance_is_what_a_reader_makes_of_the_same_bytes(
    *,
    opcode: int,
    content: bytes,
    fin: bool,
    damage: tuple[int, int] | None,
    cut: int,
) -> None:
    data = bytearray(masked(opcode, content, fin=fin))
    if damage is not None and damage[0] < len(data):
        data[damage[0]] = damage[1]
    bytes_in = bytes(data[:cut] if cut < 0 else data + b"\x81" * cut)
    seen = whole_text(bytes_in, max_message=1000)
    one = reader()
    told = list(one.feed(bytes_in))
    if seen is not None:
        assert told == [Message(seen, is_binary=False)]
        assert one.at_rest
    elif opcode == TEXT and fin and damage is None and cut == 0 and len(content) <= 1000:
        assert told[-1:] == [] or isinstance(told[-1], Fault), "only what is wrong is left over"


def test_a_length_that_is_spelt_longer_than_it_need_be_is_left_to_the_reader() -> None:
    assert whole_text(masked(TEXT, b"hello"), max_message=5) == b"hello"
    assert whole_text(masked(TEXT, b"hello"), max_message=4) is None
    spelt_out = b"\x81\xfe\x00\x05\0\0\0\0hello"
    assert whole_text(spelt_out, max_message=5) is None
