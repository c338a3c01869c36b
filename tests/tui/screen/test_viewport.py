from datetime import UTC, datetime

from tests.tui.screen.entries import BEGUN, message

from causerie.tui.screen.pieces import Drawn, Piece, text_of
from causerie.tui.screen.rows import DayRow, EntryRow, NoticeRow, PendingRow, Row
from causerie.tui.screen.timeline import Pending
from causerie.tui.screen.viewport import MOST_DRAWN, Viewport

AT = datetime.fromtimestamp(BEGUN / 1000, UTC)


def row(seq: int, lines: int = 1, *, follows: bool = True) -> EntryRow:
    content = "\n".join(f"{seq}.{line}" for line in range(lines))
    entry = message(seq, content=content)
    return EntryRow(key=str(seq), entry=entry, at=AT, follows=follows, is_own=False)


def draw(row: Row) -> list[Drawn]:
    """A message's lines, below its author if it has a head; all else is one line."""
    match row:
        case EntryRow(entry=entry, follows=follows):
            lines = [] if follows else [entry.username]
            lines += getattr(entry, "content", "").split("\n")
            return [(Piece(line),) for line in lines]
        case _:
            return [(Piece(row.key),)]


def viewport(rows: list[Row], height: int = 5) -> Viewport:
    made = Viewport(draw, lambda _: None)
    made.resize(20, height)
    made.show(rows)
    return made


def seen(viewport: Viewport) -> list[str]:
    return [text_of(viewport.line(viewport.offset + y)[2]) for y in range(viewport.height)]


def test_the_newest_stand_at_the_bottom_also_of_a_short_list() -> None:
    view = viewport([row(1), row(2)])
    assert seen(view) == ["", "", "", "1.0", "2.0"]
    assert (view.total, view.offset, view.is_at_end) == (5, 0, True)
    assert view.line(99) == (None, 0, ())
    assert seen(viewport([])) == [""] * 5


def test_what_comes_is_seen_at_the_end() -> None:
    rows: list[Row] = [row(seq) for seq in range(1, 20)]
    view = viewport(rows)
    view.show([*rows, row(20)])
    assert seen(view)[-1] == "20.0"


def test_who_reads_further_up_stays_there_whatever_comes_above_or_below() -> None:
    rows: list[Row] = [row(seq, lines=1 + seq % 3) for seq in range(100, 200)]
    view = viewport(rows)
    view.scroll_to(80)
    before = seen(view)
    view.show([*rows, row(200), row(201)])
    assert seen(view) == before
    view.show([*[row(seq, lines=4) for seq in range(50, 100)], *rows, row(200)])
    assert seen(view) == before
    assert not view.is_at_end


def test_the_first_message_keeps_its_place_when_it_joins_the_one_before() -> None:
    day = DayRow(key="day 5", day=AT.date())
    rows: list[Row] = [day, row(5, follows=False), *(row(seq) for seq in range(6, 30))]
    view = viewport(rows)
    view.scroll_to(0)
    assert seen(view) == ["day 5", "Bob", "5.0", "6.0", "7.0"]
    earlier = DayRow(key="day 1", day=AT.date())
    view.show([earlier, row(1, follows=False), *(row(seq) for seq in range(2, 30))])
    assert seen(view) == ["3.0", "4.0", "5.0", "6.0", "7.0"]


def test_only_what_is_near_is_drawn() -> None:
    view = viewport([row(seq) for seq in range(10_000)])
    assert view.drawings < 30
    view.scroll_to(5_000)
    seen(view)
    assert view.drawings < 80
    view.show([*view.rows, row(10_000)])
    assert view.drawings < 80


def test_so_many_rows_are_kept_drawn_and_the_others_drawn_again() -> None:
    view = viewport([row(seq) for seq in range(3 * MOST_DRAWN)])
    for offset in range(0, 3 * MOST_DRAWN, 5):
        view.scroll_to(offset)
        assert seen(view)[0] == f"{view.offset}.0"


