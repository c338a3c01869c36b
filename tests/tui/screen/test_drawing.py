from datetime import UTC, date, datetime
from typing import Any

import pytest
from tests.tui.screen.entries import message, unknown

from causerie.client.machine.events import Entry
from causerie.language import Words
from causerie.tui.lines import Style
from causerie.tui.screen.drawing import (
    HUES,
    MARGIN,
    Scene,
    day_in_words,
    draw,
    hue_of,
    milliseconds,
)
from causerie.tui.screen.pieces import (
    Discard,
    Drawn,
    Emphasis,
    Jump,
    Load,
    Piece,
    Reply,
    Retry,
    text_of,
)
from causerie.tui.screen.rows import (
    BeginningRow,
    BreakRow,
    DayRow,
    EntryRow,
    HoleRow,
    NewRow,
    NoticeRow,
    PendingRow,
)
from causerie.tui.screen.timeline import Hole, Pending
from causerie.tui.wrapping import width_of

AT = datetime(2026, 11, 28, 14, 2, tzinfo=UTC)
EN, FR = Words("en"), Words("fr")


def scene(columns: int = 40, *loaded: Entry, words: Words = EN, **fields: Any) -> Scene:
    known = {entry.id: entry for entry in loaded}
    told: dict[str, Any] = {
        "username": "Alice",
        "title": "lobby",
        "is_private": False,
        "ack_ms": {},
    }
    return Scene(words=words, columns=columns, find=known.get, **told | fields)


def entry_row(entry: Entry, *, follows: bool = False, is_own: bool = False) -> EntryRow:
    return EntryRow(key="1", entry=entry, at=AT, follows=follows, is_own=is_own)


def said(content: str, **fields: Any) -> EntryRow:
    return entry_row(message(1, content=content, **fields))


def pending_row(state: Any = "sending", *, follows: bool = False, **fields: Any) -> PendingRow:
    told: dict[str, Any] = {"id": "x", "content": "hi", "reply_to": "", "at": 1} | fields
    return PendingRow(key="p", pending=Pending(state=state, **told), at=AT, follows=follows)


def texts(rows: list[Drawn]) -> list[str]:
    return [text_of(row).rstrip() for row in rows]


def pieces(rows: list[Drawn]) -> list[Piece]:
    return [piece for row in rows for piece in row]


def acts(rows: list[Drawn]) -> set[object]:
    return {piece.act for piece in pieces(rows) if piece.act is not None}


# Messages.


def test_a_message_stands_below_its_author_and_the_time() -> None:
    rows = draw(said("hello"), scene())
    assert texts(rows) == ["  Bob  14:02", "  hello"]
    assert pieces(rows)[2] == Piece(
        "Bob", Style.NAME, Emphasis.BOLD, act=Reply("m1"), hue=hue_of("Bob")
    )
    assert acts(rows) == {Reply("m1")}


def test_one_that_follows_has_no_head() -> None:
    assert texts(draw(entry_row(message(1), follows=True), scene())) == ["  text 1"]


def test_ones_own_are_told_apart_and_private_ones_and_those_that_call() -> None:
    own = draw(entry_row(message(1, username="Alice"), is_own=True), scene())
    assert texts(own) == [f"{MARGIN} Alice  14:02  you", f"{MARGIN} text 1"]
    assert own[0][0].style is Style.OWN
    assert own[0][2].hue is None
    private = draw(said("psst"), scene(is_private=True))
    assert {row[0] for row in private} == {Piece(MARGIN, Style.PRIVATE)}
    calling = draw(said("alice?"), scene())
    assert {row[0] for row in calling} == {Piece(MARGIN, Style.WAITING)}


def test_a_long_message_is_broken_at_words_within_its_columns() -> None:
    rows = draw(said("one two three four five six seven eight nine ten"), scene(20))
    assert texts(rows)[1:] == ["  one two three four", "  five six seven", "  eight nine ten"]


def test_the_markup_becomes_styles() -> None:
    rows = draw(said("**b** *i* `c` https://example.org **x *y* z**"), scene(60))
    told = {piece.text: piece for piece in rows[1]}
    assert told["b"].emphasis == Emphasis.BOLD
    assert told["i"].emphasis == Emphasis.ITALIC
    assert told["c"].emphasis == Emphasis.CODE
    assert told["https://example.org"].link == "https://example.org"
    assert told["https://example.org"].act is None
    assert told["y"].emphasis == Emphasis.BOLD | Emphasis.ITALIC


def test_code_of_several_lines_looks_like_one_thing() -> None:
    rows = draw(said("see:\n```py\nif x:\n    go()\n```\nthere"), scene())
    assert texts(rows)[1:] == ["  see:", "   if x:", "       go()", "  there"]
    code = [piece.text for piece in pieces(rows) if Emphasis.CODE in piece.emphasis]
    assert code == [" if x:    ", "     go() "]
    assert texts(draw(said("```\nx\n```"), scene()))[1:] == ["   x"]
    assert texts(draw(said("two\nlines\n"), scene()))[1:] == ["  two", "  lines"]


def test_a_reply_shows_what_it_answers_and_leads_there() -> None:
    answered = message(1, content="**the** [question]\nwith `more` :smile:")
    rows = draw(entry_row(message(2, reply_to="m1")), scene(60, answered))
    assert texts(rows)[1] == "  ↱ Bob: the [question] with more 😄"
    assert Jump("m1") in acts(rows)
    code = message(1, content="```\ncode\n```")
    rows = draw(entry_row(message(2, reply_to="m1")), scene(60, code))
    assert texts(rows)[1] == "  ↱ Bob: code"


