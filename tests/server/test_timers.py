"""Timers: all that is due is done, in order, behind one call of the event loop."""

from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from causerie.server.timers import Timers


def nothing() -> None:
    """Does nothing."""


def test_what_is_due_is_done_in_order_and_nothing_before() -> None:
    done: list[str] = []
    timers = Timers(arm=lambda _: None)
    timers.at(2.0, partial(done.append, "second"))
    timers.at(3.0, partial(done.append, "third"))
    timers.at(1.0, partial(done.append, "first"))
    timers.run(0.9)
    assert done == []
    timers.run(2.0)
    assert done == ["first", "second"]
    assert timers.deadline() == 3.0
    timers.run(100.0)
    assert done == ["first", "second", "third"]
    assert timers.deadline() is None


def test_of_what_is_due_at_the_same_time_the_first_asked_for_is_done_first() -> None:
    done: list[int] = []
    timers = Timers(arm=lambda _: None)
    for number in range(10):
        timers.at(1.0, partial(done.append, number))
    timers.run(1.0)
    assert done == list(range(10))


def test_what_was_cancelled_is_not_done() -> None:
    done: list[str] = []
    timers = Timers(arm=lambda _: None)
    timer = timers.at(1.0, partial(done.append, "cancelled"))
    timers.at(1.0, partial(done.append, "kept"))
    timer.cancel()
    timers.run(1.0)
    assert done == ["kept"]


def test_the_loop_is_asked_only_when_the_nearest_time_changes() -> None:
    armed: list[float] = []
    timers = Timers(armed.append)
    timers.at(5.0, nothing)
    timers.at(7.0, nothing)
    assert armed == [5.0]
    timers.at(3.0, nothing)
    assert armed == [5.0, 3.0]
    timers.run(3.0)
    assert armed == [5.0, 3.0, 5.0]
    timers.run(7.0)
    assert armed == [5.0, 3.0, 5.0], "nothing is left to be called for"


def test_what_a_timer_asks_for_is_done_in_the_same_run_if_it_is_due() -> None:
    done: list[str] = []
    timers = Timers(arm=lambda _: None)

    def first() -> None:
        timers.at(2.0, partial(done.append, "due"))
        timers.at(2.1, partial(done.append, "later"))

    timers.at(1.0, first)
    timers.run(2.0)
    assert done == ["due"]
    assert timers.deadline() == 2.1


def test_one_that_fails_keeps_no_other_from_being_done() -> None:
    armed: list[float] = []
    done: list[str] = []
    timers = Timers(armed.append)

    def fail() -> None:
        raise ValueError("a mistake of ours")

    timers.at(1.0, fail)
    timers.at(1.5, partial(done.append, "due"))
    timers.at(9.0, partial(done.append, "later"))
    with pytest.raises(ValueError):
        timers.run(2.0)
    assert armed[-1] == 1.5, "the rest is overdue: nothing that is asked for later would arm"
    timers.run(2.0)
    assert (done, armed[-1]) == (["due"], 9.0)


@given(st.lists(st.tuples(st.floats(0, 100), st.booleans()), max_size=30), st.floats(0, 100))
@settings(max_examples=50)
def test_whatever_was_asked_for_exactly_what_is_due_is_done(
    asked: list[tuple[float, bool]], now: float
) -> None:
    done: list[float] = []
    timers = Timers(arm=lambda _: None)
    for when, cancelled in asked:
        timer = timers.at(when, partial(done.append, when))
        if cancelled:
            timer.cancel()
    timers.run(now)
    assert done == sorted(when for when, cancelled in asked if when <= now and not cancelled)