def test_one_scrolls_as_far_as_there_is_something() -> None:
    view = viewport([row(seq) for seq in range(20)])
    view.scroll_to(-5)
    assert (view.offset, seen(view)[0]) == (0, "0.0")
    view.scroll_to(999)
    assert view.is_at_end
    view.scroll_to(3)
    view.to_end()
    assert (view.is_at_end, seen(view)[-1]) == (True, "19.0")


def test_another_room_is_looked_at_from_its_end_and_drawn_anew() -> None:
    view = viewport([row(seq) for seq in range(20)])
    view.scroll_to(0)
    view.turn_to([NoticeRow(key=str(seq), message="") for seq in range(20)])
    assert (view.is_at_end, seen(view)) == (True, ["15", "16", "17", "18", "19"])


def test_another_width_has_all_drawn_anew_and_another_height_nothing_but_what_it_shows() -> None:
    view = viewport([row(seq) for seq in range(20)])
    drawings = view.drawings
    view.resize(20, 4)
    assert view.drawings == drawings
    assert len(seen(view)) == 4
    view.resize(30, 4)
    assert view.drawings > drawings
    drawings = view.drawings
    view.forget()
    assert seen(view)[-1] == "19.0"
    assert view.drawings > drawings


def test_a_row_that_is_looked_for_comes_into_sight() -> None:
    view = viewport([row(seq, lines=2) for seq in range(50)])
    assert view.reveal("20")
    assert seen(view)[:2] == ["20.0", "20.1"]
    assert view.reveal("30")
    assert seen(view)[-2:] == ["30.0", "30.1"]
    offset = view.offset
    assert view.reveal("29")
    assert view.offset == offset
    assert not view.reveal("99")


def test_a_row_whose_surroundings_change_is_drawn_again() -> None:
    stamps = {"3": 0}
    view = Viewport(draw, lambda row: stamps.get(row.key))
    view.resize(20, 5)
    view.show([row(seq) for seq in range(1, 4)])
    seen(view)
    drawings = view.drawings
    stamps["3"] = 1
    seen(view)
    assert view.drawings == drawings + 1


def test_a_place_whose_row_has_gone_is_the_end() -> None:
    view = viewport([row(seq) for seq in range(50)])
    view.scroll_to(10)
    view.show([row(seq) for seq in range(100, 150)])
    assert (view.is_at_end, seen(view)[-1]) == (True, "149.0")


def test_where_there_are_no_messages_any_row_holds_the_place() -> None:
    rows: list[Row] = [NoticeRow(key=f"n{seq}", message="") for seq in range(20)]
    view = viewport(rows)
    view.scroll_to(4)
    view.show([*rows, NoticeRow(key="n20", message="")])
    assert seen(view)[0] == "n4"


def test_what_one_says_oneself_holds_the_place_too() -> None:
    pending = Pending(id="x", content="one\ntwo", reply_to="", at=1)
    own = PendingRow(key="pending x", pending=pending, at=AT, follows=False)
    view = viewport([*(row(seq) for seq in range(9)), own, *(row(seq) for seq in range(10, 20))])
    view.scroll_to(9)
    assert seen(view)[0] == "pending x"


def test_the_very_top_is_reached_though_what_is_there_is_higher_than_it_seemed() -> None:
    rows: list[Row] = [NoticeRow(key="high", message=""), *(row(seq) for seq in range(100))]

    def draw_high(row: Row) -> list[Drawn]:
        return [(Piece("high"),)] * 4 if row.key == "high" else draw(row)

    view = Viewport(draw_high, lambda _: None)
    view.resize(20, 5)
    view.show(rows)
    view.scroll_to(0)
    assert (view.offset, seen(view)) == (0, ["high", "high", "high", "high", "0.0"])
    view.show([*rows, row(100)])
    assert view.offset == 0