def test_a_reply_to_what_is_not_loaded_says_so() -> None:
    for loaded in ([], [unknown(1)]):
        rows = draw(entry_row(message(2, reply_to="u1")), scene(60, *loaded))
        assert texts(rows)[1] == "  ↱ an earlier message"


def test_what_this_version_does_not_know_says_so() -> None:
    assert texts(draw(entry_row(unknown(1)), scene(60)))[1] == (
        "  (something that this version cannot show)"
    )


# One's own that are not in the room yet.


@pytest.mark.parametrize(
    ("state", "line"), [("sending", "◌ Sending…"), ("sent", "✓ stored in 2.5 ms")]
)
def test_what_one_says_tells_how_far_it_is(state: str, line: str) -> None:
    rows = draw(pending_row(state), scene(ack_ms={"x": 2.5}))
    assert texts(rows) == [f"{MARGIN} Alice  14:02  you", f"{MARGIN} hi", f"{MARGIN} {line}"]


def test_what_was_not_taken_says_why_and_can_be_tried_again_or_given_up() -> None:
    row = pending_row("failed", follows=True, reason="no\x1b[2Jway", reply_to="m1")
    rows = draw(row, scene(70, message(1)))
    assert texts(rows) == [
        f"{MARGIN} ↱ Bob: text 1",
        f"{MARGIN} hi",
        f"{MARGIN} ✗ Not sent: no␛[2Jway",
        f"{MARGIN} [Try again] [Discard]",
    ]
    assert acts(rows) == {Jump("m1"), Retry("x"), Discard("x")}


# What is not said by anybody.


def test_a_day_is_named_in_ones_language() -> None:
    row = DayRow(key="d", day=date(2026, 11, 28))
    assert texts(draw(row, scene())) == ["── Saturday, 28 November 2026 ──────────"]
    assert day_in_words(FR, date(2026, 8, 1)) == "samedi 1er août 2026"
    assert day_in_words(FR, date(2026, 2, 28)) == "samedi 28 février 2026"


def test_a_hole_says_how_much_is_missing_and_can_be_loaded() -> None:
    rows = draw(HoleRow(key="h", hole=Hole(3, 37), before=41), scene())
    assert texts(rows) == ["  ⋯ 37 messages not loaded [Load]"]
    assert acts(rows) == {Load(41)}
    unknown_size = draw(HoleRow(key="h", hole=Hole(3, None), before=41), scene(60))
    assert texts(unknown_size) == ["  ⋯ Some messages may be missing here [Load]"]


def test_a_lost_log_shows_a_break_and_what_is_new_a_line() -> None:
    assert "Some messages may be missing" in texts(draw(BreakRow(key="b"), scene()))[0]
    assert texts(draw(NewRow(key="n"), scene(20))) == ["── New ─────────────"]


def test_a_room_and_a_conversation_begin_with_a_word() -> None:
    assert texts(draw(BeginningRow(key="b"), scene(90)))[1:3] == [
        "  # lobby",
        "  The messages begin here. Everybody who comes can read what is said here.",
    ]
    private = scene(90, is_private=True, title="Bob", words=FR)
    assert texts(draw(BeginningRow(key="b"), private))[1] == "  En privé avec Bob"


def test_the_server_has_its_say() -> None:
    rows = draw(NoticeRow(key="n", message="going\ndown\x07"), scene())
    assert texts(rows) == ["  System: going down␇"]


def test_a_duration_is_exact_where_it_is_short() -> None:
    assert [milliseconds(FR, ms) for ms in (0.26, 9.94, 10.2)] == ["0,3", "9,9", "10"]


def test_a_name_has_one_colour_however_it_is_written() -> None:
    assert hue_of("Bob") == hue_of("BOB") < HUES


# Hostile contents.

HOSTILE = [
    "\x1b[2J\x1b[31mred\x1b]0;title\x07",
    "\u202eevil\u202c \u2066isolate\u2069",
    "x" * 4000,
    "👩‍👩‍👧‍👦" * 30 + "❤️" * 30 + "🇫🇷" * 30,
    "Z" + "\u0301\u0323" * 200,
    "日本語" * 40,
    "עברית" * 40,
    "[bold]markup[/] [link=file:///etc/passwd]x[/link]",
    "https://example.org/\x1b]8;;evil\x07",
    "```\n" + "y" * 500 + "\x1b[1m\n```",
    "\t\r\n\v\f\0",
    "a\n" * 300,
]


@pytest.mark.parametrize("columns", [1, 12, 40, 200])
@pytest.mark.parametrize("content", HOSTILE)
def test_whatever_is_written_stays_harmless_text_in_its_columns(content: str, columns: int) -> None:
    name = content[:32] or "x"
    for row in (
        said(content, username=name),
        said("answer", reply_to="m9"),
        pending_row("failed", content=content, reason=content),
        NoticeRow(key="n", message=content),
    ):
        rows = draw(row, scene(columns, message(9, content=content, username=name), title=content))
        for drawn in rows:
            text = text_of(drawn)
            assert width_of(text) <= max(8, columns) + text.count("\ufe0f")
            assert not any(ord(char) < 32 or 0x7F <= ord(char) < 0xA0 for char in text)
            assert not set(text) & set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
            assert not any("\x1b" in piece.link for piece in drawn)
