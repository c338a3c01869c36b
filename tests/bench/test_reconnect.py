import socket
from typing import Any

import pytest
from tests.bench.tiny_chat import TinyChat, text

from causerie.bench import reconnect
from causerie.bench.dialects import DIALECTS
from causerie.bench.generator import LoadFailed
from causerie.bench.reconnect import Reconnect
from causerie.bench.target import NOT_OURS, OwnServer, at_url, own_server


def run(load: Reconnect, target: Any, **more: Any) -> Any:
    return reconnect.run(load, target, DIALECTS["v1"], room=f"reconnect-{load.clients}", **more)


def assert_all_have_all(load: Reconnect, result: Any) -> None:
    figures = result.figures
    assert (figures["lost"], figures["doubled"], figures["misordered"]) == (0, 0, 0)
    assert result.remarks == ()
    assert len(result.latencies) == load.clients
    assert 0 < figures["p50_ms"] <= figures["max_ms"] < 10_000
    assert figures["caught_up_s"] == pytest.approx(figures["max_ms"] / 1e3)
    assert figures["joins_per_second"] * figures["caught_up_s"] >= load.clients
    assert 10 < figures["cpu_us_per_join"] < 100_000
    assert 0 < figures["server_busy"] < 2


@pytest.mark.real
@pytest.mark.slow
@pytest.mark.parametrize("processes", [1, 2])
def test_after_a_cut_all_are_given_what_they_have_missed(server: OwnServer, processes: int) -> None:
    told: list[float] = []
    load = Reconnect(clients=20 + processes, entries=150, behind=30)
    result = run(load, server, processes=processes, progress=told.append)
    assert_all_have_all(load, result)
    assert told == sorted(told)
    assert told[-1] == 1.0


@pytest.mark.real
@pytest.mark.slow
def test_more_processes_than_clients_are_not_needed(server: OwnServer) -> None:
    load = Reconnect(clients=1, entries=1, behind=1)
    assert_all_have_all(load, run(load, server, processes=3))


@pytest.mark.real
@pytest.mark.slow
def test_after_the_death_of_the_server_all_are_given_what_they_have_missed() -> None:
    load = Reconnect(clients=20, entries=0, behind=250, kill=True)
    with own_server() as server:
        pid = server.pid
        assert_all_have_all(load, run(load, server))
        assert server.pid != pid


def test_a_server_that_is_not_ours_is_not_killed(chat: TinyChat) -> None:
    with pytest.raises(LoadFailed, match=f"{NOT_OURS}, or --kill$"):
        run(Reconnect(kill=True), at_url(chat.url, None))
    assert not chat.connections


def test_the_plain_profile_is_refused(chat: TinyChat) -> None:
    with pytest.raises(LoadFailed, match="leave --plain out"):
        reconnect.run(Reconnect(), at_url(chat.url, None), DIALECTS["plain"], room="r")


class Careless(TinyChat):
    """Says again what was said, but not as it should."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[dict[str, Any]] = []
        self.answer = self.answer_carelessly

    def answer_carelessly(self, connection: socket.socket, command: dict[str, Any]) -> None:
        match command["type"]:
            case "hello":
                connection.sendall(text(type="welcome"))
            case "message":
                self.said.append(command)
                connection.sendall(text(type="ack", id=command["id"]))
            case "join":
                seq = len(self.said)
                head = {"seq": seq, "id": self.said[-1]["id"] if seq else ""}
                joined = {"type": "joined", "room": command["room"], "epoch": "e", "head": head}
                if "since" not in command:
                    connection.sendall(text(**joined))
                    return
                since = command["since"]["seq"]
                assert command["since"]["id"] == self.said[since - 1]["id"]
                assert command["epoch"] == "e"
                missed = self.give(self.said[since - 1], self.said[since:])
                entries = b"".join(text(**entry) for entry in missed)
                connection.sendall(text(**joined, recovered="partial") + entries)
            case other:
                raise AssertionError(other)

    def give(self, before: dict[str, Any], missed: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """One that was had before, one twice, two the wrong way round, and one not at all."""
        return [before, missed[0], missed[0], missed[2], missed[1], *missed[4:]]


@pytest.mark.slow
def test_what_a_server_does_wrong_is_counted() -> None:
    with Careless() as careless:
        load = Reconnect(clients=3, entries=2, behind=10)
        result = run(load, at_url(careless.url, None))
    figures = result.figures
    assert (figures["lost"], figures["doubled"], figures["misordered"]) == (3, 6, 3)
    assert result.remarks == ("3 clients were told that something is missing",)
    assert figures["caught_up_s"] > 0


@pytest.mark.slow
def test_who_is_never_given_the_last_has_never_caught_up(
    alone: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    # In this process: others do not know of a shorter patience.
    monkeypatch.setattr(reconnect, "GIVEN_UP", 0.2)
    with Careless() as careless:
        monkeypatch.setattr(careless, "give", lambda _, missed: missed[:-1])
        result = run(Reconnect(clients=3, entries=2, behind=10), at_url(careless.url, None))
    assert result.figures["lost"] == 3
    assert "caught_up_s" not in result.figures
    assert result.remarks[0] == "3 clients have never caught up"


def test_what_a_load_is_like_is_told() -> None:
    assert str(Reconnect()) == "1,000 clients, 100 behind of 1,000, a cut"
    assert str(Reconnect(kill=True)) == "1,000 clients, 100 behind of 1,000, kill -9"
