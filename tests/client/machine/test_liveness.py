import pytest

from causerie.client.machine.liveness import (
    FIRST_MEASURED,
    LATE,
    LONGEST_QUIET,
    MEASURED_EVERY,
    PROBE,
    SHORTEST_SHARE,
    Liveness,
)


def alive(*, heartbeat: float = 25.0, chance: float = 0.0, now: float = 0.0) -> Liveness:
    return Liveness(heartbeat, lambda: chance, now)


def measured(*, heartbeat: float = 25.0, chance: float = 0.0) -> Liveness:
    """A connection that was measured for the first time, and answered at once, at 0."""
    liveness = alive(heartbeat=heartbeat, chance=chance, now=-FIRST_MEASURED * (0.5 + chance))
    assert liveness.check(0.0) == "ping"
    liveness.pinged("first", 0.0)
    liveness.heard(0.0)
    assert liveness.pong("first", 0.0) == 0
    return liveness


@pytest.mark.parametrize(("chance", "soon"), [(0.0, 1.0), (0.5, 2.0), (1.0, 3.0)])
def test_one_to_three_seconds_after_its_welcome_a_connection_is_measured(
    chance: float, soon: float
) -> None:
    liveness = alive(chance=chance, now=100.0)
    assert liveness.deadline() == 100.0 + soon
    assert liveness.check(100.0 + soon - 0.01) == "alive"
    assert liveness.check(100.0 + soon) == "ping"


def test_in_a_busy_room_a_new_connection_is_measured_as_soon() -> None:
    liveness = alive()
    for now in (0.2, 0.4, 0.6, 0.8):
        liveness.heard(now)
        assert liveness.deadline() == 1.0
    liveness.heard(1.0)
    assert liveness.check(1.0) == "ping"


def test_a_connection_is_measured_so_soon_only_once_even_if_nobody_answers() -> None:
    liveness = alive()
    liveness.pinged("first", 1.0)
    assert liveness.deadline() == 11.0
    liveness.heard(2.0)
    assert liveness.deadline() == 12.0


def test_a_heartbeat_shorter_than_that_measures_a_new_connection_sooner() -> None:
    assert alive(heartbeat=1.0).deadline() == SHORTEST_SHARE * 1.0


@pytest.mark.parametrize(("chance", "quiet"), [(0.0, 10.0), (0.5, 17.5), (1.0, 25.0)])
def test_after_ten_to_twenty_five_seconds_of_quiet_comes_a_ping(
    chance: float, quiet: float
) -> None:
    liveness = measured(chance=chance)
    assert liveness.deadline() == quiet
    assert liveness.check(quiet - 0.01) == "alive"
    assert liveness.check(quiet) == "ping"


def test_a_short_heartbeat_makes_the_quiet_short() -> None:
    assert measured(heartbeat=5.0).deadline() == SHORTEST_SHARE * 5.0
    assert measured(heartbeat=1000.0, chance=1.0).deadline() == LONGEST_QUIET


def test_whatever_comes_puts_the_ping_off() -> None:
    liveness = measured()
    liveness.heard(9.0)
    assert liveness.deadline() == 19.0


def test_in_a_busy_room_the_round_trip_is_measured_all_the_same() -> None:
    liveness = measured()
    for now in range(1, int(MEASURED_EVERY)):
        liveness.heard(now)
        assert liveness.check(now) == "alive"
    liveness.heard(MEASURED_EVERY)
    assert liveness.check(MEASURED_EVERY) == "ping"
    liveness.pinged("p", MEASURED_EVERY)
    assert liveness.check(MEASURED_EVERY) == "alive"


def test_two_heartbeats_without_a_byte_are_the_end() -> None:
    liveness = measured()
    for now in (10.0, 20.0, 30.0, 40.0):
        assert liveness.check(now) == "ping"
        liveness.pinged("p", now)
    assert liveness.check(49.99) == "alive"
    assert liveness.deadline() == 50.0
    assert liveness.check(50.0) == "dead"


def test_the_last_ping_tells_the_round_trip_in_milliseconds_once() -> None:
    liveness = alive()
    assert liveness.pong("a", 0.0) is None
    liveness.pinged("a", 10.0)
    liveness.pinged("b", 11.0)
    assert liveness.pong("a", 11.5) is None
    assert liveness.pong(None, 11.5) is None
    assert liveness.pong("b", 11.0423) == 43
    assert liveness.pong("b", 11.05) is None


def test_a_probe_asks_at_once_and_waits_only_a_short_while() -> None:
    liveness = alive()
    liveness.probe(3.0)
    assert liveness.check(3.0) == "ping"
    liveness.pinged("p", 3.0)
    assert liveness.check(3.0 + PROBE - 0.01) == "alive"
    assert liveness.check(3.0 + PROBE) == "dead"


def test_a_probe_that_is_answered_changes_nothing_else() -> None:
    liveness = alive()
    liveness.probe(3.0)
    liveness.pinged("p", 3.0)
    liveness.heard(3.1)
    assert liveness.check(3.0 + PROBE) == "alive"
    assert liveness.deadline() == 13.1


def test_who_slept_past_the_end_asks_first() -> None:
    liveness = alive()
    late = 1.0 + LATE + 0.01
    assert liveness.check(late) == "ping"
    liveness.pinged("p", late)
    assert liveness.check(late + PROBE) == "dead"

    liveness = alive()
    assert liveness.check(1000.0) == "ping"


def test_pings_of_one_connection_are_not_in_step() -> None:
    chances = iter([0.0, 0.5, 1.0, 0.0])
    liveness = Liveness(25.0, lambda: next(chances), 0.0)
    assert liveness.deadline() == 2.0
    liveness.pinged("a", 2.0)
    assert liveness.deadline() == 27.0
    liveness.pinged("b", 27.0)
    assert liveness.deadline() == 37.0
