from causerie.tui.lines import Style
from causerie.tui.screen.pieces import Emphasis, Piece, Reply, broken, text_of


def test_a_line_that_fits_is_not_broken() -> None:
    line = (Piece("one "), Piece("two"))
    assert broken(line, 7) == [line]


def test_a_line_is_broken_at_words_and_its_pieces_stay_what_they_are() -> None:
    reply = Reply("m1")
    line = (Piece("one two ", act=reply), Piece("three", Style.OWN, Emphasis.BOLD))
    rows = broken(line, 8)
    assert [text_of(row) for row in rows] == ["one two", "three"]
    assert rows[0] == (Piece("one two", act=reply),)
    assert rows[1] == (Piece("three", Style.OWN, Emphasis.BOLD),)


def test_a_piece_goes_on_in_the_next_row() -> None:
    rows = broken((Piece("a"), Piece("bcdef", Style.OWN), Piece("g")), 3)
    assert [text_of(row) for row in rows] == ["abc", "def", "g"]
    assert rows[1] == (Piece("def", Style.OWN),)


def test_an_empty_piece_takes_no_place() -> None:
    rows = broken((Piece("a"), Piece(""), Piece("bc")), 2)
    assert rows == [(Piece("a"), Piece("b")), (Piece("c"),)]
