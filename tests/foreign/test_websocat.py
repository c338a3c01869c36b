"""`websocat`, with which the protocol can be typed, works with a real server as it is."""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from tests.foreign.clients import raw_client, websocat
from tests.support.line_process import LineProcess
from tests.support.server_process import ServerProcess

pytestmark = [pytest.mark.real, pytest.mark.slow]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path_factory.mktemp("data"), measured=False) as server:
        yield server


def frame_with(process: LineProcess, text: str) -> dict[str, Any]:
    frame: dict[str, Any] = json.loads(process.wait_for(text))
    return frame


@pytest.mark.parametrize("path", ["", "/", "/ws", "/chat"])
def test_it_joins_sends_and_sees_the_echo_of_the_room_on_every_path(
    server: ServerProcess, path: str
) -> None:
    with websocat(server.ws + path) as alice:
        alice.say('{"type":"join","username":"Alice","content":"","timestamp":0}')
        greeting = frame_with(alice, "Welcome! Please identify yourself.")
        assert greeting == {
            "type": "message",
            "username": "System",
            "content": "Welcome! Please identify yourself.",
            "timestamp": 0,
        }
        frame_with(alice, "Alice has joined the chat")
        before = time.time()
        alice.say('{"type":"message","content":"hi"}')
        echo = frame_with(alice, '"hi"')
        assert (echo["type"], echo["username"], echo["room"]) == ("message", "Alice", "lobby")
        # Who teaches no unit is told milliseconds.
        assert before - 2 <= echo["timestamp"] / 1000 <= time.time() + 2
        alice.end_input()
        assert alice.wait() == 0
        assert alice.errors == ""


def test_who_says_nothing_is_greeted_after_a_second_with_a_time_that_breaks_nobody(
    server: ServerProcess,
) -> None:
    with websocat(server.ws) as silent:
        assert frame_with(silent, "Welcome!")["timestamp"] == 0


def test_one_line_of_somebody_unnamed_is_from_anonymous(server: ServerProcess) -> None:
    with websocat(server.ws) as passer_by:
        passer_by.say('{"type":"message","content":"who am I?"}')
        assert frame_with(passer_by, "who am I?")["username"] == "Anonymous"


def test_a_line_that_is_no_frame_is_answered_by_system(server: ServerProcess) -> None:
    with websocat(server.ws) as alice:
        alice.say("hello?")
        frame_with(alice, "Welcome!")
        error = json.loads(alice.wait_until(lambda lines: len(lines) >= 2, "an error")[1])
        assert (error["type"], error["username"]) == ("message", "System")


def test_what_is_piped_in_is_said_though_nobody_waits_for_it(server: ServerProcess) -> None:
    with raw_client(server.ws) as reader:
        reader.send("join", username="Reader")
        reader.wait_for("Reader has joined the chat")
        for n in range(10):
            with websocat(server.ws) as bot:
                bot.say(f'{{"type":"join","username":"Bot{n}"}}')
                bot.say(f'{{"type":"message","content":"build {n} is done"}}')
                bot.end_input()
                assert bot.wait() == 0
            with websocat(server.ws) as unnamed:
                unnamed.say(f'{{"type":"message","content":"{n} passes by"}}')
                unnamed.end_input()
                assert unnamed.wait() == 0
            assert reader.wait_for(f"build {n} is done")["username"] == f"Bot{n}"
            assert reader.wait_for(f"{n} passes by")["username"] == "Anonymous"


@pytest.mark.parametrize("path", ["/", "/ws", "/chat"])
def test_it_speaks_v1_when_told_to(server: ServerProcess, path: str) -> None:
    with websocat(server.ws + path, "--protocol", "causerie.v1") as vera:
        vera.say('{"type":"hello","id":"1","username":"Vera"}')
        assert frame_with(vera, '"welcome"')["username"] == "Vera"
        vera.say('{"type":"join","id":"2","room":"lobby"}')
        assert frame_with(vera, '"joined"')["names"] == ["Vera"]
        vera.say('{"type":"message","id":"3","room":"lobby","content":"hi"}')
        ack, echo = frame_with(vera, '"ack"'), frame_with(vera, '"content":"hi"')
        assert (ack["id"], ack["seq"]) == (echo["id"], echo["seq"])
        assert isinstance(echo["timestamp"], int)
        # Of v1 a goodbye is the code 1000, which websocat does not send.
        vera.say('{"type":"leave","id":"4","room":"lobby"}')
        frame_with(vera, '"left"')
        vera.end_input()
        assert vera.wait() == 0
        assert vera.errors == ""
