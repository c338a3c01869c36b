"""Real NATS servers with JetStream: one, or a cluster of three that can be hurt.

A test module that wants the fixtures imports them: `from tests.support.nats import nats_server`.
"""

import json
import os
import signal
import time
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, Self

import pytest
from tests.support.line_process import PATIENCE, WaitFailed
from tests.support.server_process import _free_port

from causerie.adapters.nats_server import HOST, Membership, NatsServer

SIZE: Final = 3
"""Servers of a cluster: as many as can lose one."""

POLLED_EVERY: Final = 0.02
"""Seconds after which to ask again what nobody tells by itself."""


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


class NatsCluster:
    """Three NATS servers with JetStream on free ports, which they keep. They go by number from 0.

    `with NatsCluster(tmp_path) as cluster:` starts them and waits for their leader; in the end none
    is left, whatever was done to them. Its methods block the thread that calls them.
    """

    def __init__(self, folder: Path) -> None:
        """Does not start them yet."""
        routes = _free_ports(SIZE)
        self._monitoring_ports = _free_ports(SIZE, but=routes)
        ports = _free_ports(SIZE, but=[*routes, *self._monitoring_ports])
        self.servers = [
            NatsServer(
                folder / f"nats-{number}",
                port=ports[number],
                name=f"nats-{number}",
                membership=Membership("causerie", routes[number], routes),
                monitoring_port=self._monitoring_ports[number],
            )
            for number in range(SIZE)
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
        os.kill(self.servers[number].pid, signal.SIGSTOP)
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
        and it has heard of as many servers as run; returns its number.

        Raises:
            WaitFailed: they did not within so many seconds.
        """
        leader: int | None = None

        def is_led() -> bool:
            nonlocal leader
            leader = self._leader()
            return leader is not None

        wait_until(is_led, "a meta leader", within)
        assert leader is not None, "is_led has found it"
        return leader

    def _leader(self) -> int | None:
        running = [
            number
            for number, server in enumerate(self.servers)
            if server.is_running and number not in self._paused
        ]
        views = {number: self._meta(number) for number in running}
        for number in running:
            name = self.servers[number].name
            if any(view.get("leader") != name for view in views.values()):
                continue
            others = [peer for peer in views[number].get("replicas", []) if peer["current"]]
            if len(others) >= len(running) - 1:
                return number
        return None

    def _meta(self, number: int) -> dict[str, Any]:
        """What a server says about the group that leads JetStream; nothing while it cannot."""
        url = f"http://{HOST}:{self._monitoring_ports[number]}/jsz"
        with suppress(OSError), urllib.request.urlopen(url, timeout=PATIENCE) as answer:
            meta: dict[str, Any] = json.load(answer).get("meta_cluster", {})
            return meta
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
