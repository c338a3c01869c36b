"""Two line clients that are not ours work with a real server as they are, together in one room:
one on Node with `ws`, which counts milliseconds, and one on Python with `websockets` 13, which
counts seconds and dies of milliseconds.
"""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.foreign.clients import (
    ForeignClient,
    Shown,
    node_client,
    python_client,
    raw_client,
)
from tests.support.server_process import ServerProcess
from websockets.sync.server import ServerConnection, serve

pytestmark = [pytest.mark.real, pytest.mark.slow]

GREETING = Shown("System", "Welcome! Please identify yourself.")
CLIENTS = [
    pytest.param(node_client, id="node"),
    pytest.param(python_client, id="python"),
]
Start = Callable[[str, str], ForeignClient]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path / "data", measured=False) as server:
        yield server


@contextmanager
def both(server: ServerProcess) -> Iterator[tuple[ForeignClient, ForeignClient]]:
    """Anna on Node and Pierre on Python, in the room one after the other."""
    with node_client(server.ws, "Anna") as anna:
        anna.wait_for("System", "Anna has joined the chat")
        with python_client(server.ws, "Pierre") as pierre:
            for client in (anna, pierre):
                client.wait_for("System", "Pierre has joined the chat")
            yield anna, pierre


def joined(*names: str) -> list[Shown]:
    return [Shown("System", f"{name} has joined the chat") for name in names]


def test_both_show_all_that_is_said_with_the_right_times_and_end_cleanly(
    server: ServerProcess,
) -> None:
    with both(server) as (anna, pierre):
        anna.say("hello from Node")
        pierre.wait_for("Anna", "hello from Node")
        pierre.say("hello from Python", "  two words ", "")
        anna.wait_for("Pierre", "  two words ")
        anna.process.end_input()
        pierre.wait_for("System", "Anna has left the chat")
        pierre.process.end_input()
        said = [
            Shown("Anna", "hello from Node"),
            Shown("Pierre", "hello from Python"),
            Shown("Pierre", "  two words "),
        ]
        assert anna.shown_to_the_end() == [GREETING, *joined("Anna", "Pierre"), *said]
        shown = pierre.shown_to_the_end()
        # An empty line is refused to its author alone; no entry waits for that, nor it for one.
        (refused,) = (line for line in shown if "content" in line.content)
        assert refused.username == "System"
        shown.remove(refused)
        assert shown == [
            GREETING,
            *joined("Pierre"),
            *said,
            Shown("System", "Anna has left the chat"),
        ]


def test_what_both_say_at_once_comes_to_both_whole_and_in_one_order(tmp_path: Path) -> None:
    lines = 300
    with (
        ServerProcess(tmp_path / "data", "--rate-limit", "0", measured=False) as server,
        both(server) as (anna, pierre),
    ):
        talkers = [
            threading.Thread(target=client.say, args=[f"line {n}" for n in range(lines)])
            for client in (anna, pierre)
        ]
        for talker in talkers:
            talker.start()
        for talker in talkers:
            talker.join()
        for client in (anna, pierre):
            client.process.wait_until(
                lambda shown: sum("line " in line for line in shown) >= 2 * lines, "all lines"
            )
        told = [
            [line for line in client.shown if line.username != "System"]
            for client in (anna, pierre)
        ]
        assert told[0] == told[1]
        for name in ("Anna", "Pierre"):
            assert [line.content for line in told[0] if line.username == name] == [
                f"line {n}" for n in range(lines)
            ]


def test_one_who_says_too_much_at_once_is_told_so_and_stays(server: ServerProcess) -> None:
    with both(server) as (anna, pierre):
        pierre.say(*(f"line {n}" for n in range(100)))
        pierre.process.wait_until(lambda shown: len(shown) >= 102, "an answer to each line")
        answers = pierre.shown[2:]
        kept = [line for line in answers if line.username == "Pierre"]
        refused = [line for line in answers if line.username == "System"]
        assert kept
        assert refused
        assert len(kept) + len(refused) == 100
        anna.say("still there?")
        pierre.wait_for("Anna", "still there?")
        assert [line for line in anna.shown if line.username == "Pierre"] == kept


def test_private_messages_and_typing_of_others_break_neither(server: ServerProcess) -> None:
    with both(server) as (anna, pierre), raw_client(server.ws) as carol:
        carol.send("join", username="Carol")
        carol.wait_for("Carol has joined the chat")
        carol.send("typing", isTyping=True)
        carol.send("typing", isTyping=False)
        carol.send("typing.start")
        carol.send("typing.stop")
        carol.send("private", to="Anna", content="for Anna")
        carol.send("private", to="pierre", content="for Pierre")
        anna.wait_for("Carol", "for Anna")
        pierre.wait_for("Carol", "for Pierre")
        carol.send("typing", isTyping=True)
        carol.send("message", content="for all")
        for client in (anna, pierre):
            client.wait_for("Carol", "for all")
            client.process.end_input()
        assert anna.shown_to_the_end() == [
            GREETING,
            *joined("Anna", "Pierre", "Carol"),
            Shown("Carol", "for Anna"),
            Shown("Carol", "for all"),
        ]
        # Whether Anna's leaving is told before Pierre leaves too is a matter of milliseconds.
        assert pierre.shown_to_the_end()[:5] == [
            GREETING,
            *joined("Pierre", "Carol"),
            Shown("Carol", "for Pierre"),
            Shown("Carol", "for all"),
        ]


