from hypothesis import given
from hypothesis import strategies as st

from causerie.adapters.jetstream_health import (
    AWAY_AFTER,
    AWAY_UNANSWERED,
    DEGRADED_AFTER,
    HealthWatch,
)


def test_a_lost_connection_is_felt_at_once_and_keeps_us_away_after_some_seconds() -> None:
    health = HealthWatch()
    health.connected()
    assert health.judge(10.0) == "ok"
    assert health.deadline(10.0) is None
    health.lost(10.0)
    health.lost(11.0)
    assert health.judge(10.0) == "degraded"
    assert health.deadline(10.0) == 10.0 + AWAY_AFTER
    assert health.judge(10.0 + AWAY_AFTER) == "away"
    assert health.deadline(10.0 + AWAY_AFTER) is None
    health.connected()
    assert health.judge(10.0 + AWAY_AFTER) == "ok"


def test_an_append_that_waits_is_felt_after_a_second_and_keeps_us_away_after_ten() -> None:
    health = HealthWatch()
    health.waits("log", 5.0)
    assert health.judge(5.5) == "ok"
    assert health.deadline(5.5) == 5.0 + DEGRADED_AFTER
    assert health.judge(5.0 + DEGRADED_AFTER) == "degraded"
    assert health.deadline(5.0 + DEGRADED_AFTER) == 5.0 + AWAY_UNANSWERED
    assert health.judge(5.0 + AWAY_UNANSWERED) == "away"
    health.waits("log", None)
    assert health.judge(5.0 + AWAY_UNANSWERED) == "ok"


@given(
    st.none() | st.floats(0, 1000, allow_nan=False),
    st.none() | st.floats(0, 1000, allow_nan=False),
    st.floats(0, 1020, allow_nan=False),
    st.floats(0, 1020, allow_nan=False),
)
def test_the_judgement_changes_at_the_deadline_and_not_before(
    lost: float | None, waits: float | None, now: float, later: float
) -> None:
    health = HealthWatch()
    if lost is not None:
        health.lost(lost)
    health.waits("log", waits)
    now, later = sorted((now, later))
    deadline = health.deadline(now)
    if deadline is None or later < deadline:
        assert health.judge(later) == health.judge(now)


def test_a_node_that_cannot_say_that_it_lives_is_away_though_nothing_waits() -> None:
    health = HealthWatch()
    health.leaseless(is_leaseless=True)
    assert (health.judge(1.0), health.deadline(1.0)) == ("away", None)
    health.waits("log", 0.5)
    assert health.judge(1.0) == "away"
    health.leaseless(is_leaseless=False)
    assert health.judge(1.0) == "ok"
