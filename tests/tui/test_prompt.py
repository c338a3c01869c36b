"""The prompt, on a real terminal, as a person sees it."""

import re
from pathlib import Path
from typing import Any

import pytest
from tests.support.raw_client import RawClient
from tests.support.server_process import ServerProcess
from tests.support.terminal import Terminal
from tests.tui.people import People

pytestmark = [pytest.mark.real, pytest.mark.slow]


def arrived(terminal: Terminal, people: People) -> Terminal:
    terminal.wait_for(f"{people.room}>")
    terminal.wait_for("Connected (")
    return terminal


def last(terminal: Terminal, count: int) -> list[str]:
    return [line for line in terminal.lines if line][-count:]


def test_what_is_typed_is_said_and_shown_once_above_the_prompt(people: People) -> None:
    alice = arrived(people.prompt("Alice"), people)
    alice.type("hello\r")
    shape = [
        r"\[\d\d:\d\d:\d\d\] Alice: hello",
        f"{people.room}>",
        rf"● Connected \(\d+ ms\) · {people.room}",
    ]

    def holds(lines: list[str]) -> bool:
        shown = [line for line in lines if line][-3:]
        return len(shown) == 3 and all(map(re.fullmatch, shape, shown))

    lines = alice.wait_until(holds, "the message above an empty prompt")
    assert sum("hello" in line for line in lines) == 1
    # Nothing is asked of the terminal: one that does not answer would hold everything up.
    assert b"\x1b[6n" not in alice.raw


def test_what_is_being_typed_stays_whole_while_messages_come(people: People) -> None:
    alice = arrived(people.prompt("Alice"), people)
    alice.type("half a li")
    assert people.say("".join(f"line {n}\n" for n in range(50)), "Bot").returncode == 0
    alice.wait_for("line 49")
    alice.wait_for(f"{people.room}> half a li")
    alice.type("ne\r")
    alice.wait_for("] Alice: half a line")
    numbers = [line.rpartition(" ")[2] for line in alice.lines if "] Bot: line" in line]
    assert numbers == [str(number) for number in range(50)]


def test_wide_characters_are_edited_by_what_one_sees(people: People) -> None:
    alice = arrived(people.prompt("Alice"), people)
    alice.type("日本x\x7f語 😀\r")
    # The emulator shows what is two columns wide with an empty cell behind it.
    alice.wait_until(
        lambda lines: any("Alice: 日本語 😀" in line.replace("\0", "") for line in lines), "it"
    )


def test_who_is_typing_is_seen_by_the_others_and_forgotten_when_they_stop(people: People) -> None:
    alice = arrived(people.prompt("Alice"), people)
    bob = people.prompt("Bob", "--lang", "fr")
    bob.wait_for("Connecté")
    alice.wait_for("Bob has joined")
    alice.type("a lon")
    bob.wait_for("Alice est en train de taper…")
    bob.type("un")
    alice.wait_for("Bob is typing…")
    alice.type("g line\r")
    bob.wait_for("Alice: a long line")
    bob.wait_until(lambda lines: not any("taper" in line for line in lines), "nobody typing")
    alice.wait_until(lambda lines: not any("typing" in line for line in lines), "a pause")


def test_a_command_is_not_seen_as_typing(people: People, server: ServerProcess) -> None:
    alice = arrived(people.prompt("Alice"), people)
    with RawClient(server.port) as bob:
        bob.hello("Watcher", key="w" * 22)
        bob.join(people.room)
        alice.wait_for("Watcher has joined")
        alice.type("/msg Watcher psst\r")
        seen: list[dict[str, Any]] = []
        while not seen or seen[-1]["type"] != "private":
            seen.append(bob.next())
        assert "typing" not in {frame["type"] for frame in seen}


