from hypothesis import given
from hypothesis import strategies as st
from tests.bench.tiny_chat import frame

from causerie.bench.pings import may_have_pings, pings
from causerie.testing.framing import CLOSE, PING, TEXT

# What looks like a ping within a text, and as the length of one: 137 bytes are 0x89.
texts = st.sampled_from(
    [b"{}", b'{"a":"' + b"x" * 129 + b'"}', '{"a":"É"}'.encode(), '{"a":"\u0449"}'.encode()]
)
payloads = st.binary(max_size=125)


@given(st.lists(st.one_of(st.tuples(st.just(TEXT), texts), st.tuples(st.just(PING), payloads))))
def test_every_ping_among_texts_is_found(frames: list[tuple[int, bytes]]) -> None:
    stream = b"".join(frame(payload, opcode) for opcode, payload in frames)
    wanted = [payload for opcode, payload in frames if opcode == PING]
    assert pings(stream, 0, len(stream)) == wanted
    if wanted:
        assert may_have_pings(stream, 0, len(stream))


def test_a_ping_is_found_where_a_text_ends_whose_beginning_came_earlier() -> None:
    data = bytearray(b'##the end of it"}' + frame(b"1234", PING))
    assert pings(data, 2, len(data)) == [b"1234"]


def test_a_text_whose_length_looks_like_a_ping_costs_no_search() -> None:
    data = frame(b'{"a":"' + b"x" * 129 + b'"}') * 3
    assert 0x89 in data
    assert not may_have_pings(data, 0, len(data))


def test_a_ping_is_found_before_a_goodbye() -> None:
    data = frame(b"", PING) + frame(b"\x03\xe8", CLOSE)
    assert pings(data, 0, len(data)) == [b""]


def test_what_only_looks_like_a_ping_is_none() -> None:
    inside = frame('{"a":"É","b":"}\u0449"}'.encode())
    assert pings(inside, 0, len(inside)) == []


def test_one_that_has_not_come_whole_is_left_alone() -> None:
    whole = frame(b"1234", PING)
    for end in range(len(whole)):
        assert pings(whole, 0, end) == []
