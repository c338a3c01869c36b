"""A network of namespaces carries what it should, loses what it should, and leaves nothing."""

import os
import subprocess
import sys
from collections.abc import Iterator
from functools import cache

import pytest
from tests.chaos import network as module
from tests.chaos.network import Network, sweep, why_not
from tests.support.line_process import LineProcess

LISTENER = """
import socket, sys
server = socket.create_server((sys.argv[1], 7000))
print("listens", flush=True)
while True:
    server.accept()[0].sendall(b"here")
"""

CALLER = """
import socket, sys
with socket.create_connection((sys.argv[1], 7000), timeout=0.3) as connection:
    assert connection.recv(4) == b"here"
"""


@cache
def reason() -> str:
    """Why there can be none here; empty if there can."""
    return why_not() or ""


@pytest.fixture
def network() -> Iterator[Network]:
    """Two machines."""
    if reason():
        pytest.skip(reason())
    with Network(2) as network:
        yield network


def answers(address: str, launcher: tuple[str, ...] = ()) -> bool:
    """Whether somebody answers at an address, from here or from a machine."""
    command = [*launcher, sys.executable, "-c", CALLER, address]
    return subprocess.run(command, check=False, stderr=subprocess.DEVNULL).returncode == 0


def listening(network: Network, machine: int, address: str) -> LineProcess:
    """Somebody listens on a machine."""
    command = [*network.launcher(machine), sys.executable, "-c", LISTENER, address]
    listener = LineProcess(command)
    listener.wait_for("listens")
    return listener


@pytest.mark.slow
def test_a_machine_is_reached_by_us_on_the_front_until_the_wire_is_pulled_and_again_later(
    network: Network,
) -> None:
    address = network.address(1, "front")
    with listening(network, 1, address):
        assert answers(address)
        network.pull(1, "front")
        assert not answers(address)
        network.plug(1, "front")
        assert answers(address)


@pytest.mark.slow
def test_a_machine_that_is_cut_off_on_the_back_is_reached_by_itself_alone(network: Network) -> None:
    address = network.address(1, "back")
    with listening(network, 1, address):
        assert answers(address, network.launcher(0))
        assert not answers(address), "it is no way for us"
        network.pull(1, "back")
        assert not answers(address, network.launcher(0))
        assert answers(address, network.launcher(1))
        network.plug(1, "back")
        assert answers(address, network.launcher(0))


@pytest.mark.slow
def test_nothing_is_left_of_a_network_whatever_ends_it(network: Network) -> None:
    network.close()
    assert os.getpid() not in map(module._owner, module._namespaces())
    links = subprocess.run(["ip", "link"], check=True, capture_output=True, text=True).stdout
    assert network._uplink not in links


@pytest.mark.slow
def test_what_a_killed_run_has_left_is_swept_away(monkeypatch: pytest.MonkeyPatch) -> None:
    if reason():
        pytest.skip(reason())
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    with monkeypatch.context() as patch:
        patch.setattr(os, "getpid", lambda: ended.pid)
        left = Network(1)
        left.__enter__()
        names = {name for name in module._namespaces() if module._owner(name) == ended.pid}
    assert len(names) == 2
    sweep()
    assert not names & set(module._namespaces())


def test_without_root_there_is_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert why_not() == "network namespaces need root"
