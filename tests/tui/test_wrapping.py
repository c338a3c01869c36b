import pytest
from hypothesis import given
from hypothesis import strategies as st
from prompt_toolkit.utils import get_cwidth

from causerie.tui.lines import Span, Style, line, plain
from causerie.tui.wrapping import INDENT, rows_of, shortened, width_of, wrapped


def rows(text: str, columns: int) -> list[str]:
    return [plain(row) for row in wrapped(line(text), columns)]


@pytest.mark.parametrize(
    ("text", "columns", "expected"),
    [
        ("", 10, [""]),
        ("just fits.", 10, ["just fits."]),
        ("one two three four", 10, ["one two", "three four"]),
        ("one two three four five", 16, ["one two three", "    four five"]),
        ("  indented by two spaces", 20, ["  indented by two", "    spaces"]),
        ("x" * 25, 20, ["x" * 20, "    " + "x" * 5]),
        ("see " + "x" * 25, 20, ["see " + "x" * 16, "    " + "x" * 9]),
        ("see it " + "x" * 16, 20, ["see it", "    " + "x" * 16]),
        ("ab" + " " * 30 + "c", 20, ["ab", "    c"]),
        ("ab" + " " * 30, 20, ["ab"]),
        ("日本語日本語", 5, ["日本", "語日", "本語"]),
        ("e\u0301" * 6, 4, ["e\u0301" * 4, "e\u0301" * 2]),
        ("👩\u200d🔬👩\u200d🔬", 5, ["👩\u200d🔬", "👩\u200d🔬"]),
        ("日", 1, ["日"]),
        ("un mot : deux", 7, ["un", "mot :", "deux"]),
        ("il dit « oui »", 9, ["il dit", "« oui »"]),
        ("it is :-)", 7, ["it is", ":-)"]),
    ],
)
def test_a_line_is_broken_at_words(text: str, columns: int, expected: list[str]) -> None:
    assert rows(text, columns) == expected


def test_styles_stay_with_their_text() -> None:
    spans = (Span("[12:00] ", Style.TIME), Span("one two three four", Style.EARLIER))
    assert wrapped(spans, 16) == [
        (Span("[12:00] ", Style.TIME), Span("one two", Style.EARLIER)),
        (Span(INDENT), Span("three four", Style.EARLIER)),
    ]


@given(st.text(st.sampled_from("ab 日é\u0301«»:"), max_size=60), st.integers(2, 24))
def test_nothing_but_spaces_is_lost_and_no_row_is_too_wide(text: str, columns: int) -> None:
    shown = rows(text, columns)
    assert "".join(shown).replace(" ", "") == text.replace(" ", "")
    assert all(get_cwidth(row) <= columns for row in shown)


@pytest.mark.parametrize(
    ("text", "width"),
    [("", 0), ("abc", 3), ("日本", 4), ("e\u0301", 1), ("❤\ufe0f", 2), ("👍🏽", 4)],
)
def test_a_text_takes_so_many_columns_in_any_terminal_or_less(text: str, width: int) -> None:
    assert width_of(text) == width


@pytest.mark.parametrize(
    ("text", "columns", "expected"),
    [
        ("fits", 4, "fits"),
        ("does not", 5, "does…"),
        ("日本語", 4, "日…"),
        ("ab", 1, "…"),
        ("ab", 0, ""),
        ("ab", -3, ""),
    ],
)
def test_what_is_too_long_ends_in_an_ellipsis(text: str, columns: int, expected: str) -> None:
    assert shortened(text, columns) == expected


def test_rows_are_places_in_the_text() -> None:
    assert list(rows_of("one two three", 7)) == [(0, 7), (8, 13)]
    assert list(rows_of("one two three", 9, 4)) == [(0, 7), (8, 13)]


@pytest.mark.timeout(5)
def test_it_takes_no_longer_than_the_length_of_a_text_to_break_it() -> None:
    # In a time that grows with the square of it, each of these would take minutes.
    for text in ("\U0001f469\u200d" * 20_000, "x" * 100_000):
        rows = list(rows_of(text, 58))
        assert "".join(text[start:end] for start, end in rows) == text
        assert all(width_of(text[start:end]) <= 58 for start, end in rows)