def test_the_server_dies_and_comes_back_and_nothing_is_lost(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data") as server, People(server.ws, tmp_path) as people:
        alice, bob = people.prompt("Alice"), people.prompt("Bob")
        arrived(bob, people)
        arrived(alice, people)
        alice.wait_for("Bob")
        server.kill()
        alice.wait_for("Disconnected")
        alice.wait_for("Reconnecting")
        alice.type("are you there?\r/msg Bob psst\r")
        alice.wait_for("… are you there?")
        alice.wait_for("… /msg Bob psst")
        alice.wait_for("2 lines wait")
        bob.type("half")
        server.start()
        for one in (alice, bob):
            one.wait_for("] Alice: are you there?")
            one.wait_for("(private) Alice → Bob: psst")
        alice.wait_until(lambda lines: not any("wait" in line for line in lines), "all delivered")
        bob.wait_for(f"{people.room}> half")
        for one in (alice, bob):
            assert sum("are you there?" in line for line in one.lines) == 1
            assert sum("Disconnected" in line for line in one.lines) == 1
            assert not any("… " in line for line in one.lines)
        assert not any("has left" in line for line in alice.lines)


def test_what_was_said_before_one_came_is_dim_and_not_shown_again_after_a_cut(
    tmp_path: Path,
) -> None:
    with ServerProcess(tmp_path / "data") as server, People(server.ws, tmp_path) as people:
        people.say("".join(f"line {n}\n" for n in range(25)), "Bot")
        alice = arrived(people.prompt("Alice"), people)
        alice.wait_for("You are alone")
        assert [line.rpartition(" ")[2] for line in alice.lines if "Bot: " in line] == [
            str(number) for number in range(5, 25)
        ]
        assert f"Earlier in {people.room}:" in alice.lines
        assert b"\x1b[2m[" in alice.raw
        server.restart()
        alice.wait_for("Disconnected")
        alice.type("back\r")
        alice.wait_for("] Alice: back")
        assert sum("Bot: line 24" in line for line in alice.lines) == 1


def test_a_command_that_is_none_is_told_and_comes_back_with_the_arrow_keys(people: People) -> None:
    alice = arrived(people.prompt("Alice"), people)
    alice.type("/hsitory\r")
    alice.wait_for("There is no command /hsitory. Did you mean /history?")
    alice.wait_until(lambda lines: f"{people.room}>" in lines, "an empty prompt")
    alice.type("\x1b[A")
    alice.wait_for(f"{people.room}> /hsitory")


def test_a_text_that_is_too_long_stays_to_be_shortened(people: People) -> None:
    alice = arrived(people.prompt("Alice", rows=40), people)
    alice.type("\x1b[200~" + "x" * 4001 + "\x1b[201~\r")
    alice.wait_for("it has 4001 characters, and at most 4000 are allowed")
    alice.type("\x7f\r")
    alice.wait_for("] Alice: xxx")
    alice.type("/msg Nobody psst\r")
    alice.wait_for("Not sent: “psst”: ")
    # One has been told, and could do something about it.
    alice.type("\x04")
    assert alice.wait() == 0


def test_a_command_that_has_to_wait_for_the_connection_is_told_to(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data") as server, People(server.ws, tmp_path) as people:
        alice = arrived(people.prompt("Alice"), people)
        server.kill()
        alice.wait_for("Disconnected")
        alice.type("/who\r")
        alice.wait_for("Not connected: /who goes out as soon as you are connected again")
        server.start()
        alice.wait_for(f"1 person in {people.room}: Alice")
        server.kill()
        alice.wait_until(lambda lines: lines.count("Disconnected") == 2, "another cut")
        alice.type("/leave\r")
        alice.wait_for(f"You have left {people.room}.")
        assert not any("Not connected: /leave" in line for line in alice.lines)


def test_a_resized_terminal_has_the_prompt_once_and_its_lines_broken_anew_at_words(
    people: People,
) -> None:
    said = "hello this is a rather long line which does not fit into the rows of a narrow terminal"
    typed = "half of a line that is longer than a row"
    shell = ["/bin/sh", "-c", 'echo "$0"; exec "$@"', "what was there before"]
    with Terminal(
        [*shell, *people.command("--plain", "Alice")],
        columns=72,
        environment=people.environment | {"TERM": "xterm-256color"},
    ) as terminal:
        alice = arrived(terminal, people)
        alice.type(f"{said}\r")
        alice.wait_for("narrow terminal")
        alice.type(typed)

        def holds(lines: list[str]) -> bool:
            screen = " ".join(" ".join(lines[-24:]).split())
            once = (
                "before",
                "Connecting…",
                "You are alone",
                f"] Alice: {said}",
                "> half",
                "● Conn",
            )
            squeezed = screen.replace(" ", "").count(typed.replace(" ", ""))
            return squeezed == 1 and all(screen.count(text) == 1 for text in once)

        alice.wait_until(holds, "everything once")
        for columns in (44, 23, 100, 50):
            alice.resize(columns, 24)
            alice.wait_until(holds, f"everything once in {columns} columns")
        alice.type("\x03")
        assert alice.wait() == 0
        assert last(alice, 1) == ["Goodbye, Alice."]


def test_a_pasted_text_of_several_lines_is_one_message(people: People) -> None:
    alice = arrived(people.prompt("Alice"), people)
    alice.type("\x1b[200~one\r\ntwo\x1b[201~")
    alice.wait_for("two")
    alice.type("\r")
    alice.wait_for("] Alice: one")
    alice.wait_for("    two")


def test_tab_completes_commands_and_names(people: People) -> None:
    bob = people.pipe("Bobby")
    bob.wait_for("alone")
    alice = arrived(people.prompt("Alice"), people)
    alice.wait_for("with Bobby")
    alice.type("/m\t")
    alice.wait_for(f"{people.room}> /msg")
    alice.type("Bo\t")
    alice.wait_for(f"{people.room}> /msg Bobby")
    alice.type(" hi\r")
    bob.wait_for("(private) Alice → Bobby: hi")
    alice.type("\x03")
    assert alice.wait() == 0


def test_an_earlier_line_comes_back_with_the_arrow_keys(people: People) -> None:
    alice = arrived(people.prompt("Alice"), people)
    alice.type("once\r")
    alice.wait_for("] Alice: once")
    alice.type("\x1b[A")
    alice.wait_for(f"{people.room}> once")
    alice.type(" more\r")
    alice.wait_for("] Alice: once more")


@pytest.mark.parametrize("keys", ["\x04", "/quit\r", "\x03", "unfinished\x03"])
def test_it_ends_with_a_goodbye_and_leaves_the_terminal_as_it_was(
    people: People, keys: str
) -> None:
    alice = arrived(people.prompt("Alice"), people)
    alice.type(keys)
    assert alice.wait() == 0
    assert last(alice, 1) == ["Goodbye, Alice."]
    assert alice.modes() == (True, True)
    assert not any(people.room + ">" in line for line in alice.lines)


@pytest.mark.parametrize("term", ["xterm-256color", "dumb"])
def test_a_terminal_that_goes_away_ends_it(people: People, term: str) -> None:
    bob = people.pipe("Bob")
    bob.wait_for("alone")
    alice = people.prompt("Alice", TERM=term)
    bob.wait_for("Alice has joined")
    alice.hang_up()
    bob.wait_for("Alice has left", within=10)
    assert alice.wait() == 0


def test_who_ends_it_too_early_is_told_what_is_awaited_and_can_give_it_up(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data") as server, People(server.ws, tmp_path) as people:
        alice = arrived(people.prompt("Alice"), people)
        server.kill()
        alice.wait_for("Disconnected")
        alice.type("one\r\x04")
        alice.wait_for("Waiting until 1 line is delivered; Ctrl+C gives up.")
        alice.type("\x03")
        assert alice.wait() == 1
        goodbye, complaint = last(alice, 2)
        assert goodbye.endswith("Goodbye, Alice.")
        assert complaint == "causerie: 1 line was not confirmed as delivered."
        bob = people.prompt("Bob")
        bob.wait_for("No connection")
        bob.type("two\r\x04")
        bob.wait_for("Waiting until 1 line is delivered")
        server.start()
        assert bob.wait() == 0
        bob.wait_for("] Bob: two")


def test_who_has_nothing_to_say_need_not_wait_for_a_server(tmp_path: Path) -> None:
    with People("ws://localhost:1", tmp_path) as people:
        alice = people.prompt("Alice")
        alice.wait_for("No connection: nobody listens on localhost:1")
        alice.type("\x04")
        assert alice.wait() == 0
        assert last(alice, 1) == ["Goodbye, Alice."]


def test_who_gives_up_is_told_at_the_prompt(tmp_path: Path) -> None:
    with People("ws://localhost:1", tmp_path) as people:
        alice = people.prompt("Alice", "--max-attempts", "2")
        assert alice.wait() == 1
        said = "".join(last(alice, 2))
        assert "causerie: Gave up after 2 attempts: nobody listens on localhost:1" in said


def test_there_are_colours_unless_they_are_not_wanted(people: People) -> None:
    alice = arrived(people.prompt("Alice"), people)
    assert re.search(rb"\x1b\[[0-9;]*32m", alice.raw)
    for bob in (people.prompt("Bob", NO_COLOR="1"), people.prompt("Carol", "--no-color")):
        arrived(bob, people)
        bob.type("hi\r")
        bob.wait_for(": hi")
        assert not re.search(rb"\x1b\[[0-9;]*[34]\dm", bob.raw)


@pytest.mark.parametrize("arguments", [["--plain"], []])
def test_a_terminal_that_can_do_no_more_gets_plain_lines(
    people: People, arguments: list[str]
) -> None:
    alice = people.terminal("Alice", "--no-color", *arguments, TERM="dumb")
    alice.wait_for("alone")
    alice.type("hello\r")
    alice.wait_for("] Alice: hello")
    alice.type("/nope\r")
    alice.wait_for("There is no command /nope")
    alice.type("\x04")
    assert alice.wait() == 0
    assert last(alice, 1) == ["Goodbye, Alice."]
    assert b"\x1b" not in alice.raw


def test_a_pipe_shows_its_progress_where_errors_go_to_a_terminal(tmp_path: Path) -> None:
    file = tmp_path / "lines"
    file.write_text("".join(f"line {n}\n" for n in range(3000)))
    shell = ["/bin/sh", "-c", 'exec "$@" <"$0" >/dev/null', str(file)]
    with (
        ServerProcess(tmp_path / "data", "--rate-limit", "1000") as server,
        People(server.ws, tmp_path) as people,
        Terminal([*shell, *people.command("Bot")], environment=people.environment) as terminal,
    ):
        terminal.wait_for(" of 3000 lines delivered")
        assert terminal.wait() == 0
        assert last(terminal, 1) == ["█" * 24 + " 3000 of 3000 lines delivered"]
