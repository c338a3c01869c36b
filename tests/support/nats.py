"""Real NATS servers with JetStream: one, or a cluster of three that can be hurt.

A test module that wants the fixtures imports them: `from tests.support.nats import nats_server`.
"""

import json
import os
import signal
import time
import urllib.request
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, NamedTuple, Self

import pytest
from tests.support.line_process import PATIENCE, WaitFailed
from tests.support.server_process import _free_port

from causerie.adapters.nats_server import HOST, Membership, NatsServer

SIZE: Final = 3
"""Servers of a cluster: as many as can lose one."""

POLLED_EVERY: Final = 0.02
"""Seconds after which to ask again what nobody tells by itself."""


_View = Callable[[int], dict[str, Any]]
"""What the server of a number knows of a group of servers: its leader, and who follows it."""


def wait_until(holds: Callable[[], bool], what: str, within: float = PATIENCE) -> None:
    """Waits until something holds that can only be asked for; blocks.

    Raises:
        WaitFailed: it did not within so many seconds.
    """
    until = time.monotonic() + within
    while not holds():
        if time.monotonic() >= until:
            raise WaitFailed(f"{what} did not come within {within:g} s")
        time.sleep(POLLED_EVERY)


def stand_still(pid: int) -> None:
    """Has a process that this one has started stand still (SIGSTOP), and waits until it does: that
    it was told does not stop at once what runs on another core.
    """
    os.kill(pid, signal.SIGSTOP)
    os.waitid(os.P_PID, pid, os.WSTOPPED | os.WNOWAIT)


class Quarters(NamedTuple):
    """Where a server of a cluster lives."""

    host: str = HOST
    """Where it listens for clients and for the others."""

    watched_at: str = HOST
    """The address at which it tells about itself, to these tests."""

    launcher: tuple[str, ...] = ()
    """What its command is started with; see `NatsServer`."""


class NatsCluster:
    """Three NATS servers with JetStream on free ports, which they keep. They go by number from 0.

    `with NatsCluster(tmp_path) as cluster:` starts them and waits for their leader; in the end none
    is left, whatever was done to them. Its methods block the thread that calls them.
    """

    def __init__(self, folder: Path, quarters: Sequence[Quarters] = (Quarters(),) * SIZE) -> None:
        """Does not start them yet."""
        route_ports = _free_ports(SIZE)
        routes = [f"{place.host}:{port}" for place, port in zip(quarters, route_ports, strict=True)]
        watch_ports = _free_ports(SIZE, but=route_ports)
        ports = _free_ports(SIZE, but=[*route_ports, *watch_ports])
        self._watched_at = [
            f"{place.watched_at}:{port}" for place, port in zip(quarters, watch_ports, strict=True)
        ]
        self.servers = [
            NatsServer(
                folder / f"nats-{number}",
                host=place.host,
                port=ports[number],
                name=f"nats-{number}",
                membership=Membership("causerie", route_ports[number], routes),
                monitoring=self._watched_at[number],
                launcher=place.launcher,
            )
            for number, place in enumerate(quarters)
        ]
        self._paused = set[int]()

    def __enter__(self) -> Self:
        try:
            for server in self.servers:
                server.start()
            for server in self.servers:
                server.wait_ready()
            self.wait_for_leader()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Kills those that still run: what they have stored is of no use to anybody."""
        for server in self.servers:
            server.kill()
        self._paused.clear()

    @property
    def urls(self) -> list[str]:
        """Where clients connect to each."""
        return [server.url for server in self.servers]

    def kill(self, number: int) -> None:
        """Ends one as a crash does (SIGKILL)."""
        self.servers[number].kill()
        self._paused.discard(number)

    def pause(self, number: int) -> None:
        """Has one stand still (SIGSTOP), as a machine does that swaps: connections stay open."""
        stand_still(self.servers[number].pid)
        self._paused.add(number)

    def resume(self, number: int) -> None:
        """Has one that was paused go on (SIGCONT)."""
        os.kill(self.servers[number].pid, signal.SIGCONT)
        self._paused.discard(number)

    def restart(self, number: int) -> None:
        """Starts one again on its port and store, and waits until it can be reached; what still
        runs is killed.
        """
        self.kill(number)
        self.servers[number].start()
        self.servers[number].wait_ready()

    def wait_for_leader(self, within: float = PATIENCE) -> int:
        """Waits until all that run agree on one of them as the meta leader, which places streams,
        and all follow it; returns its number.

        Raises:
            WaitFailed: they did not within so many seconds.
        """
        return self._wait_for_leader(self._meta, "a meta leader", within)

    def wait_for_stream(self, name: str, within: float = PATIENCE) -> int:
        """Waits until all that run agree on one of them as the leader of a stream, and all follow
        it; returns its number. The stream must have a replica on each. Until then what is asked
        of the stream may fail.

        Raises:
            WaitFailed: they did not within so many seconds.
        """
        return self._wait_for_leader(
            lambda number: self._stream(number, name), f"a leader of the stream {name}", within
        )

    def _wait_for_leader(self, view: _View, what: str, within: float) -> int:
        leaders = list[int]()

        def is_led() -> bool:
            leaders.extend(self._leaders(view))
            return bool(leaders)

        wait_until(is_led, what, within)
        return leaders[0]

    def _leaders(self, view: _View) -> Iterator[int]:
        """Yields the leader of a group, if all that run see it alike, and all others follow it."""
        running = {
            server.name: number
            for number, server in enumerate(self.servers)
            if server.is_running and number not in self._paused
        }
        views = {name: view(number) for name, number in running.items()}
        for name, number in running.items():
            if all(seen.get("leader") == name for seen in views.values()):
                replicas = views[name].get("replicas", [])
                followers = {replica["name"] for replica in replicas if replica["current"]}
                if running.keys() - {name} <= followers:
                    yield number

    def _meta(self, number: int) -> dict[str, Any]:
        """What a server knows of the group that leads JetStream; nothing while it cannot tell."""
        meta: dict[str, Any] = self._jetstream(number).get("meta_cluster", {})
        return meta

    def _stream(self, number: int, name: str) -> dict[str, Any]:
        """What a server knows of the group that keeps a stream."""
        for account in self._jetstream(number).get("account_details", []):
            for stream in account.get("stream_detail", []):
                if stream["name"] == name:
                    group: dict[str, Any] = stream.get("cluster", {})
                    return group
        return {}

    def _jetstream(self, number: int) -> dict[str, Any]:
        url = f"http://{self._watched_at[number]}/jsz?streams=true"
        with suppress(OSError), urllib.request.urlopen(url, timeout=PATIENCE) as answer:
            told: dict[str, Any] = json.load(answer)
            return told
        return {}


@pytest.fixture(scope="session")
def nats_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsServer]:
    """A NATS server for all tests of this process: streams of a test need names of their own."""
    with NatsServer(tmp_path_factory.mktemp("nats")) as server:
        yield server


@pytest.fixture
def nats_cluster(tmp_path: Path) -> Iterator[NatsCluster]:
    """A cluster of three for one test, to do with as it likes."""
    with NatsCluster(tmp_path) as cluster:
        yield cluster


def _free_ports(count: int, but: Iterable[int] = ()) -> list[int]:
    """So many ports that nobody listens on now, others than those."""
    taken = set(but)
    found = list[int]()
    while len(found) < count:
        port = _free_port(HOST)
        if port not in taken:
            taken.add(port)
            found.append(port)
    return found
