import pytest

from causerie.client.machine.liveness import (
    LATE,
    LONGEST_QUIET,
    MEASURED_EVERY,
    PROBE,
    SHORTEST_SHARE,
    Liveness,
)


def alive(*, heartbeat: float = 25.0, chance: float = 0.0, now: float = 0.0) -> Liveness:
    return Liveness(heartbeat, lambda: chance, now)


@pytest.mark.parametrize(("chance", "quiet"), [(0.0, 10.0), (0.5, 17.5), (1.0, 25.0)])
def test_after_ten_to_twenty_five_seconds_of_quiet_comes_a_ping(
    chance: float, quiet: float
) -> None:
    liveness = alive(chance=chance)
    assert liveness.deadline() == quiet
    assert liveness.check(quiet - 0.01) == "alive"
    assert liveness.check(quiet) == "ping"


def test_a_short_heartbeat_makes_the_quiet_short() -> None:
    assert alive(heartbeat=1.0).deadline() == SHORTEST_SHARE * 1.0
    assert alive(heartbeat=1000.0, chance=1.0).deadline() == LONGEST_QUIET


def test_whatever_comes_puts_the_ping_off() -> None:
    liveness = alive()
    liveness.heard(9.0)
    assert liveness.deadline() == 19.0


def test_in_a_busy_room_the_round_trip_is_measured_all_the_same() -> None:
    liveness = alive()
    for now in range(1, int(MEASURED_EVERY)):
        liveness.heard(now)
        assert liveness.check(now) == "alive"
    liveness.heard(MEASURED_EVERY)
    assert liveness.check(MEASURED_EVERY) == "ping"
    liveness.pinged("p", MEASURED_EVERY)
    assert liveness.check(MEASURED_EVERY) == "alive"


def test_two_heartbeats_without_a_byte_are_the_end() -> None:
    liveness = alive()
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
    late = 10.0 + LATE + 0.01
    assert liveness.check(late) == "ping"
    liveness.pinged("p", late)
    assert liveness.check(late + PROBE) == "dead"

    liveness = alive()
    assert liveness.check(1000.0) == "ping"


def test_pings_of_one_connection_are_not_in_step() -> None:
    chances = iter([0.0, 1.0, 0.0])
    liveness = Liveness(25.0, lambda: next(chances), 0.0)
    assert liveness.deadline() == 10.0
    liveness.pinged("a", 10.0)
    assert liveness.deadline() == 35.0
