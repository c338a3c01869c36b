from hypothesis import given
from hypothesis import strategies as st

from causerie.client.machine.pacer import SHARE, Pacer


def test_a_burst_goes_out_at_once_and_then_at_the_rate() -> None:
    pacer = Pacer(rate=10, burst=20, now=0.0)
    taken = 0
    while pacer.take(0.0):
        taken += 1
    assert taken == 20 * SHARE - 1, "hello has had one"
    assert not pacer.take(0.05)
    assert pacer.take(pacer.ready_at())
    assert not pacer.take(pacer.ready_at() - 0.01)


def test_without_a_limit_nothing_waits() -> None:
    pacer = Pacer(rate=0, burst=0, now=5.0)
    assert all(pacer.take(5.0) for _ in range(10_000))
    assert pacer.ready_at() == 5.0


def test_after_a_rest_no_more_than_a_burst_goes_out() -> None:
    pacer = Pacer(rate=10, burst=10, now=0.0)
    taken = 0
    while pacer.take(1000.0):
        taken += 1
    assert taken == 10 * SHARE


def test_one_command_may_go_out_however_small_the_burst() -> None:
    pacer = Pacer(rate=1, burst=1, now=0.0)
    assert not pacer.take(0.0)
    assert pacer.take(pacer.ready_at())


def test_a_forced_command_delays_the_others() -> None:
    pacer = Pacer(rate=10, burst=10, now=0.0)
    assert pacer.ready_at() == 0.0
    for _ in range(9):
        pacer.force(0.0)
    assert pacer.ready_at() > 0.1


@given(
    rate=st.floats(0.1, 1000),
    burst=st.integers(1, 1000),
    steps=st.lists(st.floats(0, 10), max_size=50),
)
def test_the_time_it_names_is_always_the_right_one(
    rate: float, burst: int, steps: list[float]
) -> None:
    now = 1e6
    pacer = Pacer(rate, burst, now)
    for step in steps:
        now += step
        while pacer.take(now):
            pass
        assert pacer.ready_at() > now
        now = pacer.ready_at()
        assert pacer.take(now)
