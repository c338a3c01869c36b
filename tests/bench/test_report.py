import io
import json
import math

import pytest

from causerie.bench.report import as_json, progress_bar, remarks, write_json, write_table
from causerie.bench.result import FIGURES, Result


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


FAST = Result("fast", "ours", {"p50_ms": 1.234, "deliveries_per_second": 1_234_567.8, "lost": 0})
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
    rows = written(Result("all", "ours", figures)).splitlines()[1:]
    titles = [figure.title for figure in FIGURES.values()]
    assert [row.rsplit(maxsplit=1)[0].strip() for row in rows] == titles


def test_in_a_pipe_nothing_is_cut_off_and_nothing_is_coloured() -> None:
    text = written(*[Result(f"a load with a long name {n}", "ours", {"lost": n}) for n in range(9)])
    assert all(f"a load with a long name {number}" in text for number in range(9))
    assert "\x1b" not in text


def test_what_has_to_be_known_is_told() -> None:
    assert remarks(FAST) == []
    assert remarks(BUSY) == [
        "the generator used 95% of a core: it was the limit, and the server can do more"
    ]
    assert remarks(UNSEEN)[0] == "It rained."
    assert "are left out" in remarks(UNSEEN)[1]
    assert "slow: It rained." in written(FAST, UNSEEN)


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
        step(1.0)
    assert ("a load" in terminal.getvalue()) == terminal.isatty()