def test_a_v1_client_shares_the_room_with_both(server: ServerProcess) -> None:
    with both(server) as (anna, pierre), raw_client(server.ws, v1=True) as vera:
        vera.send("hello", username="Vera", key="a-key-that-tests-made-up")
        vera.send("join", room="lobby", id="1")
        names = vera.wait_until(lambda frame: frame["type"] == "joined")["names"]
        assert sorted(names) == ["Anna", "Pierre", "Vera"]
        vera.send("message", room="lobby", content="from v1", id="2")
        for client in (anna, pierre):
            client.wait_for("System", "Vera has joined the chat")
            client.wait_for("Vera", "from v1")
        before = time.time()
        for client, name in ((anna, "Anna"), (pierre, "Pierre")):
            vera.send("private", to=name, content=f"psst, {name}", id=name)
            client.wait_for("Vera", f"psst, {name}")
            client.say("to v1")
            frame = vera.wait_for("to v1")
            assert frame["type"] == "message"
            assert frame["username"] == name
            assert isinstance(frame["timestamp"], int)
            assert before - 2 <= frame["timestamp"] / 1000 <= time.time() + 2
        vera.send("leave", room="lobby", id="3")
        for client in (anna, pierre):
            client.wait_for("System", "Vera has left the chat")
        assert Shown("Vera", "psst, Anna") not in pierre.shown
        assert Shown("Vera", "psst, Pierre") not in anna.shown


def test_names_with_accents_and_any_content_come_through(server: ServerProcess) -> None:
    contents = [
        "héhé, ça va? — “oui” 👋🏽 👩‍👩‍👧",
        "你好 سلام שלום \U00010348",
        '{"type":"leave"}',
        "<b>no markup</b> \\u0041 %s \\n",
    ]
    with (
        node_client(server.ws, "Zoé-Élodie") as zoe,
        python_client(server.ws, "Владимир") as vladimir,
    ):
        for client in (zoe, vladimir):
            client.process.wait_for(" has joined the chat")
        for content in contents:
            zoe.say(content)
            vladimir.wait_for("Zoé-Élodie", content)
            vladimir.say(content)
            zoe.wait_for("Владимир", content)
        said = [Shown(name, text) for text in contents for name in ("Zoé-Élodie", "Владимир")]
        for client in (zoe, vladimir):
            client.wait_for("Владимир", contents[-1])
            assert client.shown[-len(said) :] == said


@pytest.mark.parametrize("start", CLIENTS)
def test_a_name_that_cannot_be_is_refused_with_the_reason(
    server: ServerProcess, start: Start
) -> None:
    reasons = {
        "System": "the server's own",
        "🙂": "letters",
        "": "missing",
        "n" * 33: "32",
        "anna": "taken",
        "Αnna": "scripts",
    }
    with raw_client(server.ws) as holder:
        holder.send("join", username="Anna")
        holder.wait_for("Anna has joined the chat")
        for name, reason in reasons.items():
            with start(server.ws, name) as client:
                client.process.wait_until(lambda lines: len(lines) >= 2, "the reason")
                greeting, refusal = client.shown
                assert greeting == GREETING
                assert refusal.username == "System"
                assert reason in refusal.content
                client.process.end_input()
                client.wait_for_end()


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_both_end_cleanly_with_the_server_and_find_it_again_after(
    server: ServerProcess, end: str
) -> None:
    with both(server) as (anna, pierre):
        anna.say("before")
        pierre.wait_for("Anna", "before")
        if end == "stop":
            assert server.stop() == 0
        else:
            server.kill()
        for client in (anna, pierre):
            client.wait_for_end()
    server.start()
    with both(server) as (anna, pierre):
        pierre.say("after")
        anna.wait_for("Pierre", "after")
        assert anna.shown == [GREETING, *joined("Anna", "Pierre"), Shown("Pierre", "after")]


# The stand-ins are as naive as they should be, or the tests above would prove little.


@contextmanager
def answering(frame: dict[str, object]) -> Iterator[str]:
    """A server that says one frame to everyone, and its address."""

    def answer(connection: ServerConnection) -> None:
        connection.recv()
        connection.send(json.dumps(frame))

    with serve(answer, "127.0.0.1", 0) as stand_in:
        thread = threading.Thread(target=stand_in.serve_forever)
        thread.start()
        yield f"ws://127.0.0.1:{stand_in.socket.getsockname()[1]}"
        stand_in.shutdown()
        thread.join()


def test_the_client_on_python_dies_of_milliseconds() -> None:
    frame = {"username": "a", "content": "b", "timestamp": time.time() * 1000}
    with answering(frame) as url, python_client(url, "Pierre") as pierre:
        assert pierre.process.wait() != 0
        assert "Traceback" in pierre.process.errors
        assert "year" in pierre.process.errors


def test_the_client_on_node_shows_seconds_as_a_wrong_time() -> None:
    # Six hours after midnight in 1970 and some days, wherever now is in its own day.
    seconds = (int(time.time()) // 86_400) * 86_400 + 21_600
    wrong = seconds if abs(seconds / 1000 % 86_400 - time.time() % 86_400) > 60 else seconds // 2
    frame = {"username": "a", "content": "b", "timestamp": wrong}
    with answering(frame) as url, node_client(url, "Anna") as anna:
        assert anna.process.wait() == 0
        with pytest.raises(AssertionError, match="is no time between"):
            _ = anna.shown_to_the_end()


@pytest.mark.parametrize("start", CLIENTS)
def test_both_break_on_a_frame_without_what_they_show(start: Start) -> None:
    frame = {"type": "typing", "isTyping": True, "timestamp": time.time()}
    with answering(frame) as url, start(url, "Anna") as client:
        client.process.wait()
        assert "undefined" in "".join(client.process.lines) or "KeyError" in client.process.errors
