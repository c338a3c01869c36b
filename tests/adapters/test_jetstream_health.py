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
    health.waits("log", 5.0, 5.0)
    assert health.judge(5.5) == "ok"
    assert health.deadline(5.5) == 5.0 + DEGRADED_AFTER
    assert health.judge(5.0 + DEGRADED_AFTER) == "degraded"
    assert health.deadline(5.0 + DEGRADED_AFTER) == 5.0 + AWAY_UNANSWERED
    assert health.judge(5.0 + AWAY_UNANSWERED) == "away"
    health.waits("log", None, 15.0)
    assert health.judge(5.0 + AWAY_UNANSWERED) == "ok"


def test_where_one_log_answers_and_another_does_not_it_is_no_more_than_a_bad_day() -> None:
    health = HealthWatch()
    health.waits("stuck", 5.0, 5.0)
    for now in range(6, 60):
        health.waits("lively", now, now)
        health.waits("lively", now + 0.5, now + 0.5)
        assert health.judge(now + 0.9) == ("degraded" if now + 0.9 >= 6.0 else "ok")
    health.waits("lively", None, 60.0)
    assert health.judge(60.0) == "degraded"
    # Since then nothing is answered any more, whether the other is asked or not.
    assert health.deadline(60.0) == 60.0 + AWAY_UNANSWERED
    health.waits("lively", 62.0, 62.0)
    assert health.judge(60.0 + AWAY_UNANSWERED) == "away"
    health.waits("stuck", 64.0, 71.0)
    assert health.judge(71.0) == "degraded"
    health.waits("stuck", None, 72.0)
    health.waits("lively", None, 72.0)
    assert (health.judge(72.0), health.deadline(72.0)) == ("ok", None)


@given(
    st.none() | st.floats(0, 1000, allow_nan=False),
    st.none() | st.floats(0, 1000, allow_nan=False),
    st.none() | st.floats(0, 1000, allow_nan=False),
    st.floats(0, 1020, allow_nan=False),
    st.floats(0, 1020, allow_nan=False),
)
def test_the_judgement_changes_at_the_deadline_and_not_before(
    lost: float | None, waits: float | None, answered: float | None, now: float, later: float
) -> None:
    health = HealthWatch()
    if lost is not None:
        health.lost(lost)
    health.waits("log", waits, waits or 0.0)
    if answered is not None:
        health.waits("another", 0.0, 0.0)
        health.waits("another", None, answered)
    now, later = sorted((now, later))
    deadline = health.deadline(now)
    if deadline is None or later < deadline:
        assert health.judge(later) == health.judge(now)


def test_a_node_that_cannot_say_that_it_lives_is_away_though_nothing_waits() -> None:
    health = HealthWatch()
    health.leaseless(is_leaseless=True)
    assert (health.judge(1.0), health.deadline(1.0)) == ("away", None)
    health.waits("log", 0.5, 0.5)
    assert health.judge(1.0) == "away"
    health.leaseless(is_leaseless=False)
    assert health.judge(1.0) == "ok"
