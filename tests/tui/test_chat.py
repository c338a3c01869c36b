"""What one says and sees: real processes with pipes, a real server."""

import re
import signal
from pathlib import Path

import pytest
from tests.support.server_process import ServerProcess
from tests.tui.people import People, numbered, said_by

from causerie.cli import main

pytestmark = [pytest.mark.real, pytest.mark.slow]


# A line and its way.


async def test_a_line_through_a_pipe_is_stored_before_the_program_ends(people: People) -> None:
    done = people.say("hi\n", "Bot")
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert lines[:2] == ["Connecting…", "You are logged in as: Bot"]
    assert re.fullmatch(r"Connected \(\d+ ms\)", lines[2])
    assert lines[3] == f"You are alone in {people.room}."
    assert said_by("Bot", lines) == ["hi"]
    assert len(lines) == 5
    assert done.stderr == ""
    assert await people.said() == ["hi"]


def test_nothing_to_say_is_fine(people: People) -> None:
    done = people.say("", "Bot")
    assert done.returncode == 0
    assert "You are logged in as: Bot" in done.stdout


async def test_every_line_is_a_message_and_blank_ones_are_none(people: People) -> None:
    text = "one\r\n\n  two \n\t\n//three\n🎉 four"
    assert people.say(text, "Bot").returncode == 0
    assert await people.said() == ["one", "  two ", "/three", "🎉 four"]


def test_who_gives_no_name_gets_one(people: People) -> None:
    done = people.say("hi\n")
    (name,) = re.findall(r"You are logged in as: (User[1-9]\d\d)\n", done.stdout)
    assert said_by(name, done.stdout.splitlines()) == ["hi"]


def test_two_see_what_the_other_says(people: People) -> None:
    alice = people.pipe("Alice")
    alice.wait_for("You are alone")
    bob = people.pipe("Bob")
    bob.wait_for("with Alice")
    alice.wait_for("Bob has joined")
    alice.say("hello Bob")
    assert bob.wait_for("hello Bob").endswith("] Alice: hello Bob")
    bob.say("hello Alice")
    alice.wait_for("] Bob: hello Alice")
    bob.end_input()
    assert bob.wait() == 0
    alice.wait_for("Bob has left")
    alice.end_input()
    assert alice.wait() == 0
    assert said_by("Alice", alice.lines) == ["hello Bob"]


def test_a_private_message_reaches_one_person_and_nobody_else(people: People) -> None:
    alice, bob, carol = people.pipe("Alice"), people.pipe("Bob"), people.pipe("Carol")
    for one in (alice, bob, carol):
        one.wait_for(f"in {people.room}")
    alice.say("/msg Bob psst")
    assert bob.wait_for("psst").endswith("] (private) Alice → Bob: psst")
    assert alice.wait_for("psst").endswith("] (private) Alice → Bob: psst")
    alice.say("loud")
    carol.wait_for("loud")
    assert not any("psst" in line for line in carol.lines)


def test_to_say_something_to_nobody_is_an_error_that_names_the_line(people: People) -> None:
    done = people.say("one\n/msg Nobody psst\n", "Bot")
    assert done.returncode == 1
    assert done.stderr.startswith("causerie: line 2: nobody called “Nobody” is connected")
    assert done.stderr.endswith("causerie: 1 line was not delivered.\n")
    assert "psst" not in done.stdout


# Commands.


def test_rooms_are_joined_and_left_and_each_line_goes_where_one_is_then(people: People) -> None:
    other = f"{people.room}.other"
    script = f"one\n/join {other}\ntwo\n/join {people.room}\nthree\n/leave {other}\n/leave\nfour\n"
    done = people.say(script, "Bot")
    assert done.returncode == 1
    told = [line for line in done.stdout.splitlines() if not line.startswith("[")]
    assert told[3:] == [
        f"You are alone in {people.room}.",
        f"You are alone in {other}.",
        f"What you type goes to {people.room}.",
        f"You have left {other}.",
        f"You have left {people.room}.",
        "You are in no room; /join ROOM takes you into one",
    ]
    assert done.stderr.startswith("causerie: line 8: you are in no room; /join ROOM ")


async def test_each_room_has_what_was_said_in_it(people: People) -> None:
    other = f"{people.room}.other"
    people.say(f"one\n/join {other}\ntwo\n/join {people.room}\nthree\n", "Bot")
    assert await people.said() == ["one", "three"]
    assert await people.said(other) == ["two"]


