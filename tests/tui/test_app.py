"""The program whole, from its command line to its exit code: real processes, a real server."""

import asyncio
import os
import subprocess
import sys
from contextlib import suppress

import pytest
from tests.support.raw_client import RawClient
from tests.support.server_process import ServerProcess
from tests.tui.people import People

pytestmark = [pytest.mark.real, pytest.mark.slow]


# Nobody reads.


def test_when_nobody_reads_the_output_it_ends_quietly(people: People) -> None:
    reading, writing = os.pipe()
    with subprocess.Popen(
        people.command("Bob"),
        stdin=subprocess.PIPE,
        stdout=writing,
        stderr=subprocess.PIPE,
        env=people.environment,
    ) as bob:
        os.close(writing)
        os.read(reading, 10)
        os.close(reading)
        # Its input stays open.
        assert bob.stderr is not None
        assert bob.stderr.read() == b""
        assert bob.wait(20) == 0


async def test_what_had_come_in_is_delivered_though_nobody_reads_the_output(
    people: People,
) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    bot = await asyncio.create_subprocess_exec(
        *people.command("Bot"),
        stdin=subprocess.PIPE,
        stdout=writing,
        stderr=subprocess.PIPE,
        env=people.environment,
    )
    os.close(writing)
    _, errors = await bot.communicate(b"one\ntwo\n")
    assert errors == b""
    assert bot.returncode == 0
    assert await people.said() == ["one", "two"]


def test_a_pipe_without_an_end_ends_when_nobody_reads_the_output(people: People) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    bot = subprocess.Popen(
        people.command("Bot"),
        stdin=subprocess.PIPE,
        stdout=writing,
        stderr=subprocess.PIPE,
        env=people.environment,
    )
    os.close(writing)
    with bot:
        assert bot.stdin is not None
        assert bot.stderr is not None
        with suppress(BrokenPipeError):
            while True:
                bot.stdin.write(b"x" * 1000 + b"\n")
        with suppress(BrokenPipeError):
            bot.stdin.close()
        assert bot.stderr.read() == b""
        assert bot.wait(20) == 0


def test_nobody_reading_is_noticed_while_there_is_nothing_to_write(people: People) -> None:
    reading, writing = os.pipe()
    bob = subprocess.Popen(
        people.command("Bob"), stdin=subprocess.PIPE, stdout=writing, env=people.environment
    )
    with bob:
        os.close(writing)
        seen = b""
        while b"alone" not in seen:
            seen += os.read(reading, 1000)
        os.close(reading)
        assert bob.wait(20) == 0


# What is shown.


def test_what_others_write_does_nothing(people: People, server: ServerProcess) -> None:
    bob = people.pipe("Bob")
    bob.wait_for("alone")
    with RawClient(server.port, v1=False) as mallory:
        mallory.send(type="join", username="Mallory", room=people.room)
        hostile = "\x1b[2Jgone \x9b31mred \u202egnihton\u2066\r\n[00:00:00] Bob: I resign\x07"
        mallory.send(type="message", content=hostile, room=people.room)
        bob.wait_for("I resign")
    assert [line for line in bob.lines if "gone" in line or "resign" in line] == [
        next(line for line in bob.lines if line.endswith("Mallory: ␛[2Jgone \ufffd31mred gnihton")),
        "    [00:00:00] Bob: I resign␇",
    ]


def test_there_are_no_colours_in_a_pipe(people: People) -> None:
    done = people.say("hi\n", "Bot", TERM="xterm-256color")
    assert "\x1b" not in done.stdout + done.stderr


@pytest.mark.parametrize("arguments", [["--lang", "fr"], []])
def test_it_speaks_french_to_those_who_do(people: People, arguments: list[str]) -> None:
    environment = {} if arguments else {"LC_ALL": "fr_FR.UTF-8"}
    done = people.say("salut\n/xyz\n", "Robot", *arguments, **environment)
    assert "Vous êtes connecté en tant que : Robot" in done.stdout
    assert "ligne 2 : La commande /xyz n’existe pas" in done.stderr


# The command line.


@pytest.mark.parametrize(
    "arguments",
    [
        ["--url", "ftp://example.org"],
        ["--max-attempts", "0"],
        ["--max-attempts", "many"],
        ["--lang", "tlh"],
        ["--nonsense"],
        ["Alice", "Bob"],
    ],
)
def test_a_wrong_command_line_is_told_in_a_sentence(people: People, arguments: list[str]) -> None:
    done = people.say("", *arguments)
    assert done.returncode == 2
    assert done.stderr.startswith("causerie: ")
    assert len(done.stderr.splitlines()) == 1
    assert done.stdout == ""


def test_textual_is_not_loaded_where_no_screen_is_opened() -> None:
    program = "import sys, causerie.cli, causerie.tui.app; print('textual' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == "False\n"
