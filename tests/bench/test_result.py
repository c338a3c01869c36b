from causerie.bench.percentiles import SHOWN
from causerie.bench.result import FIGURES, Result


def test_latencies_have_figures() -> None:
    assert SHOWN.keys() <= FIGURES.keys()


def test_titles_are_short_enough_for_a_table_and_unlike_one_another() -> None:
    titles = [figure.title for figure in FIGURES.values()]
    assert len(set(titles)) == len(titles)
    assert max(map(len, titles)) <= 20


def test_what_a_title_has_no_room_for_fits_a_terminal() -> None:
    for figure in FIGURES.values():
        assert len(f"{figure.title}: {figure.meaning}") <= 80


def test_what_is_shown_of_a_result_leaves_its_latencies_out() -> None:
    assert "123456" not in repr(Result("load", "server", {}, [123456]))
