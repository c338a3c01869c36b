import contextlib
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from tests.bench.tiny_chat import TinyChat
from tests.support.server_process import ServerProcess

from causerie.bench import fanout
from causerie.bench.generator import ServerFailed
from causerie.bench.target import OwnServer
from causerie.cli import main

pytestmark = [pytest.mark.real, pytest.mark.slow]

WITHIN = 20.0
"""Seconds until a wait fails."""

SMALL = ["--members", "5", "--senders", "2", "--in-flight", "4", "--seconds", "0.2"]
LOADS = [
    *("fanout", "connections", "reconnect", "failover", "rooms", "history", "stalled", "mixed"),
]

LIMITED = {
    "fanout": ["--members", "5", "--senders", "2", "--seconds", "1"],
    "rooms": ["--rooms", "2", "--seconds", "1"],
}
"""Loads that say more than a person may."""

LONG = ["--members", "5", "--senders", "2", "--seconds", "100"]


def bench(*arguments: str) -> int:
    try:
        return main(["bench", *arguments])
    finally:
        assert not multiprocessing.active_children()


def sentence(capsys: pytest.CaptureFixture[str]) -> str:
    """The one sentence that was said, and nothing else was."""
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("causerie: ")
    assert captured.err.endswith(".\n")
    assert captured.err.count("\n") == 1
    return captured.err


