from datetime import UTC, datetime

from tests.tui.screen.entries import BEGUN, message

from causerie.tui.screen.chat_state import Room
from causerie.tui.screen.rows import (
    BeginningRow,
    BreakRow,
    DayRow,
    EntryRow,
    HoleRow,
    Layout,
    NewRow,
    NoticeRow,
    PendingRow,
    Row,
)

NAMES = {
    BeginningRow: "beginning",
    BreakRow: "break",
    DayRow: "day",
    HoleRow: "hole",
    NewRow: "new",
    NoticeRow: "notice",
    PendingRow: "pending",
}


def utc(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def layout_of(*entries: object) -> tuple[Room, Layout]:
    room = Room("lobby")
    for entry in entries:
        room.timeline.add(entry)  # type: ignore[arg-type]
    return room, Layout(room, utc)


def names(rows: list[Row]) -> list[str]:
    """A follower by its seq, one with a head by its seq and a sign, all else by what it is."""
    return [
        f"{row.entry.seq}{'' if row.follows else '!'}"
        if isinstance(row, EntryRow)
        else NAMES[type(row)]
        for row in rows
    ]


def shown(layout: Layout, new_after: int | None = None, username: str = "Alice") -> list[str]:
    return names(layout.rows(username, new_after))


def test_messages_of_one_author_within_minutes_stand_under_one_name() -> None:
    _, layout = layout_of(
        message(2),
        message(3),
        message(4, username="Carol"),
        message(5, username="Carol", timestamp=BEGUN + 600_000),
    )
    assert shown(layout) == ["day", "2!", "3", "4!", "5!"]


def test_each_day_has_its_line_and_the_first_stands_below_the_beginning() -> None:
    _, layout = layout_of(message(1), message(2, timestamp=BEGUN + 100_000_000))
    assert shown(layout) == ["beginning", "day", "1!", "day", "2!"]


def test_what_is_new_stands_under_a_line_once_unless_it_is_ones_own() -> None:
    _, layout = layout_of(message(2), message(3), message(4))
    assert shown(layout, 2) == ["day", "2!", "new", "3!", "4"]
    assert shown(layout, 4) == ["day", "2!", "3", "4"]
    _, own = layout_of(message(2), message(3, username="Alice"))
    assert shown(own, 2) == ["day", "2!", "3!"]


def test_holes_and_breaks_are_shown_where_they_are() -> None:
    room, layout = layout_of(message(2))
    room.timeline.tear(2, 37)
    room.timeline.add(message(40))
    assert shown(layout) == ["day", "2!", "hole", "40!"]
    room.timeline.tear(40, None)
    room.timeline.add(message(1, id="other"))
    assert shown(layout) == ["day", "2!", "40", "break", "1!"]


def test_every_row_has_a_key_of_its_own() -> None:
    room, layout = layout_of(message(1))
    room.timeline.tear(1, None)
    room.timeline.add(message(1, id="other"))
    room.timeline.sending(id="x", content="hi", reply_to="", at=BEGUN + 2000)
    room.timeline.sending(id="y", content="hi", reply_to="", at=BEGUN + 3000)
    room.notices = ("one", "two")
    rows = layout.rows("Alice", 0)
    assert names(rows)[-5:] == ["1!", "pending", "pending", "notice", "notice"]
    assert [row.follows for row in rows if isinstance(row, PendingRow)] == [False, True]
    assert len({row.key for row in rows}) == len(rows)


def test_what_has_not_changed_is_not_made_anew() -> None:
    room, layout = layout_of(message(3), message(4))
    before = layout.rows("Alice", None)
    room.timeline.add(message(5))
    room.timeline.prepend([message(1), message(2)], before=room.timeline.first, more=False)
    after = layout.rows("Alice", None)
    assert names(after) == ["beginning", "day", "1!", "2", "3", "4", "5"]
    assert after[5] is before[2]


def test_who_has_another_name_has_other_own_messages() -> None:
    _, layout = layout_of(message(2))
    for username, is_own in (("Alice", False), ("BOB", True)):
        row = layout.rows(username, None)[-1]
        assert isinstance(row, EntryRow)
        assert row.is_own is is_own
