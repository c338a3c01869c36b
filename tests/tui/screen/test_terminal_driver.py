"""The driver on a real terminal, as a person uses it."""

import re
import signal
from pathlib import Path

import pytest
from tests.support.server_process import ServerProcess
from tests.support.terminal import Terminal
from tests.tui.people import People

pytestmark = [pytest.mark.real, pytest.mark.slow]


def arrived(terminal: Terminal) -> Terminal:
    terminal.wait_for("Connected (")
    terminal.wait_for("F1 help")
    return terminal


def said_in_the_end(terminal: Terminal) -> list[str]:
    """What was written when the terminal had been given back: the emulator has but one screen."""
    rest = terminal.raw.rpartition(b"\x1b[?1049l")[2].decode()
    text = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", rest)
    return [line.strip() for line in text.splitlines() if line.strip()]


def test_keys_that_terminals_send_in_their_own_way_do_what_they_should(people: People) -> None:
    alice = arrived(people.terminal("Alice"))
    bob = people.pipe("Bob")
    bob.wait_for("with Alice")
    alice.type("one\x1b\rtwo\nthree")
    alice.wait_for("three")
    alice.type("\r")
    alice.wait_for("▎ three")
    bob.wait_for("three")
    assert [line.rpartition("] ")[2] for line in bob.lines[-3:]] == [
        "Alice: one",
        "    two",
        "    three",
    ]
    alice.type("/join garden\r")
    alice.wait_for("# garden ")
    alice.type("\x1b2")
    alice.wait_for(f"# {people.room} ")
    alice.type("\x1b1")
    alice.wait_for("# garden ")


def test_a_pasted_text_of_several_lines_is_one_message(people: People) -> None:
    alice = arrived(people.terminal("Alice"))
    alice.type("\x1b[200~pasted\rlines\x1b[201~")
    alice.wait_for("▌ lines")
    alice.type("\r")
    alice.wait_for("▎ lines")


def test_the_mouse_goes_to_a_room(people: People) -> None:
    alice = arrived(people.terminal("Alice"))
    alice.type("/join garden\r")
    alice.wait_for("▌1 #garden ")  # it has come in above the other
    y = next(y for y, line in enumerate(alice.lines, 1) if f"2 #{people.room} " in line)
    alice.type(f"\x1b[<0;6;{y}M\x1b[<0;6;{y}m")
    alice.wait_for(f"# {people.room} ")


@pytest.mark.parametrize("keys", ["\x11", "unfinished\x03"])
def test_it_ends_with_a_goodbye_and_leaves_the_terminal_as_it_was(
    people: People, keys: str
) -> None:
    alice = arrived(people.terminal("Alice"))
    assert b"\x1b[?1049h" in alice.raw
    assert f"\x1b]2;#{people.room} · Causerie\x07".encode() in alice.raw
    alice.type(keys)
    assert alice.wait() == 0
    assert said_in_the_end(alice) == ["Goodbye, Alice."]
    assert alice.modes() == (True, True)
    assert b"\x1b[?1000l" in alice.raw


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it_with_a_goodbye(people: People, number: signal.Signals) -> None:
    alice = arrived(people.terminal("Alice"))
    alice.signal(number)
    assert alice.wait() == 0
    assert said_in_the_end(alice) == ["Goodbye, Alice."]


def test_a_terminal_that_goes_away_ends_it(people: People) -> None:
    bob = people.pipe("Bob")
    bob.wait_for("alone")
    alice = people.terminal("Alice")
    bob.wait_for("Alice has joined")
    alice.hang_up()
    bob.wait_for("Alice has left", within=10)
    assert alice.wait() == 0


def test_who_ends_it_too_early_is_told_what_is_awaited_and_can_give_it_up(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data") as server, People(server.ws, tmp_path) as people:
        alice = arrived(people.terminal("Alice"))
        server.kill()
        alice.wait_for("Disconnected")
        alice.type("one\r\x11")
        alice.wait_for("Waiting until 1 line is delivered; Ctrl+C gives up.")
        alice.type("\x03")
        assert alice.wait() == 1
        assert said_in_the_end(alice) == [
            "Goodbye, Alice.",
            "causerie: 1 line was not confirmed as delivered.",
        ]
        bob = people.terminal("Bob")
        bob.wait_for("nobody listens on localhost")
        bob.type("two\r\x11")
        bob.wait_for("Waiting until 1 line is delivered")
        server.start()
        assert bob.wait() == 0
        assert said_in_the_end(bob) == ["Goodbye, Bob."]


def test_who_gives_up_or_is_not_let_in_is_told_when_the_screen_has_gone(
    people: People, tmp_path: Path
) -> None:
    with People("ws://localhost:1", tmp_path) as nowhere:
        alice = nowhere.terminal("Alice", "--max-attempts", "2")
        assert alice.wait() == 1
        assert "causerie: Gave up after 2 attempts: nobody listens on localhost:1" in "".join(
            said_in_the_end(alice)
        )
    assert people.say("mine\n", "Owner").returncode == 0
    other = people.terminal("Owner", XDG_DATA_HOME=str(tmp_path))
    assert other.wait() == 1
    assert "causerie: The server does not let you in" in "".join(said_in_the_end(other))


def test_there_are_colours_unless_they_are_not_wanted(people: People) -> None:
    alice = arrived(people.terminal("Alice", COLORTERM="truecolor"))
    assert b"\x1b[38;2;" in alice.raw or b";38;2;" in alice.raw
    for bob in (people.terminal("Bob", NO_COLOR="1"), people.terminal("Carol", "--no-color")):
        arrived(bob)
        for triplet in _colours(bob.raw):
            assert len(set(triplet)) == 1, triplet


def _colours(raw: bytes) -> set[tuple[int, int, int]]:
    """All true colours that were set."""
    found = set()
    for part in raw.split(b"\x1b[")[1:]:
        numbers = part.split(b"m")[0].split(b";")
        for at, number in enumerate(numbers[:-4]):
            if number in {b"38", b"48"} and numbers[at + 1] == b"2":
                red, green, blue = (int(one) for one in numbers[at + 2 : at + 5])
                found.add((red, green, blue))
    return found


def test_nothing_that_others_write_reaches_the_terminal_as_a_command(people: People) -> None:
    alice = arrived(people.terminal("Alice"))
    text = "\x1b]0;owned\x07\x1b[2J\u202eevil\x9b31m [bold]text[/]"
    people.say(f"{text}\n", "Bob")
    alice.wait_for("[bold]text[/]")
    assert b"\x1b]0;owned" not in alice.raw
    assert "\u202e".encode() not in alice.raw
    assert "\x9b".encode() not in alice.raw
