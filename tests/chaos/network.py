"""A network of machines on one machine: network namespaces, joined by veth pairs and bridges.

Each machine has two wires. The front is where clients reach it; this process has an address there,
too. On the back only machines reach one another. What plugs the wires together are two bridges in a
namespace of their own, so that the firewall of the machine that we run on has no say in it. No
namespace has a route to the world.

A wire is pulled at the bridge: neither end is told, as when a switch between them fails. Packets
are lost in silence until it is plugged in again.
"""

import ipaddress
import json
import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from typing import Literal, Self

Wire = Literal["front", "back"]

_PREFIX = "chaos"
_NAME = re.compile(rf"{_PREFIX}(\d+)-\w+")

_BENCHMARKS = ipaddress.ip_network("198.18.0.0/15")
"""Addresses that are nobody's (RFC 2544): the lower half is for fronts, the upper for backs."""


def why_not() -> str | None:
    """Why no network can be made here; None if one can."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        return "network namespaces need root"
    name = _name("probe")
    try:
        _ip("netns", "add", name)
    except FileNotFoundError:
        return "there is no ip (of iproute2)"
    except subprocess.CalledProcessError as error:
        return f"no network namespace can be made: {error.stderr.strip()}"
    _ip("netns", "delete", name)
    return None


class Network:
    """Machines by number from 0. A context manager, after which nothing of it is left.

    What ended without that (`kill -9` of the tests) is swept away by the next one.
    """

    def __init__(self, machines: int) -> None:
        """Makes nothing yet."""
        self._machines = machines
        self._subnet = 0

    def __enter__(self) -> Self:
        sweep()
        try:
            self._build()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Takes it all down; nothing may run in it any more."""
        for name in _namespaces():
            if _owner(name) == os.getpid():
                _ip("netns", "delete", name)
        # Its other end went with the switch, but the kernel takes its time.
        with suppress(subprocess.CalledProcessError):
            _ip("link", "delete", self._uplink)

    def address(self, machine: int, wire: Wire) -> str:
        """A machine's address on a wire."""
        return self._address(machine + 2, wire)

    def launcher(self, machine: int) -> tuple[str, ...]:
        """What makes a command run on a machine; it becomes the command (exec)."""
        return ("ip", "netns", "exec", _name(str(machine)))

    def pull(self, machine: int, wire: Wire) -> None:
        """Pulls a machine's wire out of the bridge."""
        self._in_switch("link", "set", f"{wire}{machine}", "nomaster")

    def plug(self, machine: int, wire: Wire) -> None:
        """Plugs it in again."""
        self._in_switch("link", "set", f"{wire}{machine}", "master", wire)

    @property
    def _uplink(self) -> str:
        """Our own end of the front; 15 characters are the most that an interface may be called."""
        return f"{_PREFIX}{os.getpid()}"

    def _build(self) -> None:
        self._subnet = _free_subnet()
        switch = _name("switch")
        _ip("netns", "add", switch)
        for wire in ("front", "back"):
            # A bridge that learns addresses with no delay before it forwards: no spanning tree.
            self._in_switch("link", "add", wire, "type", "bridge", "forward_delay", "0")
            self._in_switch("link", "set", wire, "up")
        _ip("link", "add", self._uplink, "type", "veth", "peer", "name", "uplink", "netns", switch)
        self._in_switch("link", "set", "uplink", "master", "front", "up")
        _ip("address", "add", f"{self._address(1, 'front')}/24", "dev", self._uplink)
        _ip("link", "set", self._uplink, "up")
        for machine in range(self._machines):
            self._add_machine(machine)

    def _add_machine(self, machine: int) -> None:
        name = _name(str(machine))
        _ip("netns", "add", name)
        _ip("-netns", name, "link", "set", "lo", "up")
        wires: tuple[Wire, ...] = ("front", "back")
        for wire in wires:
            port = f"{wire}{machine}"
            ends = ("link", "add", port, "type", "veth", "peer", "name", wire, "netns", name)
            self._in_switch(*ends)
            self._in_switch("link", "set", port, "master", wire, "up")
            address = f"{self.address(machine, wire)}/24"
            _ip("-netns", name, "address", "add", address, "dev", wire)
            _ip("-netns", name, "link", "set", wire, "up")

    def _address(self, host: int, wire: Wire) -> str:
        half = 0 if wire == "front" else 256
        return str(_BENCHMARKS[(half + self._subnet) * 256 + host])

    def _in_switch(self, *arguments: str) -> None:
        _ip("-netns", _name("switch"), *arguments)


def sweep() -> None:
    """Takes down what runs of these tests have left that were killed."""
    for name in _namespaces():
        try:
            os.kill(_owner(name), 0)
        except ProcessLookupError:
            for pid in _ip("netns", "pids", name).split():
                with suppress(ProcessLookupError):
                    os.kill(int(pid), 9)
            _ip("netns", "delete", name)


def _free_subnet() -> int:
    """A /24 of the front's half in which this machine has no address."""
    shown = json.loads(_ip("-json", "-4", "address", "show"))
    ours = {
        ipaddress.ip_address(address["local"]) for link in shown for address in link["addr_info"]
    }
    for number in range(256):
        subnet = ipaddress.ip_network((int(_BENCHMARKS[number * 256]), 24))
        if not any(address in subnet for address in ours):
            return number
    raise AssertionError("256 of these networks are there already")


def _namespaces() -> Iterator[str]:
    """Yields the namespaces that these tests, or others like them, have made."""
    for line in _ip("netns", "list").splitlines():
        name = line.split()[0]
        if _NAME.fullmatch(name):
            yield name


def _owner(name: str) -> int:
    found = _NAME.fullmatch(name)
    assert found is not None, "such are all that we look at"
    return int(found[1])


def _name(part: str) -> str:
    return f"{_PREFIX}{os.getpid()}-{part}"


def _ip(*arguments: str) -> str:
    """Has `ip` do something.

    Raises:
        subprocess.CalledProcessError: it could not.
    """
    command = ("ip", *arguments)
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    try:
        done.check_returncode()
    except subprocess.CalledProcessError as error:
        error.add_note(done.stderr)
        raise
    return done.stdout
