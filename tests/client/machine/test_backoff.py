from itertools import pairwise

import pytest

from causerie.client.machine.backoff import (
    EARLY,
    EARLY_CEILING,
    LAST_CEILING,
    LONGEST_WISH,
    Backoff,
    wish_of,
)


def ceilings(*times: float) -> list[float]:
    """The delays of one outage, when chance always gives the most that it can."""
    backoff = Backoff(lambda: 1.0)
    return [backoff.delay(now) for now in times]


def test_the_ceiling_doubles_from_a_second() -> None:
    assert ceilings(0, 1, 2)[:3] == [1.0, 2.0, 4.0]


def test_in_the_first_minute_the_ceiling_stays_at_four_seconds() -> None:
    assert ceilings(*range(0, 60, 5)) == [1.0, 2.0] + [EARLY_CEILING] * 10


def test_after_the_first_minute_it_grows_to_thirty_seconds() -> None:
    assert ceilings(*range(0, 60, 5), EARLY, 1000.0)[-2:] == [LAST_CEILING, LAST_CEILING]
    assert ceilings(0, 30, EARLY)[-1] == EARLY_CEILING, "it still only doubles"


def test_a_delay_is_anything_below_the_ceiling() -> None:
    chances = iter([0.0, 0.25, 0.999])
    backoff = Backoff(lambda: next(chances))
    assert [backoff.delay(0), backoff.delay(0), backoff.delay(0)] == [0.0, 0.5, 3.996]


def test_the_ceiling_never_overflows() -> None:
    assert ceilings(*range(3000))[-1] == LAST_CEILING


def test_after_an_outage_the_next_one_begins_anew() -> None:
    backoff = Backoff(lambda: 1.0)
    for now in range(100):
        backoff.delay(now)
    backoff.settled()
    assert [backoff.delay(1000), backoff.delay(1030), backoff.delay(1059)] == [1.0, 2.0, 4.0]


def test_what_the_server_wishes_is_the_least_and_jitter_comes_on_top() -> None:
    assert Backoff(lambda: 0.0).delay(0, wish=5.0) == 5.0
    assert Backoff(lambda: 0.5).delay(0, wish=5.0) == 5.5


@pytest.mark.parametrize(
    ("reason", "seconds"),
    [
        ("", 0.0),
        ("restarting", 0.0),
        ("retry-after=1500", 1.5),
        ("restarting; retry-after=250", 0.25),
        ("retry-after=", 0.0),
        ("retry-after=-5", 0.0),
        ("retry-after=soon", 0.0),
        ("no-retry-after=12x", 0.0),
        ("retry-after=999999999999", LONGEST_WISH),
        ("retry-after=9999999999999", 0.0),
        ("retry-after=٣", 0.0),
    ],
)
def test_a_close_reason_may_carry_a_wish(reason: str, seconds: float) -> None:
    assert wish_of(reason) == seconds


def test_delays_are_spread_over_the_whole_range() -> None:
    chances = [i / 100 for i in range(100)]
    delays = [Backoff(lambda chance=chance: chance).delay(0) for chance in chances]  # type: ignore[misc]
    assert all(a < b for a, b in pairwise(delays))
