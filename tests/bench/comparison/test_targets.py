import dataclasses

import pytest
from bench.comparison.records import PLAIN, V1, LoadInfo
from bench.comparison.targets import Verdict, verdicts
from tests.bench.comparison.canned import comparison, run


def judged(*records: object, server: str = V1) -> dict[str, Verdict]:
    found = verdicts(comparison(*records))  # type: ignore[arg-type] # they are runs
    return {verdict.what: verdict for verdict in found if verdict.server == server}


@pytest.mark.parametrize(("ours", "is_held"), [(0.3, True), (0.31, False)])
def test_a_delivery_costs_no_more_than_on_the_peer(ours: float, is_held: bool) -> None:
    found = judged(
        run("burst", V1, cpu_us_per_delivery=ours), run("burst", "Bun", cpu_us_per_delivery=0.3)
    )
    verdict = found["500 members, 64 in flight: CPU a delivery, that of Bun"]
    assert (verdict.measured, verdict.bound, verdict.is_held) == (ours, 0.3, is_held)


@pytest.mark.parametrize(("ours", "is_held"), [(2_000_000, True), (1_999_999, False)])
def test_more_is_delivered_than_twenty_times_what_is_usual(ours: float, is_held: bool) -> None:
    found = judged(
        run("burst", V1, deliveries_per_second=ours),
        run("burst", "ws", deliveries_per_second=100_000),
    )
    verdict = found["500 members, 64 in flight: deliveries, 20 × those of ws"]
    assert (verdict.bound, verdict.at_least) == (2_000_000, True)
    assert verdict.is_held is is_held


@pytest.mark.parametrize(("ours", "is_held"), [(2.5, True), (2.6, False)])
def test_a_message_takes_twice_what_the_system_takes_and_an_fsync(
    ours: float, is_held: bool
) -> None:
    found = judged(run("quiet", V1, p50_ms=ours), run("quiet", "C", p50_ms=1.0))
    verdict = found["100 members, 100 messages/s: p50, 2 × that of C and one fsync"]
    assert (verdict.bound, verdict.is_held) == (2.5, is_held)


@pytest.mark.parametrize(("slow", "is_held"), [(3.0, True), (3.1, False)])
def test_hardly_a_message_takes_three_times_what_most_take(slow: float, is_held: bool) -> None:
    found = judged(run("quiet", V1, p50_ms=1.0, p99_ms=slow))
    assert found["100 members, 100 messages/s: p99, 3 × its p50"].is_held is is_held


def test_each_profile_is_judged_by_its_own_figures() -> None:
    records = [run("steady", V1, p99_ms=9.0), run("steady", PLAIN, p99_ms=11.0)]
    what = "500 members, 1,000 messages/s: p99"
    assert judged(*records)[what].is_held is True
    assert judged(*records, server=PLAIN)[what].is_held is False


def test_rounds_are_judged_by_their_median() -> None:
    records = [run("steady", V1, number, p99_ms=ms) for number, ms in enumerate((1, 9, 99))]
    assert judged(*records)["500 members, 1,000 messages/s: p99"].measured == 9


def test_a_part_of_a_load_is_judged_by_itself() -> None:
    records = [
        run("history", V1, part="a: restarted", start_up_s=0.4),
        run("history", V1, part="a: before", start_up_s=5.0),
        run("history", V1, part="a: random pages of 100", p99_ms=4.0),
        run("history", V1, part="a: forward pages of 100", p99_ms=50.0),
    ]
    found = judged(*records)
    assert found["History: 1,000 entries: start-up"].is_held is True
    assert found["History: 1,000 entries: p99 of any page"].measured == 4.0


def test_where_something_is_missing_nothing_is_claimed() -> None:
    found = judged(run("burst", V1, cpu_us_per_delivery=0.1))
    assert found["500 members, 64 in flight: CPU a delivery, that of Bun"].is_held is None
    assert found["500 members, 64 in flight: p99"].is_held is None


def test_loads_that_were_not_run_are_not_judged() -> None:
    whole = comparison(run("burst", V1, p99_ms=1.0))
    some = dataclasses.replace(whole, loads=[])
    assert verdicts(whole)
    assert verdicts(some) == []


def test_the_longest_turn_is_judged_where_it_is_told() -> None:
    found = judged(run("burst", V1, loop_held_ms=30.0), run("quiet", V1, p50_ms=1.0))
    assert found["500 members, 64 in flight: longest turn"].is_held is False
    assert "100 members, 100 messages/s: longest turn" not in found


def test_of_two_loads_of_one_name_the_longer_turn_is_judged() -> None:
    members = LoadInfo(key="members 500", title="500 members, 64 in flight", group="members", x=500)
    whole = comparison(run("burst", V1, loop_held_ms=3.0), run("members 500", V1, loop_held_ms=5.0))
    both = dataclasses.replace(whole, loads=[*whole.loads, members])
    (found,) = [one for one in verdicts(both) if one.what.endswith("longest turn")]
    assert found.measured == 5.0
