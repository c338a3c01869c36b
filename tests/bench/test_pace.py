import socket
import time
from types import SimpleNamespace

import pytest

from causerie.bench import pace
from causerie.bench.dialects import DIALECTS
from causerie.bench.generator import Generator, Member
from causerie.bench.pace import KEPT, LATE, intended_times, read_until, unkept


class Reading(Generator):
    """A generator that notes when it reads, and how long it is ready to wait."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 9), DIALECTS["v1"], 64)
        self.waits: list[float] = []

    def read(self, timeout: float) -> list[Member]:
        self.waits.append(timeout)
        return super().read(timeout)


@pytest.fixture
def generator() -> Reading:
    return Reading()


def test_moments_come_at_the_rate_and_none_before_its_time(generator: Reading) -> None:
    begun = time.monotonic_ns()
    early = [
        (intended, late)
        for intended in intended_times(generator, 10_000, 100)
        if (late := time.monotonic_ns() - intended) < 0
    ]
    assert early == []
    assert time.monotonic_ns() - begun >= 99 * 100_000


def test_moments_are_evenly_apart_however_long_each_took(generator: Reading) -> None:
    intended = []
    for moment in intended_times(generator, 1_000, 5):
        intended.append(moment)
        read_until(generator, time.monotonic_ns() + 3_000_000)
    assert [moment - intended[0] for moment in intended] == [n * 1_000_000 for n in range(5)]


def test_what_comes_is_read_even_if_everything_is_late(generator: Reading) -> None:
    for _ in intended_times(generator, 1e9, 3 * LATE):
        pass
    assert generator.waits.count(0.0) >= 3


def test_a_wait_that_is_shorter_than_epoll_counts_is_not_rounded_up(generator: Reading) -> None:
    read_until(generator, time.monotonic_ns() + 300_000)
    assert generator.waits == [0.0]


def test_a_short_wait_ends_when_something_comes(
    generator: Reading, monkeypatch: pytest.MonkeyPatch
) -> None:
    # It is too short for a test on a busy machine: here it is half a minute, and over by the clock
    # when something has come.
    monkeypatch.setattr(pace, "SHORT", 60.0)
    moments = iter([0, 30_000_000_000])
    monkeypatch.setattr(pace, "time", SimpleNamespace(monotonic_ns=lambda: next(moments)))
    listener = socket.create_server(("127.0.0.1", 0))
    generator.address = listener.getsockname()
    generator.connect(Member(0, "m0", "lobby", is_scanned=False), time.monotonic_ns())
    begun = time.monotonic()
    read_until(generator, 30_000_000_000)
    assert time.monotonic() - begun < 30
    assert generator.waits == [0.0]
    generator.close()
    listener.close()


def test_a_pace_that_is_not_kept_is_remarked() -> None:
    assert unkept(1_234.0, 2_000.0, "acks") == ("does not keep the pace: 1,234 of 2,000 acks/s",)
    assert unkept(KEPT * 2_000.0, 2_000.0, "acks") == ()
    assert unkept(0.0, 0.0, "acks") == ()
