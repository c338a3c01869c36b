from causerie.tui.lines import Span, Style, line, painted, plain, restyled

SAID = (Span("[12:00:00] ", Style.TIME), Span("Bob", Style.NAME), Span(": hello"))


def test_without_colour_a_line_is_its_text_alone() -> None:
    assert plain(SAID) == "[12:00:00] Bob: hello"


def test_with_colour_each_piece_is_painted_and_nothing_is_left_on() -> None:
    assert painted(SAID) == "\x1b[2m[12:00:00] \x1b[0m\x1b[36mBob\x1b[0m: hello"


def test_what_is_plain_has_no_escape_sequences() -> None:
    assert painted(line("hello")) == "hello"


def test_a_line_keeps_its_text_in_another_style() -> None:
    assert restyled(SAID, Style.EARLIER) == line(plain(SAID), Style.EARLIER)


def test_every_style_but_the_plain_one_looks_different_from_plain_text() -> None:
    assert [style for style in Style if painted(line("x", style)) == "x"] == [Style.PLAIN]
