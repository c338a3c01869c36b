from typing import Any

import pytest
from tests.tui.screen.entries import message, unknown, whisper

from causerie.client.errors import Ended
from causerie.client.machine.events import LatencyMeasured, StateChanged
from causerie.client.machine.states import (
    Closed,
    Connected,
    Connecting,
    Disconnected,
    Reconnecting,
    State,
)
from causerie.language import Words
from causerie.tui.commands import COMMANDS
from causerie.tui.lines import Style
from causerie.tui.screen.chat_state import ChatState, Company, Room
from causerie.tui.screen.drawing import hue_of
from causerie.tui.screen.listing import (
    KEYS,
    footer,
    header,
    help_rows,
    member_rows,
    reply_row,
    room_rows,
    terminal_title,
    typing_row,
)
from causerie.tui.screen.pieces import Drawn, Show, Tell, TryNow, text_of
from causerie.tui.standing import Standing
from causerie.tui.wrapping import width_of

EN, FR = Words("en"), Words("fr")


def texts(rows: list[Drawn]) -> list[str]:
    return [text_of(row).rstrip() for row in rows]


def acts(rows: list[Drawn]) -> set[object]:
    return {piece.act for row in rows for piece in row if piece.act is not None}


def alice() -> ChatState:
    chat = ChatState("Alice")
    chat.show(chat.open("lobby"))
    return chat


def told(chat: ChatState, *events: Any) -> ChatState:
    for event in events:
        chat.told(event, 0)
    return chat


# Rooms.


def test_rooms_and_conversations_stand_apart_with_what_is_unread() -> None:
    chat = alice()
    chat.open("garden").seen = 1
    told(chat, message(2, room="garden"), whisper(1))
    rows = room_rows(EN, chat, 22)
    assert texts(rows) == [
        " Rooms",
        " 1 #garden          1",
        "▌2 #lobby",
        "",
        " Private",
        " 3 🔒 Bob          ●1",
    ]
    assert acts(rows) == {Show("garden"), Show("lobby"), Show("~conversation")}
    assert rows[5][1].style is rows[5][2].style is Style.PRIVATE
    assert all(width_of(text_of(row)) <= 22 for row in rows)


def test_many_unread_are_many_and_a_tenth_room_has_no_number() -> None:
    chat = alice()
    for number in range(12):
        chat.open(f"room{number:02}").unread = 150
    rows = texts(room_rows(EN, chat, 22))
    assert rows[-1] == "   #room11        99+"
    assert rows[9].startswith(" 9 #room")


def test_a_long_name_is_cut_and_a_hostile_one_harmless() -> None:
    chat = alice()
    chat.open("日本" * 30)
    chat.open("a\x1b[31m\u202eb")
    for row in room_rows(FR, chat, 22):
        assert width_of(text_of(row)) <= 22
        assert "\x1b" not in text_of(row)


# Members.


def test_members_are_named_and_the_others_counted() -> None:
    room = Room("lobby")
    room.company = Company(204, ("Alice", "Bob"))
    rows = member_rows(EN, room, "alice", 24)
    assert texts(rows) == [" 204 people here", " ● Alice you", " ● Bob", "   and 202 more"]
    assert acts(rows) == {Tell("Bob")}
    assert rows[2][1].hue == hue_of("Bob")


def test_nobody_is_shown_where_nobody_is_known() -> None:
    assert member_rows(EN, None, "Alice", 24) == []
    assert member_rows(EN, Room("lobby"), "Alice", 24) == []
    room = Room("lobby")
    room.company = Company(1, ("Alice",))
    assert texts(member_rows(FR, room, "Alice", 24)) == [" 1 personne ici", " ● Alice vous"]


# The header.