def session(leader: int) -> list[int]:
    """The processes that somebody has started, and theirs, that have not ended."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = stat.read_text().rpartition(")")[2].split()
            if int(fields[3]) == leader and fields[0] != "Z":
                found.append(int(stat.parent.name))
    return found


def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + WITHIN
    while not holds():
        assert time.monotonic() < end, "waited in vain"


def start(arguments: Sequence[str]) -> "subprocess.Popen[bytes]":
    """In a session of its own, as from a terminal."""
    return subprocess.Popen(
        [sys.executable, "-m", "causerie", "bench", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


def test_a_server_of_our_own_is_measured_and_shown_as_a_table(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert bench("fanout", *SMALL) == 0
    captured = capsys.readouterr()
    assert "5 members, 4 in flight" in captured.out
    assert "CPU µs a delivery" in captured.out
    assert captured.err == ""


@pytest.mark.parametrize("profile", [[], ["--plain"]])
@pytest.mark.parametrize("load", ["fanout", "rooms"])
def test_what_a_server_allows_a_person_ends_the_load_at_once_and_is_told_of(
    load: str, profile: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with ServerProcess(tmp_path, "--rate-limit", "5") as server:
        url = server.url.replace("http", "ws")
        assert bench(load, *LIMITED[load], "--url", url, *profile) == 1
    said = sentence(capsys)
    assert "Too many commands" in said
    assert "--rate-limit 0" in said


def test_what_is_shown_is_not_lost_where_a_sign_cannot_be_written() -> None:
    shown = subprocess.run(
        [sys.executable, "-m", "causerie", "bench", "fanout", *SMALL],
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        check=True,
    )
    assert b"CPU ?s a delivery" in shown.stdout


@pytest.mark.parametrize("option", ["--rate", "--seconds"])
def test_what_has_no_end_is_refused(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert bench("fanout", option, "inf") != 0
    assert option in capsys.readouterr().err


def test_a_server_that_runs_is_measured_and_shown_as_json(
    server: OwnServer, capsys: pytest.CaptureFixture[str]
) -> None:
    url = f"ws://127.0.0.1:{server.address[1]}"
    options = ["--url", url, "--plain", "--processes", "2", "--json"]
    assert bench("fanout", *SMALL, *options) == 0
    (result,) = json.loads(capsys.readouterr().out)
    assert result["server"] == url
    assert result["figures"]["cpu_us_per_delivery"] > 0


def test_connections_are_measured(server: OwnServer, capsys: pytest.CaptureFixture[str]) -> None:
    url = f"ws://127.0.0.1:{server.address[1]}"
    options = ["--count", "20", "--rooms", "2", "--rate", "200", "--seconds", "0"]
    assert bench("connections", *options, "--url", url, "--json") == 0
    (result,) = json.loads(capsys.readouterr().out)
    assert result["load"] == "connections: 20 connections in 2 rooms, 200 joins/s"


def test_reconnecting_is_measured(capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--clients", "10", "--entries", "5", "--behind", "20", "--kill"]
    assert bench("reconnect", *options) == 0
    out = capsys.readouterr().out
    assert "10 clients, 20 behind of 5, kill -9" in out
    assert "caught up s" in out


@pytest.mark.parametrize(
    ("arguments", "load"),
    [
        (["rooms", "--rooms", "3", "--seconds", "0.2"], "rooms: 3 rooms of 2, 1 in flight in each"),
        (["history", "--entries", "30", "--pages", "2"], "30 entries: before"),
        (
            ["stalled", "--stalled", "3", "--members", "2", "--seconds", "0.2"],
            "stalled: 2 members, 100 messages/s, alone",
        ),
        (
            ["mixed", "--members", "10", "--rate", "50", "--seconds", "0.3"],
            "mixed: 10 members for 0 s",
        ),
    ],
)
def test_what_a_load_is_told_is_measured(
    arguments: list[str], load: str, server: OwnServer, capsys: pytest.CaptureFixture[str]
) -> None:
    url = f"ws://127.0.0.1:{server.address[1]}"
    assert bench(*arguments, "--url", url, "--json") == 0
    assert json.loads(capsys.readouterr().out)[0]["load"] == load


@pytest.mark.parametrize("command", [[], *([load] for load in LOADS)])
def test_help_is_there_for_every_load(
    command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert bench(*command, "--help") == 0
    assert capsys.readouterr().out.startswith("Usage: causerie bench")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--url", "wss://localhost"], "only ws:// can be measured"),
        (
            ["--url", "ws://127.0.0.1:1"],
            "nobody answers on 127.0.0.1:1 (Connection refused): see that the server runs",
        ),
        (["--members", "1000000"], "1,000,000 connections are more than the limit on open files"),
        (["--pid", "1"], "--pid is for a server that runs already: tell where with --url"),
        (
            ["--size", "4001"],
            "--size 4,001 is more than the 4,000 bytes of content",
        ),
        (["--members", "2", "--rate", "0.1", "--seconds", "0.1"], "nothing was said"),
    ],
)
def test_what_goes_wrong_is_one_sentence(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert bench("fanout", *arguments) == 1
    assert said in sentence(capsys)


@pytest.mark.parametrize("load", [load for load in LOADS if load != "connections"])
def test_a_size_that_is_too_large_is_refused_before_anybody_connects(
    load: str, server: OwnServer, capsys: pytest.CaptureFixture[str]
) -> None:
    url = f"ws://127.0.0.1:{server.address[1]}"
    assert bench(load, "--size", "5000", "--url", url) == 1
    assert "--size 5,000 is more than" in sentence(capsys)


def test_who_wants_a_server_killed_that_is_not_ours_is_told_what_to_leave_out(
    server: OwnServer, capsys: pytest.CaptureFixture[str]
) -> None:
    url = f"ws://127.0.0.1:{server.address[1]}"
    assert bench("reconnect", "--kill", "--url", url) == 1
    assert "leave out --url, and it starts one, or --kill" in sentence(capsys)


def test_a_server_that_dies_in_the_middle_is_one_sentence(
    chat: TinyChat, capsys: pytest.CaptureFixture[str]
) -> None:
    chat.dies_after = 20
    assert bench("fanout", *LONG, "--url", chat.url) == 1
    assert "closed the connection of m" in sentence(capsys)


def test_when_a_server_of_our_own_fails_its_last_words_are_told(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def kill(_load: object, target: OwnServer, *_: object, **__: object) -> None:
        assert target.pid is not None
        os.kill(target.pid, signal.SIGKILL)
        raise ServerFailed("the server has gone")

    monkeypatch.setattr(fanout, "run", kill)
    assert bench("fanout") == 1
    assert sentence(capsys) == "causerie: the server has gone: its log says nothing.\n"


def test_elsewhere_than_on_linux_it_says_what_it_needs(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert bench("fanout") == 1
    assert sentence(capsys) == "causerie: causerie bench needs Linux, for its epoll and /proc.\n"


def test_ctrl_c_while_it_starts_leaves_nothing_behind() -> None:
    process = start(["fanout", *LONG])
    # Itself, the server, multiprocessing's tracker, and the generator.
    until(lambda: len(session(process.pid)) == 4)
    os.killpg(process.pid, signal.SIGINT)
    out, errors = process.communicate(timeout=WITHIN)
    assert (process.returncode, out, errors) == (130, b"", b"")
    until(lambda: not session(process.pid))


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_its_end_in_the_middle_leaves_nothing_behind(
    chat: TinyChat, number: signal.Signals, code: int
) -> None:
    process = start(["fanout", *LONG, "--url", chat.url])
    chat.wait_until(lambda: len(chat.commands) > 30)
    # A terminal tells all of its programs; other signals come to one.
    (os.killpg if number == signal.SIGINT else os.kill)(process.pid, number)
    out, errors = process.communicate(timeout=WITHIN)
    assert (process.returncode, out, errors) == (code, b"", b"")
    until(lambda: not session(process.pid))
