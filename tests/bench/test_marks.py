from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from causerie.bench.marks import CALL, MARK, SHORTEST, SPOKEN, content, unfinished

numbers = st.integers(0, 10**20)


def test_what_is_said_has_the_size_that_was_asked_for() -> None:
    assert len(content(7, 1_234, 100)) == 100
    assert content(7, 1_234, 100).endswith(b"x" + MARK)


@given(numbers, numbers, st.integers(0, 200))
def test_what_is_said_has_its_numbers_and_its_mark_however_little_room_there_is(
    speaker: int, number: int, size: int
) -> None:
    said = content(speaker, number, size)
    assert SPOKEN.findall(said) == [(b"%d" % speaker, b"%d" % number)]
    assert said.count(MARK) == 1
    assert len(said) >= size


def test_the_shortest_has_room_for_times_of_the_clock_and_for_any_speaker() -> None:
    assert len(content(1_000_000, 10**18)) == SHORTEST


def test_a_call_is_no_message_of_the_load() -> None:
    called = content(1, 2, 100, CALL)
    assert len(called) == 100
    assert called.count(CALL) == 1
    assert not SPOKEN.findall(called)
    assert MARK not in called


@given(
    st.lists(st.tuples(numbers, numbers, st.integers(0, 150)), max_size=8),
    st.lists(st.integers(0, 2_000)),
    st.sampled_from([MARK, CALL]),
)
def test_marks_are_counted_exactly_wherever_what_comes_is_cut(
    said: list[tuple[int, int, int]], cuts: list[int], mark: bytes
) -> None:
    # The second byte of a frame's header is a tilde, too.
    frames = [b"\x81~\x00\x80" + content(*one, mark) for one in said]
    stream = b"".join(frames)
    places = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    counted, carry = 0, b""
    for start, end in pairwise(places):
        data = carry + stream[start:end]
        counted += data.count(mark)
        carry = unfinished(data, 0, len(data), mark)
    assert counted == len(said)
    assert len(carry) < len(mark)


def test_only_what_has_come_is_looked_at() -> None:
    assert unfinished(b"~~~~", 1, 3) == b"~~"