def headed(state: State, *, columns: int = 100, chat: ChatState | None = None) -> Drawn:
    chat = chat or alice()
    standing = Standing(EN, max_attempts=None)
    told(chat, StateChanged(state=state))
    standing.changed(state, 10.0)
    if isinstance(state, Connected):
        standing.measured(3)
        told(chat, LatencyMeasured(rtt_ms=3))
    (row,) = header(EN, chat, standing, 10.0, columns)
    assert width_of(text_of(row)) <= columns
    return row


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (Connecting(), "⠋ Connecting…"),
        (Connected(since=1.0), "● Connected (3 ms)"),
        (
            Disconnected(code=1006, reason="", attempt=2, retry_at=12.5),
            "● Disconnected ⠋ Reconnecting in 2.5 s (attempt 2) [Try now Ctrl+T]",
        ),
        (Reconnecting(attempt=2), "⠋ Reconnecting… (attempt 2)"),
        (Closed(error=Ended("over")), "● Closed"),
    ],
)
def test_the_connection_is_shown_in_words_and_colour(state: State, words: str) -> None:
    row = headed(state)
    assert text_of(row) == f" # lobby{' ' * (91 - width_of(words))}{words}"
    dot = next(piece for piece in row if piece.text.startswith(("●", "⠋")))
    assert dot.style is {"●": Style.BAD, "⠋": Style.WAITING}[dot.text[0]] or (
        isinstance(state, Connected) and dot.style is Style.GOOD
    )


def test_one_can_try_at_once_while_there_is_no_connection() -> None:
    lost = Disconnected(code=1006, reason="", attempt=2, retry_at=12.5)
    assert acts([headed(lost)]) == {TryNow()}
    assert "Disconnected" in text_of(headed(lost, columns=80))


def test_the_header_names_the_room_and_how_many_are_there() -> None:
    chat = alice()
    chat.company("lobby", Company(3, ()))
    assert text_of(headed(Connected(since=1.0), chat=chat)).startswith(" # lobby · 3 people here ")
    chat.show(chat.conversation("Bob"))
    row = headed(Connected(since=1.0), chat=chat)
    assert text_of(row).startswith(" 🔒 Private with Bob ")
    assert row[0].style is Style.PRIVATE
    chat.close("@bob")
    chat.close("lobby")
    assert text_of(headed(Connected(since=1.0), chat=chat)).startswith(" You are in no room.")


# Around what is written.


def test_who_is_typing_is_told() -> None:
    room = Room("lobby")
    assert texts([typing_row(EN, None, 40), typing_row(EN, room, 40)]) == ["", ""]
    room.typists = ("Alice", "Bob")
    assert texts([typing_row(FR, room, 60)]) == ["  Alice et Bob sont en train de taper…"]
    assert width_of(text_of(typing_row(FR, room, 20))) <= 20


def test_which_message_is_answered_is_told() -> None:
    room = Room("lobby")
    room.timeline.add(message(1))
    room.timeline.add(unknown(2))
    for id, text in (("m1", "Bob"), ("u2", "an earlier message"), ("x", "an earlier message")):
        room.reply_to = id
        assert texts([reply_row(EN, room, 60)]) == [f"  ↱ Replying to {text} (Esc: Cancel)"]


@pytest.mark.parametrize("words", [EN, FR])
def test_the_footer_names_the_keys_that_there_is_room_for(words: Words) -> None:
    assert "F1" in text_of(footer(words, 80, is_choosing=False))
    assert "Ctrl+R" in text_of(footer(words, 80, is_choosing=False))
    assert "Ctrl+Q" in text_of(footer(words, 46, is_choosing=False))
    for columns in (20, 46, 80):
        for is_choosing in (False, True):
            text = text_of(footer(words, columns, is_choosing=is_choosing))
            assert width_of(text) <= columns


@pytest.mark.parametrize("columns", [30, 80, 200])
def test_help_names_every_key_and_every_command(columns: int) -> None:
    rows = help_rows(FR, columns)
    text = "\n".join(texts(rows))
    for about, key in KEYS:
        assert (key or FR(f"screen-press-{about}")) in text
    for name in COMMANDS:
        assert f"/{name}" in text
    assert all(width_of(text_of(row)) <= columns for row in rows)


def test_the_window_is_called_by_its_room_and_what_is_unread() -> None:
    chat = alice()
    assert terminal_title(chat) == "#lobby · Causerie"
    told(chat, whisper(1))
    assert terminal_title(chat) == "(1!) #lobby · Causerie"
    chat.show(chat.conversation("Bob"))
    assert terminal_title(chat) == "@Bob · Causerie"
    assert terminal_title(ChatState("Alice")) == "Causerie"
