from dataclasses import replace

from bench.comparison.records import V1, Record, Spread
from bench.comparison.tables import (
    BRIEF,
    LIMIT_MEANS,
    NOT_HELD,
    TRIAL,
    Table,
    tables,
    targets,
    written,
)
from bench.comparison.targets import Verdict
from tests.bench.comparison.canned import comparison, run


def fanout(*records: Record) -> Table:
    return tables(comparison(*records))[0]


def cells(table: Table, server: str) -> dict[str, str]:
    """A row, by its header; of what stands twice, the first."""
    [row] = [row for row in table.rows if row[0].startswith(server)]
    return dict(reversed(list(zip(table.header, row, strict=True))))


def test_a_median_stands_before_the_extremes_and_alone_where_there_are_none() -> None:
    found = Spread(1234567, 1000000, 2000000)
    assert written(found, "deliveries_per_second") == "1,234,567 (1,000,000–2,000,000)"
    assert written(Spread(0.5, 0.5, 0.5), "cpu_us_per_delivery") == "0.50"
    assert written(None, "p50_ms") == "–"


def test_each_server_is_told_as_a_multiple_of_ours() -> None:
    table = fanout(
        run("burst", V1, deliveries_per_second=1000, cpu_us_per_delivery=0.5),
        run("burst", "ws", deliveries_per_second=100, cpu_us_per_delivery=5.0),
    )
    assert [row[0] for row in table.rows] == [V1, "ws"]
    assert [row[2] for row in table.rows] == ["1.00", "0.10"]
    assert [row[4] for row in table.rows] == ["1.00", "10"]


def test_a_generator_that_was_the_limit_is_marked() -> None:
    rounds = [
        run("burst", "Bun", number, deliveries_per_second=1, generator_busy=busy)
        for number, busy in enumerate((0.95, 0.5, 0.92))
    ]
    free = run("burst", V1, deliveries_per_second=1, generator_busy=0.9)
    table = fanout(free, *rounds)
    assert [row[0] for row in table.rows] == [V1, "Bun †"]
    assert table.notes == [LIMIT_MEANS]
    assert fanout(free, *rounds[1:2]).notes == []


def test_who_failed_says_why_once() -> None:
    failed = [replace(run("burst", "ws", number), failed="it fell over") for number in range(3)]
    table = fanout(*failed)
    assert cells(table, "ws")["deliveries/s"] == "–"
    assert table.notes == ["ws: it fell over"]


def test_costs_stand_in_a_row_for_each_server_and_a_column_for_each_size() -> None:
    found = comparison(
        run("members 10", V1, cpu_us_per_delivery=5.0),
        run("members 100", V1, cpu_us_per_delivery=1.0),
        run("members 100", "Bun", cpu_us_per_delivery=0.4),
    )
    [table] = [one for one in tables(found) if "against members" in one.title]
    assert list(table.header) == ["server", "10", "100"]
    assert [list(row) for row in table.rows] == [[V1, "5.00", "1.00"], ["Bun", "–", "0.40"]]
    assert table.notes == [BRIEF]


def test_parts_of_a_load_stand_beside_each_other_by_what_they_differ_in() -> None:
    found = comparison(
        run("history", V1, part="1,000 entries: random pages", p99_ms=1.0),
        run("history", V1, part="1,000 entries: restarted", caught_up_s=0.4),
    )
    [table] = [one for one in tables(found) if one.title.startswith("History")]
    assert list(table.header) == ["", "random pages", "restarted"]
    assert [list(row) for row in table.rows] == [
        ["p99 ms", "1.00", "–"],
        ["caught up s", "–", "0.40"],
    ]


def test_a_target_says_what_it_is_and_whether_it_is_held() -> None:
    table = targets(
        [
            Verdict("pace", V1, 25_000.0, 20_000.0, "/s", at_least=True),
            Verdict("p99", V1, 30.25, 25.0, "ms"),
            Verdict("CPU", V1, 0.25, None, "µs"),
            Verdict("lost", V1, 0.0, 0.0, ""),
        ]
    )
    assert [list(row[2:]) for row in table.rows] == [
        ["25,000 /s", "≥ 20,000 /s", "held"],
        ["30.2 ms", "≤ 25 ms", NOT_HELD],
        ["0.25 µs", "", "not measured"],
        ["0", "≤ 0", "held"],
    ]


def test_a_trial_says_that_it_is_none_of_the_targets() -> None:
    assert tables(comparison())[-1].notes == []
    assert tables(replace(comparison(), is_trial=True))[-1].notes == [TRIAL]
