import io
import json
import math

import pytest

from causerie.bench.phases import Phase
from causerie.bench.report import as_json, progress_bar, remarks, write_json, write_table
from causerie.bench.result import FIGURES, Result


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


FAST = Result("fast", "ours", {"p50_ms": 1.234, "deliveries_per_second": 1_234_567.8, "lost": 0})
TAIL = {"p50_ms": 1.0, "p99_ms": 2.0}
UNSEEN = Result("slow", "theirs", {"p50_ms": 12.0, "server_busy": math.nan}, [1], ("It rained.",))
BUSY = Result("heavy", "ours", {"p50_ms": 3.0, "generator_busy": 0.95})


def written(*results: Result) -> str:
    output = io.StringIO()
    write_table(results, output)
    return output.getvalue()


def test_a_table_has_a_row_for_each_figure_that_is_known_and_a_column_for_each_result() -> None:
    rows = [line.split("  ") for line in written(FAST, UNSEEN).splitlines()]
    cells = [[cell.strip() for cell in row if cell.strip()] for row in rows]
    assert cells[:4] == [
        ["fast", "slow"],
        ["deliveries/s", "1,234,568"],
        ["p50 ms", "1.23", "12.00"],
        ["lost", "0"],
    ]
    assert FIGURES["server_busy"].title not in [row[0].strip() for row in rows]


def test_rows_stand_in_the_order_of_the_figures() -> None:
    figures = dict.fromkeys(reversed(list(FIGURES)), 0.5)
    rows = written(Result("all", "ours", figures)).splitlines()[1 : len(FIGURES) + 1]
    titles = [figure.title for figure in FIGURES.values()]
    assert [row.rsplit(maxsplit=1)[0].strip() for row in rows] == titles


def test_in_a_pipe_nothing_is_cut_off_and_nothing_is_coloured() -> None:
    loads = [f"{n} is a load with a long name" for n in range(9)]
    text = written(*[Result(load, "ours", {"lost": 1}) for load in loads])
    assert all(load in text for load in loads)
    assert "\x1b" not in text


def test_what_all_are_called_stands_above_them_once() -> None:
    loads = ("load: 5 members, alone", "load: 5 members, beside 9 others")
    lines = written(*(Result(load, "ours", {"lost": 1}) for load in loads)).splitlines()
    assert lines[0].strip() == "load: 5 members"
    assert lines[1].split("  ")[-2:] == ["alone", "beside 9 others"]


def test_the_parts_of_a_history_fit_a_terminal_of_80_columns() -> None:
    parts = ["before", "filling", "restarted"]
    parts += [f"{kind} pages of 100" for kind in ("random", "backward", "forward")]
    shown = ("acks_per_second", "cpu_us_per_page", "p999_ms", "server_busy", "generator_busy")
    figures = dict(zip(shown, (129_542.0, 370.0, 102.94, 0.82, 0.2), strict=True))
    terminal = Terminal()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLUMNS", "80")
        patch.setenv("TERM", "dumb")
        write_table(
            [Result(f"1,000,000 entries: {part}", "ours", figures) for part in parts], terminal
        )
    text = terminal.getvalue()
    table = [line.rstrip() for line in text.splitlines()[: 5 + len(figures)]]
    assert max(map(len, table)) <= 80
    assert "…" not in text
    for name in shown:
        row = next(line for line in table if line.startswith(FIGURES[name].title))
        assert len(row.removeprefix(FIGURES[name].title).split()) == len(parts)


def test_one_result_has_what_it_is_called_above_it_on_one_line() -> None:
    lines = written(Result("load: 5 members, alone", "ours", {"lost": 1})).splitlines()
    assert [line.split() for line in lines] == [
        ["load:", "5", "members,", "alone"],
        ["lost", "1"],
    ]


def test_a_remark_is_broken_between_words_on_a_terminal_and_not_at_all_in_a_pipe() -> None:
    said = "a remark of many words, " * 9 + "and an end"
    result = Result("load", "ours", {"lost": 1}, remarks=(said,))
    terminal = Terminal()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLUMNS", "80")
        patch.setenv("TERM", "dumb")
        write_table([result], terminal)
    lines = [line.rstrip() for line in terminal.getvalue().splitlines()]
    assert max(map(len, lines)) <= 80
    assert f"load: {said}" in " ".join(lines)
    assert f"load: {said}" in written(result).splitlines()


def test_what_a_title_has_no_room_for_is_told_below() -> None:
    idle = FIGURES["cpu_us_per_second_idle"]
    text = written(Result("idle", "ours", {"cpu_us_per_second_idle": 1.0}))
    assert f"{idle.title}: {idle.meaning}" in text
    assert FIGURES["server_busy"].meaning not in text


def test_what_has_to_be_known_is_told() -> None:
    assert remarks(FAST) == []
    assert remarks(BUSY) == [
        "the generator used 95% of a core: it was the limit, and the server can do more"
    ]
    assert remarks(UNSEEN)[0] == "It rained."
    assert "are left out" in remarks(UNSEEN)[1]
    assert "slow: It rained." in written(FAST, UNSEEN)


@pytest.mark.parametrize(
    ("count", "seconds", "said"),
    [
        (1_000, 1.0, []),
        (1_000, math.inf, []),
        (999, 1.0, ["only 999 latencies were measured"]),
        (1_000, 0.94, ["only 0.9 s were measured"]),
        (12, 0.5, ["only 12 latencies were measured", "only 0.5 s were measured"]),
    ],
)
def test_it_is_told_that_a_run_was_too_short_to_say_something(
    count: int, seconds: float, said: list[str]
) -> None:
    found = remarks(Result("short", "ours", TAIL, [1] * count, seconds=seconds))
    assert [remark.partition(":")[0].partition(",")[0] for remark in found] == said


def test_json_has_the_figures_that_are_known() -> None:
    output = io.StringIO()
    write_json([FAST, UNSEEN], output)
    assert json.loads(output.getvalue()) == [as_json(FAST), as_json(UNSEEN)]
    assert as_json(UNSEEN)["figures"] == {"p50_ms": 12.0}
    assert as_json(UNSEEN)["remarks"] == remarks(UNSEEN)


@pytest.mark.parametrize("terminal", [Terminal(), io.StringIO()])
def test_a_bar_is_for_terminals(terminal: io.StringIO) -> None:
    with progress_bar("a load", terminal) as step:
        step(0.5)
        step.turn_to(Phase.CATCHING_UP)
        step(1.0)
    written = terminal.getvalue()
    for said in ("a load: starting", "a load: waiting for the last to catch up", "100%"):
        assert (said in written) == terminal.isatty()
