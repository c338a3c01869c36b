import pytest
from hypothesis import given
from hypothesis import strategies as st

from causerie.tui.commands import (
    COMMANDS,
    Command,
    Help,
    JoinRoom,
    LeaveRoom,
    ListRooms,
    Mistake,
    Misused,
    Nothing,
    Quit,
    Say,
    ShowHistory,
    TakeName,
    Tell,
    UnknownCommand,
    Who,
    completions,
    parse,
)


@pytest.mark.parametrize(
    ("line", "command"),
    [
        ("", Nothing()),
        (" \t ", Nothing()),
        ("hello", Say("hello")),
        ("  indented", Say("  indented")),
        ("//etc/passwd", Say("/etc/passwd")),
        ("//", Say("/")),
        ("/msg Bob psst", Tell("Bob", "psst")),
        ("/msg  Bob   two  spaces", Tell("Bob", "two  spaces")),
        ("/msg Bob /help", Tell("Bob", "/help")),
        ("/MSG Bob hi", Tell("Bob", "hi")),
        ("/msg Bob one\ntwo", Tell("Bob", "one\ntwo")),
        ("/msg\tBob hi", Tell("Bob", "hi")),
        ("/join dev", JoinRoom("dev")),
        ("/leave", LeaveRoom(None)),
        ("/leave dev", LeaveRoom("dev")),
        ("/rooms", ListRooms()),
        ("/who", Who()),
        ("/history", ShowHistory(20)),
        ("/history 5", ShowHistory(5)),
        ("/history 01000", ShowHistory(1000)),
        ("/name Zoé", TakeName("Zoé")),
        ("/name", Misused("name")),
        ("/name two words", Misused("name")),
        ("/help", Help()),
        ("/help me", Help()),
        ("/quit ", Quit()),
        ("/msg", Misused("msg")),
        ("/Msg Bob", Misused("msg")),
        ("/join", Misused("join")),
        ("/join two rooms", Misused("join")),
        ("/leave two rooms", Misused("leave")),
        ("/history 0", Misused("history")),
        ("/history 1001", Misused("history")),
        ("/history -1", Misused("history")),
        ("/history " + "9" * 5000, Misused("history")),
        ("/history ٣", Misused("history")),
        ("/who there", Misused("who")),
        ("/rooms here", Misused("rooms")),
        ("/quit now", Misused("quit")),
        ("/hlep", UnknownCommand("hlep", "help")),
        ("/Hi", UnknownCommand("Hi", "history")),
        ("/q", UnknownCommand("q", "quit")),
        ("/mesg Bob hi", UnknownCommand("mesg", "msg")),
        ("/usr/bin/env", UnknownCommand("usr/bin/env", None)),
        ("/", UnknownCommand("", None)),
        ("/ help", UnknownCommand("", None)),
    ],
)
def test_a_line_means_what_it_says(line: str, command: Command | Mistake) -> None:
    assert parse(line) == command


def test_how_much_history_is_shown_without_a_number_is_the_callers_choice() -> None:
    assert parse("/history", history=7) == ShowHistory(7)


@given(st.text(min_size=1))
def test_every_text_can_be_said(text: str) -> None:
    command = parse("/" + text if text.startswith("/") else text)
    assert command == (Nothing() if text.isspace() else Say(text))


@given(st.text(st.sampled_from("/ msghelpquitwho0\t\n"), max_size=12))
def test_any_line_means_something(line: str) -> None:
    parse(line)


@pytest.mark.parametrize(
    ("line", "choice"),
    [
        ("", []),
        ("hello", []),
        ("/", [f"/{command} " for command in COMMANDS]),
        ("/h", ["/history ", "/help "]),
        ("/msg ", ["Alice", "Bob"]),
        ("/msg a", ["Alice"]),
        ("/join ", ["dev", "lobby"]),
        ("/leave d", ["dev"]),
        ("well, al", ["Alice"]),
        ("well, ", []),
    ],
)
def test_a_word_is_completed_by_what_can_stand_there(line: str, choice: list[str]) -> None:
    assert completions(line, names=["Bob", "Alice"], rooms=["lobby", "dev"]) == choice