def test_one_can_ask_who_is_there_and_what_was_said_and_for_help(people: People) -> None:
    people.say("".join(f"{text}\n" for text in numbered(130)), "Bot")
    alice = people.pipe("Alice")
    alice.wait_for("alone")
    done = people.say("/who\n/rooms\n/history 3\n/help\n", "Bob")
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert f"2 people in {people.room}: Alice and Bob" in lines
    assert f"{people.room}, 2 people (what you type goes there)" in lines
    assert said_by("Bot", lines) == ["line 127", "line 128", "line 129"]
    assert any(line.startswith("  /msg NAME text") for line in lines)
    # More than one page of the protocol.
    done = people.say("/history 120\n", "Bob")
    assert said_by("Bot", done.stdout.splitlines()) == numbered(130)[10:]
    done = people.say("/history 1000\n", "Bob")
    assert said_by("Bot", done.stdout.splitlines()) == numbered(130)


def test_one_takes_another_name_and_is_known_by_it_from_then_on(people: People) -> None:
    people.pipe("Alice").wait_for("alone")
    bot = people.pipe("Bot")
    bot.wait_for("You are in")
    bot.say("one")
    bot.wait_for("Bot: one")
    bot.say("/name Zoé")
    bot.say("two")
    bot.wait_for("Zoé: two")
    assert bot.lines.count("You are now known as Zoé") == 1
    bot.say("/name Alice")
    bot.say("three")
    bot.end_input()
    assert bot.wait() == 1
    assert said_by("Zoé", bot.lines) == ["two", "three"]
    assert bot.errors.startswith("causerie: line 4: Not done: this name, or one that looks like")


def test_where_one_is_in_no_room_there_is_nothing_to_ask(people: People) -> None:
    script = "/leave\n/who\n/history\n/leave\n/leave nowhere\n/rooms\n"
    done = people.say(script, "Hermit")
    *failed, last = done.stderr.splitlines()
    nowhere = "You are in no room; /join ROOM takes you into one"
    assert sorted(failed) == [
        *(f"causerie: line {number}: {nowhere}" for number in (2, 3, 4)),
        "causerie: line 5: You are not in nowhere; /rooms lists yours",
    ]
    assert last == "causerie: 4 lines were not delivered."
    assert "You are in no room, and have no private conversations" in done.stdout


def test_an_unknown_command_is_an_error_with_a_suggestion(people: People) -> None:
    done = people.say("/hsitory\n/msg\n/usr/bin/env\n", "Bot")
    assert done.returncode == 1
    first, second, third, last = done.stderr.splitlines()
    assert first.startswith("causerie: line 1: There is no command /hsitory. Did you mean /history")
    assert second.startswith("causerie: line 2: It goes like this: /msg NAME text")
    assert "// begins a text" in third
    assert last == "causerie: 3 lines were not delivered."


def test_a_room_that_cannot_be_joined_is_told_and_one_stays_where_one_is(people: People) -> None:
    done = people.say("/join no..room\nstill here\n", "Bot")
    assert done.returncode == 1
    told = "causerie: line 1: Not done: “no..room” cannot be the name of a room: two of . _ - "
    assert done.stderr.startswith(told)
    assert said_by("Bot", done.stdout.splitlines()) == ["still here"]


def test_a_room_that_one_cannot_begin_in_ends_it(people: People) -> None:
    people.room = "no..room"
    done = people.say("hi\n", "Bot")
    assert done.returncode == 1
    assert "causerie: 1 line was not confirmed as delivered.\n" not in done.stderr
    assert done.stderr.endswith("causerie: 1 line was not delivered.\n")
    assert len(done.stderr.splitlines()) == 2


async def test_what_comes_after_quit_is_not_said(people: People) -> None:
    assert people.say("one\n/quit\ntwo\n", "Bot").returncode == 0
    assert await people.said() == ["one"]


# What cannot be said.


async def test_a_line_that_is_too_long_is_an_error_that_names_it_and_the_others_go(
    people: People,
) -> None:
    done = people.say("one\n" + "x" * 4001 + "\n" + "ü" * 4000 + "\n" + "y" * 2_000_000, "Bot")
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "causerie: line 2: it has 4001 characters, and at most 4000 are allowed",
        "causerie: line 4: it is longer than 1048576 bytes",
        "causerie: 2 lines were not delivered.",
    ]
    assert await people.said() == ["one", "ü" * 4000]


def test_what_the_server_refuses_is_told_with_its_reason(people: People) -> None:
    done = people.say(b"a\0b\n", "Bot")
    assert done.returncode == 1
    assert "line 1: it has the character U+0000 in it" in done.stderr


