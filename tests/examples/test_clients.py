"""Both clients of examples/first-chat talk with each other's server and with Causerie, come back to
a server that does, and say so when they give up.
"""

import os
import re
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.examples.programs import (
    FIRST_CHAT,
    LANGUAGES,
    ExampleClient,
    ExampleServer,
    Language,
    Shown,
    command,
    environment,
    node,
)
from tests.support.line_process import LineProcess
from tests.support.raw_client import RawClient
from tests.support.server_process import ServerProcess, _free_port
from websockets.sync.server import ServerConnection, serve

pytestmark = [pytest.mark.real, pytest.mark.slow]

SOON = "0.05"
"""Seconds before the first attempt to come back, where a test is about that."""


@pytest.fixture(params=LANGUAGES)
def language(request: pytest.FixtureRequest) -> Language:
    chosen: Language = request.param
    return chosen


@pytest.fixture(params=["causerie", *LANGUAGES])
def server(
    request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[ExampleServer | ServerProcess]:
    """Each of the three servers."""
    kind = request.param
    with (
        ServerProcess(tmp_path / "data", measured=False)
        if kind == "causerie"
        else ExampleServer(kind)
    ) as server:
        yield server


def hears(person: ExampleClient, *said: tuple[str, str]) -> None:
    for names, content in said:
        person.wait_for(names, content)


def test_lines_go_both_ways_between_the_two_with_the_right_times(
    server: ExampleServer | ServerProcess,
) -> None:
    with ExampleClient("ts", server.ws, "Tess") as tess:
        tess.wait_for("System", "Tess has joined the chat")
        with ExampleClient("py", server.ws, "Pyotr") as pyotr:
            for one in (tess, pyotr):
                one.wait_for("System", "Pyotr has joined the chat")
            tess.say("hello from Node")
            hears(pyotr, ("Tess", "hello from Node"))
            pyotr.say("hello from Python, ça va ? 🙂")
            hears(tess, ("Pyotr", "hello from Python, ça va ? 🙂"))
            tess.say("/msg Pyotr psst")
            hears(pyotr, ("Tess to Pyotr, in private", "psst"))
            pyotr.say("/msg Tess what?")
            hears(tess, ("Pyotr to Tess, in private", "what?"))
            pyotr.say("/name Pierre")
            tess.wait_for("System", "Pyotr is now known as Pierre")
            tess.say("   ")
            tess.say("goodbye")
            # Its own line is back: it has been said.
            tess.wait_for("Tess", "goodbye")
            tess.process.end_input()
            pyotr.wait_for("System", "Tess has left the chat")
            assert tess.process.wait() == 0
            pyotr.say("/quit")
            assert pyotr.process.wait() == 0
            common = [
                Shown("System", "Pyotr has joined the chat"),
                Shown("Tess", "hello from Node"),
                Shown("Pyotr", "hello from Python, ça va ? 🙂"),
                Shown("Tess to Pyotr, in private", "psst"),
                Shown("Pyotr to Tess, in private", "what?"),
                Shown("System", "Pyotr is now known as Pierre"),
                Shown("Tess", "goodbye"),
            ]
            greeting = Shown("System", "Welcome! Please identify yourself.")
            assert tess.shown == [
                greeting,
                Shown("System", "Tess has joined the chat"),
                *common,
            ]
            assert pyotr.shown == [greeting, *common, Shown("System", "Tess has left the chat")]


def test_what_is_piped_in_is_said_before_it_ends(
    language: Language, server: ExampleServer | ServerProcess
) -> None:
    with ExampleClient("ts", server.ws, "Witness") as witness:
        witness.wait_for("System", "Witness has joined the chat")
        ended = subprocess.run(
            [*command(language, "client"), "Bot", server.ws],
            input="the build is green\n",
            env=environment({}),
            capture_output=True,
            encoding="utf-8",
            timeout=20,
            check=False,
        )
        assert ended.returncode == 0, ended.stderr
        # (Causerie does not tell of somebody who comes and goes within a moment.)
        hears(witness, ("Bot", "the build is green"))


def test_it_comes_back_to_a_server_that_was_killed_and_says_what_waited(
    language: Language, server: ExampleServer | ServerProcess
) -> None:
    with ExampleClient(language, server.ws, "Alice", RETRY_SECONDS="0.5") as alice:
        alice.wait_for("System", "Alice has joined the chat")
        alice.say("/name Alicia")
        alice.wait_for("System", "Alice is now known as Alicia")
        if isinstance(server, ServerProcess):
            server.kill()
        else:
            server.process.kill()
        alice.wait_for_note("attempt 1 of 5 in ")
        alice.say("typed while nobody was there")
        server.restart()
        alice.wait_for("Alicia", "typed while nobody was there")
        alice.say("and on")
        alice.wait_for("Alicia", "and on")


def test_it_comes_back_when_the_server_stops_gracefully(language: Language) -> None:
    with (
        ExampleServer("py") as server,
        ExampleClient(language, server.ws, "Alice", RETRY_SECONDS="0.5") as alice,
    ):
        alice.wait_for("System", "Alice has joined the chat")
        server.process.signal(signal.SIGTERM)
        alice.wait_for_note("attempt 1 of 5 in ")
        assert server.process.wait() == 0
        server.restart()
        alice.say("again")
        alice.wait_for("Alice", "again")


def test_it_gives_up_after_five_attempts_each_later_than_the_one_before(
    language: Language,
) -> None:
    url = f"ws://127.0.0.1:{_free_port('127.0.0.1')}"
    with ExampleClient(language, url, "Alice", RETRY_SECONDS=SOON) as alice:
        assert alice.process.wait() == 1
        *attempts, last = alice.notes[1:]
        assert last == f"Gave up after 5 attempts: is there a server on {url}?"
        assert len(attempts) == 5
        for count, note in enumerate(attempts, 1):
            told = re.fullmatch(rf"Not connected \(.+\): attempt {count} of 5 in ([\d.]+) s", note)
            assert told is not None, note
            most = float(SOON) * 2 ** (count - 1)
            assert most / 2 - 0.05 <= float(told[1]) <= most + 0.05, note


def test_it_notices_a_server_that_has_frozen(language: Language) -> None:
    with (
        ExampleServer("py", HEARTBEAT_SECONDS="0.2") as server,
        ExampleClient(
            language, server.ws, "Alice", SILENCE_SECONDS="2", RETRY_SECONDS="30"
        ) as alice,
    ):
        alice.wait_for("System", "Alice has joined the chat")
        server.process.signal(signal.SIGSTOP)
        try:
            alice.wait_for_note("attempt 1 of 5 in ")
        finally:
            server.process.signal(signal.SIGCONT)


@contextmanager
def server_that(act: Callable[[ServerConnection], None]) -> Iterator[str]:
    """A server that is no chat: `act` is what it does with a connection."""
    with serve(act, "127.0.0.1", 0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"ws://127.0.0.1:{server.socket.getsockname()[1]}"
        finally:
            server.shutdown()
            thread.join()


def test_it_does_not_come_back_where_it_is_not_wanted(language: Language) -> None:
    with (
        server_that(lambda socket: socket.close(1008, "Not you.")) as url,
        ExampleClient(language, url, "Alice") as alice,
    ):
        assert alice.process.wait() == 1
        assert alice.notes[1:] == ["The server has ended this (1008): Not you."]


def send_nonsense(socket: ServerConnection) -> None:
    for text in ("hello", "null", "7 7", '{"type":"future","content":{}}'):
        socket.send(text)
    socket.send('{"type":"message","username":"System","content":"over","timestamp":0}')
    for _ in socket:
        pass


def test_it_outlives_a_server_that_sends_nonsense(language: Language) -> None:
    with (
        server_that(send_nonsense) as url,
        ExampleClient(language, url, "Alice") as alice,
    ):
        alice.process.wait_for("[00:00:00] System: over")
        alice.say("/quit")
        assert alice.process.wait() == 0
        assert alice.process.lines[1:] == [
            *["(The server sent something that is no frame.)"] * 3,
            "[00:00:00] System: over",
        ]


def test_nobody_can_repaint_its_terminal(language: Language) -> None:
    with (
        ExampleServer("py") as server,
        ExampleClient(language, server.ws, "Alice") as alice,
        RawClient(server.port, v1=False) as mallory,
    ):
        alice.wait_for("System", "Alice has joined the chat")
        mallory.send(type="message", content="\x1b[2Jgone\r\n\x9b1mhi\x07")
        mallory.send(type="join", username="Mallory")
        alice.wait_for("System", "Anonymous is now known as Mallory")
        assert Shown("Anonymous", " [2Jgone   1mhi ") in alice.shown


@pytest.mark.skipif(os.name == "nt", reason="Windows sends no Ctrl+C to one process")
def test_ctrl_c_ends_it_at_once_and_without_a_complaint(language: Language) -> None:
    with (
        ExampleServer("ts") as server,
        ExampleClient("py", server.ws, "Witness") as witness,
        ExampleClient(language, server.ws, "Alice") as alice,
    ):
        witness.wait_for("System", "Witness has joined the chat")
        alice.wait_for("System", "Alice has joined the chat")
        alice.process.signal(signal.SIGINT)
        assert alice.process.wait() == 0
        assert len(alice.notes) == 1
        witness.wait_for("System", "Alice has left the chat")


@pytest.mark.parametrize("arguments", [[], ["Alice", "nonsense"], ["Alice", "http://x"]])
def test_without_a_name_or_with_a_bad_address_it_says_how_it_is_used(
    language: Language, arguments: list[str]
) -> None:
    ended = subprocess.run(
        [*command(language, "client"), *arguments],
        stdin=subprocess.DEVNULL,
        env=environment({}),
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert ended.returncode in {1, 2}
    assert ended.stderr.splitlines()[-1].startswith("Usage: ")
    assert "Traceback" not in ended.stderr


def test_npm_run_client_is_the_client() -> None:
    npm = Path(node()).parent.parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    settings = {"PATH": f"{Path(node()).parent}{os.pathsep}{os.environ['PATH']}"}
    run = [node(), str(npm), "--prefix", str(FIRST_CHAT / "ts"), "run", "--silent", "client"]
    with (
        ExampleServer("ts") as server,
        LineProcess([*run, "Alice", server.ws], environment=environment(settings)) as alice,
    ):
        alice.wait_for("System: Alice has joined the chat")
        alice.say("/quit")
        assert alice.wait() == 0
