"""Limits: how fast one may ask, and what a message may hold."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from causerie.chat.limits import TokenBucket, check_content
from causerie.wire.codes import ErrorCode
from causerie.wire.errors import Refused


def test_a_burst_is_allowed_at_once_and_then_the_wait_is_told() -> None:
    bucket = TokenBucket(rate=2.0, burst=3.0, now=100.0)
    assert [bucket.take(100.0) for _ in range(4)] == [0.0, 0.0, 0.0, 0.5]
    assert bucket.take(100.25) == 0.25
    assert bucket.take(100.5) == 0.0
    assert bucket.take(100.5) == 0.5


def test_a_long_rest_saves_up_no_more_than_the_burst() -> None:
    bucket = TokenBucket(rate=10.0, burst=2.0, now=0.0)
    assert [bucket.take(1e6) for _ in range(3)] == [0.0, 0.0, 0.1]


def test_many_are_taken_at_once_or_all_if_there_can_never_be_as_many() -> None:
    bucket = TokenBucket(rate=2.0, burst=6.0, now=0.0)
    assert bucket.take(0.0, 4.0) == 0.0
    assert bucket.take(0.0, 4.0) == 1.0
    assert bucket.take(1.0, 4.0) == 0.0
    assert bucket.take(1.0, 100.0) == 3.0
    assert bucket.take(4.0, 100.0) == 0.0
    assert bucket.take(4.0) == 0.5


def test_a_rate_of_zero_allows_everything() -> None:
    bucket = TokenBucket(rate=0.0, burst=0.0, now=0.0)
    assert [bucket.take(0.0) for _ in range(1000)] == [0.0] * 1000


rates = st.floats(0.1, 1000.0)
bursts = st.floats(1.0, 1000.0)
pauses = st.lists(st.floats(0.0, 10.0), max_size=200)


@given(rates, bursts, pauses)
def test_in_any_span_no_more_is_allowed_than_the_burst_and_the_rate_for_its_length(
    rate: float, burst: float, pauses: list[float]
) -> None:
    now = 50.0
    bucket = TokenBucket(rate, burst, now)
    taken: list[float] = []
    for pause in pauses:
        now += pause
        if not bucket.take(now):
            taken.append(now)
    for first, start in enumerate(taken):
        for last in range(first, len(taken)):
            allowed = burst + rate * (taken[last] - start)
            assert last - first + 1 <= allowed * (1 + 1e-9)


@given(rates, bursts, pauses)
def test_who_waits_as_long_as_told_is_let_through(
    rate: float, burst: float, pauses: list[float]
) -> None:
    now = 0.0
    bucket = TokenBucket(rate, burst, now)
    for pause in pauses:
        now += pause
        wait = bucket.take(now)
        if wait:
            # A millisecond on top, as in what a client is told; without it rounding may lack a bit.
            now += wait + 0.001
            assert not bucket.take(now)


def reason(content: str, most: int = 10) -> str:
    with pytest.raises(Refused) as caught:
        check_content(content, most)
    assert (caught.value.code, caught.value.field) == (ErrorCode.INVALID, "content")
    return caught.value.reason


@pytest.mark.parametrize("content", ["", " ", "\t\n", "\u3000"])
def test_what_shows_nothing_is_no_message(content: str) -> None:
    assert reason(content) == "it is empty"


def test_a_message_is_measured_in_code_points() -> None:
    check_content("😀" * 10, 10)
    assert reason("😀" * 11) == "it has 11 code points; at most 10 are allowed"


@pytest.mark.parametrize(
    ("content", "what"),
    [("a\0b", "NUL"), ("é\0", "NUL"), ("\ud83d", "surrogate"), ("é\udc00", "surrogate")],
)
def test_a_message_has_no_character_that_nobody_could_be_sent(content: str, what: str) -> None:
    assert what in reason(content)


@given(st.text(max_size=12))
def test_what_is_let_through_can_be_stored_and_shown(content: str) -> None:
    try:
        check_content(content, 10)
    except Refused:
        assert not content.strip() or len(content) > 10 or "\0" in content
    else:
        assert content.encode().decode() == content