def test_in_french_the_servers_reasons_are_french(people: People) -> None:
    done = people.say("/msg Personne psst\n/join a/b\n", "Bot", "--lang", "fr")
    *told, last = done.stderr.splitlines()
    assert sorted(told) == [
        (
            "causerie: ligne 1 : personne du nom de « Personne » n’est connecté, et personne ne "
            "détient ce nom"
        ),
        (
            "causerie: ligne 2 : Pas fait : « a/b » ne peut pas être le nom d’un salon : il "
            "contient « / », mais un nom est fait de lettres et de chiffres, avec un seul . _ ou "
            "- entre eux"
        ),
    ]
    assert last == "causerie: 2 lignes n’ont pas été remises."


def test_of_two_who_had_one_name_the_earlier_is_marked(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data") as server:
        with People(server.ws, tmp_path / "first") as people:
            bob = people.pipe("Bob")
            bob.wait_for("alone")
            assert people.say("/msg Bob one\n", "Alice").returncode == 0
            bob.wait_for("] (private) Alice → Bob: one")
            bob.end_input()
            assert bob.wait() == 0
        server.stop()
        assert main(["name", "release", "Alice", "--data", str(tmp_path / "data")]) == 0
        server.start()
        with People(server.ws, tmp_path / "first") as people:
            bob = people.pipe("Bob")
            bob.wait_for("alone")
            with People(server.ws, tmp_path / "second") as others:
                assert others.say("/msg Bob two\n", "Alice").returncode == 0
            bob.wait_for("] (private) Alice → Bob: two")
            bob.say("/rooms")
            bob.wait_for("a private conversation with Alice (who had this name earlier)")
            assert sum("a private conversation with Alice" in line for line in bob.lines) == 2


# Cuts.


async def test_what_is_said_before_there_is_a_server_is_delivered_when_it_comes(
    tmp_path: Path,
) -> None:
    with ServerProcess(tmp_path / "data") as server, People(server.ws, tmp_path) as people:
        server.stop()
        bot = people.pipe("Bot")
        bot.say("patience")
        bot.end_input()
        bot.wait_for("No connection: ")
        bot.wait_for("attempt 3")
        server.start()
        assert bot.wait() == 0
        assert await people.said() == ["patience"]
        assert said_by("Bot", bot.lines) == ["patience"]


async def test_a_pipe_is_delivered_in_order_and_once_across_deaths_of_the_server(
    tmp_path: Path,
) -> None:
    texts = numbered(3_000)
    with (
        ServerProcess(tmp_path / "data", "--rate-limit", "0") as server,
        People(server.ws, tmp_path) as people,
    ):
        bot = people.pipe("Bot")
        for text in texts[:1000]:
            bot.say(text)
        bot.wait_for("line 500")
        server.restart()
        for text in texts[1000:]:
            bot.say(text)
        bot.wait_for("line 1500")
        server.restart()
        bot.end_input()
        assert bot.wait() == 0, bot.errors
        assert await people.said() == texts
        assert said_by("Bot", bot.lines) == texts
        assert sum(line == "Disconnected" for line in bot.lines) == 2
        assert bot.errors == ""


async def test_ten_thousand_lines_keep_to_the_servers_rate_and_their_order(tmp_path: Path) -> None:
    texts = numbered(10_000)
    with (
        ServerProcess(tmp_path / "data", "--rate-limit", "3000", measured=False) as server,
        People(server.ws, tmp_path) as people,
    ):
        done = people.say("".join(f"{text}\n" for text in texts), "Bot")
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""
        assert await people.said() == texts
        assert said_by("Bot", done.stdout.splitlines()) == texts


def test_a_private_message_to_somebody_who_is_not_back_yet_is_said_again(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data") as server, People(server.ws, tmp_path) as people:
        alice = people.pipe("Alice")
        alice.wait_for("You are alone")
        bob = people.pipe("Bob")
        alice.wait_for("Bob has joined")
        bob.signal(signal.SIGSTOP)
        server.kill()
        alice.wait_for("Disconnected")
        alice.say("/msg Bob psst")
        server.start()
        alice.wait_until(lambda lines: sum("Connected (" in line for line in lines) == 2, "it")
        alice.say("after")
        alice.wait_for("] Alice: after")
        bob.signal(signal.SIGCONT)
        bob.wait_for("(private) Alice → Bob: psst")
        alice.end_input()
        assert alice.wait() == 0, alice.errors
