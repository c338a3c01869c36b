"""How a stay begins and ends, whatever its face: real processes, a real server."""

import os
import signal
from pathlib import Path

import pytest
from tests.support.server_process import ServerProcess
from tests.tui.people import People, said_by

pytestmark = [pytest.mark.real, pytest.mark.slow]


# Giving up.


def test_who_gives_up_says_why_and_how_much_was_not_delivered(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data") as server, People(server.ws, tmp_path) as people:
        server.stop()
        done = people.say("one\n\ntwo\n" * 5, "Bot", "--max-attempts", "2")
        assert done.returncode == 1
        assert "Reconnecting in" in done.stdout
        assert "(attempt 2 of 2)" in done.stdout
        why, how_much = done.stderr.splitlines()
        assert why.startswith("causerie: Gave up after 2 attempts: nobody listens on localhost:")
        assert why.endswith("; --url names another server.")
        assert how_much == "causerie: 10 lines were not delivered."
        bot = people.pipe("Bot", "--max-attempts", "1")
        bot.say("one")
        assert bot.wait() == 1
        assert "At least 1 line was not delivered." in bot.errors
        server.start()


def test_what_was_under_way_when_the_server_went_for_good_is_called_unconfirmed(
    tmp_path: Path,
) -> None:
    with ServerProcess(tmp_path / "data") as server, People(server.ws, tmp_path) as people:
        bot = people.pipe("Bot", "--max-attempts", "4")
        bot.wait_for("alone")
        server.stop()
        bot.wait_for("Disconnected")
        bot.say("one")
        bot.end_input()
        assert bot.wait() == 1
        assert "1 line was not confirmed as delivered." in bot.errors
        assert "Goodbye" not in "".join(bot.lines)
        server.start()


# Names.


def test_a_name_that_is_somebody_elses_is_refused(people: People, tmp_path: Path) -> None:
    assert people.say("mine\n", "Owner").returncode == 0
    done = people.say("mine too\n", "Owner", XDG_DATA_HOME=str(tmp_path))
    assert done.returncode == 1
    assert done.stderr.startswith("causerie: The server does not let you in: ")
    assert done.stderr.endswith("causerie: 1 line was not delivered.\n")


def test_a_name_that_is_none_is_refused(people: People) -> None:
    done = people.say("hi\n", "no..name")
    assert done.returncode == 1
    assert "The server does not let you in: " in done.stderr


def test_where_no_key_can_be_kept_one_is_told_and_can_chat_all_the_same(people: People) -> None:
    done = people.say("hi\n", "Guest", XDG_DATA_HOME="/dev/null")
    assert done.returncode == 0
    assert "The key to your name cannot be kept" in done.stdout
    assert said_by("Guest", done.stdout.splitlines()) == ["hi"]


def test_a_random_name_that_is_taken_is_replaced_by_another(
    people: People, home: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    from causerie.cli import main

    assert people.say("mine\n", "User123").returncode == 0
    numbers = iter([123, 123, 456])
    monkeypatch.setattr("causerie.tui.stay.random.randrange", lambda *_: next(numbers))
    monkeypatch.setenv("XDG_DATA_HOME", str(home))
    reading, writing = os.pipe()
    os.write(writing, b"hi\n")
    os.close(writing)
    with os.fdopen(reading) as stdin:
        monkeypatch.setattr("sys.stdin", stdin)
        assert main(["chat", "--url", people.url, "--room", people.room, "--lang", "en"]) == 0
    assert "You are logged in as: User456\n" in capfd.readouterr().out


# The end.


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it_with_a_goodbye_that_others_see_at_once(
    people: People, number: signal.Signals
) -> None:
    alice = people.pipe("Alice")
    alice.wait_for("You are alone")
    bob = people.pipe("Bob")
    # Who comes and goes at once is not mentioned.
    alice.wait_for("Bob has joined")
    bob.signal(number)
    assert bob.wait() == 0
    assert bob.lines[-1] == "Goodbye, Bob."
    alice.wait_for("Bob has left", within=10)


def test_who_interrupts_what_could_not_be_delivered_is_told(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data") as server, People(server.ws, tmp_path) as people:
        server.stop()
        bot = people.pipe("Bot")
        bot.say("one")
        bot.wait_for("attempt 3")
        bot.signal(signal.SIGINT)
        assert bot.wait() == 1
        assert bot.errors == "causerie: 1 line was not delivered.\n"
        server.start()
