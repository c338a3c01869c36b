"""How long all connections may be read in one turn, and what waits for another."""

import asyncio
from collections.abc import Callable

import pytest

from causerie.server.loop_share import SHARE, LoopShare


class Clock:
    """Stands still, unless it is moved."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


async def test_a_turn_is_spent_after_a_while_and_the_next_has_as_much(clock: Clock) -> None:
    share = LoopShare(clock)
    for _ in range(2):
        assert not share.is_spent()
        clock.now += SHARE * 0.9
        assert not share.is_spent()
        clock.now += SHARE * 0.2
        assert share.is_spent()
        await asyncio.sleep(0)
    # A turn begins when something comes.
    clock.now += 10.0
    assert not share.is_spent()


async def test_what_waits_is_read_in_its_order_a_share_in_a_turn(clock: Clock) -> None:
    share = LoopShare(clock)
    done: list[int] = []

    def read(number: int) -> Callable[[], None]:
        def now() -> None:
            done.append(number)
            clock.now += SHARE * 0.4

        return now

    assert not share.is_spent()
    clock.now += SHARE
    for number in range(7):
        assert share.is_spent()
        share.later(read(number))
    turns = []
    while len(done) < 7:
        assert share.is_spent(), "what comes now is to wait behind the others"
        before = len(done)
        await asyncio.sleep(0)
        turns.append(len(done) - before)
    assert done == list(range(7))
    assert turns == [3, 3, 1]


async def test_what_comes_in_the_turn_in_which_the_last_was_read_has_the_rest_of_it(
    clock: Clock,
) -> None:
    share = LoopShare(clock)
    assert not share.is_spent()
    clock.now += SHARE
    done: list[str] = []
    share.later(lambda: done.append("kept"))
    await asyncio.sleep(0)
    assert done == ["kept"]
    assert not share.is_spent()
    clock.now += SHARE
    assert share.is_spent()


async def test_who_has_more_to_be_read_waits_for_the_next_turn_behind_all_others(
    clock: Clock,
) -> None:
    share = LoopShare(clock)
    done: list[str] = []

    def much() -> None:
        done.append("much")
        if done.count("much") < 3:
            share.later(much)

    # Nothing has come in this turn: it begins with what waits.
    share.later(much)
    share.later(lambda: done.append("little"))
    assert share.is_spent(), "what comes now is to wait behind it"
    for turns in (["much", "little"], ["much"], ["much"], []):
        done_before = len(done)
        await asyncio.sleep(0)
        assert done[done_before:] == turns
