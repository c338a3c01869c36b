"""The server that is measured: where it is, what it uses, and how it is started and killed."""

import contextlib
import os
import re
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from causerie.bench import health
from causerie.bench.generator import LoadFailed
from causerie.bench.health import Census
from causerie.bench.phases import Phase
from causerie.bench.signals import interrupts_held
from causerie.client.address import PORTS, websocket_url

STARTS_WITHIN: Final = 30.0
"""Seconds."""

ENDS_WITHIN: Final = 10.0
"""Seconds."""

NOT_OURS: Final = (
    "only a server that causerie bench has started can be killed by it: leave out --url, and it "
    "starts one"
)

PATHS: Final = frozenset({"/", "/ws", "/chat"})
"""Where the protocol is spoken."""

_LISTENING: Final = re.compile(rb"http://\S+:(\d+)")


_WHOLE_PROCESS: Final = 2
"""CPUCLOCK_SCHED of Linux, of which clock_getcpuclockid(3) makes the clock of a process."""


class Use(NamedTuple):
    """What a server has used by a moment. NaN where the system does not tell."""

    at: float
    """Seconds of the monotonic clock."""
    cpu: float
    """Seconds of processor time, user and system, all threads and child processes."""
    rss: float
    """Bytes resident."""


class Target:
    """A server, wherever it came from. `pid` None: it cannot be looked at."""

    def __init__(self, name: str, address: tuple[str, int], pid: int | None) -> None:
        self.name = name
        self.address = address
        self.pid = pid
        self.at_begin: Callable[[], object] = _nothing
        """Called when the part of a load begins that is measured."""
        self.at_end: Callable[[], object] = _nothing
        """Called when that ends, and all that it has caused."""
        self.at_phase: Callable[[Phase], object] = _nothing
        """Called with what the load does from then on."""
        self._held_ms = 0.0

    def census(self) -> Census | None:
        """How many connections, sessions, rooms and tasks it has, if it tells."""
        return self._health().census

    def take_held(self) -> float | None:
        """The longest since this was called last that its loop did one thing and nothing else, in
        ms, if it tells.
        """
        is_told = self._health().loop_held_ms is not None
        held, self._held_ms = self._held_ms, 0.0
        return held if is_told else None

    def _health(self) -> health.Health:
        # It tells the longest since it was asked last, whatever it was asked for.
        told = health.ask(self.address)
        self._held_ms = max(self._held_ms, told.loop_held_ms or 0.0)
        return told

    def use(self) -> Use:
        """What it has used by now."""
        if self.pid is None or not Path("/proc/self/stat").exists():
            return Use(time.monotonic(), float("nan"), float("nan"))
        family = _family(self.pid)
        return Use(time.monotonic(), sum(map(_cpu, family)), float(sum(map(_rss, family))))

    def restart(self) -> float:
        """Kills it, and starts it again on the same port and data.

        Returns:
            When the port was open again, in seconds of the monotonic clock.

        Raises:
            LoadFailed: It is not ours to kill.
        """
        raise LoadFailed(NOT_OURS)

    def last_words(self) -> str:
        """What may tell why it failed."""
        return "see its log"


class OwnServer(Target):
    """`causerie serve` on a free port of the loopback, with everything stored and synced."""

    def __init__(self, folder: Path, options: Sequence[str]) -> None:
        self._command = (
            *(sys.executable, "-m", "causerie", "serve", "--host", "127.0.0.1"),
            *("--data", str(folder), "--log-level", "warning"),
            *("--rate-limit", "0", "--names-per-address", "0", *options),
        )
        self._log = folder.with_suffix(".log")
        # Only what is said here has a say in what is measured.
        self._environment = {
            name: value for name, value in os.environ.items() if not name.startswith("CAUSERIE_")
        }
        self._environment["CAUSERIE_CONFIG"] = os.devnull
        super().__init__("causerie", ("127.0.0.1", 0), None)
        self.started_in = 0.0
        """Seconds that its last start took, from the beginning of its process to the open port."""
        self._start()

    def _start(self) -> None:
        begun = time.monotonic()
        with self._log.open("ab") as log, interrupts_held():
            self._process = subprocess.Popen(  # noqa: S603 (our own program)
                [*self._command, "--port", str(self.address[1])],
                stdout=subprocess.PIPE,
                stderr=log,
                env=self._environment,
            )
        self.pid = self._process.pid
        assert self._process.stdout is not None, "it was asked for"
        until = time.monotonic() + STARTS_WITHIN
        said = b""
        while not (found := _LISTENING.search(said)):
            left = max(0.0, until - time.monotonic())
            ready, _, _ = select.select([self._process.stdout], [], [], left)
            more = os.read(self._process.stdout.fileno(), 4096) if ready else b""
            if not more:
                self.stop()
                raise LoadFailed(f"causerie serve did not start: {self.last_words()}")
            said += more
        self.address = ("127.0.0.1", int(found[1]))
        self.started_in = time.monotonic() - begun

    def restart(self) -> float:
        """Kills it with SIGKILL, and starts it again."""
        self._process.kill()
        self._end()
        self._start()
        return time.monotonic()

    def kill_worker(self) -> float:
        """Kills one of the processes that share its port (SIGKILL).

        Returns:
            When that was, in seconds of the monotonic clock.

        Raises:
            LoadFailed: It is not served by several.
        """
        assert self.pid is not None, "it has been started"
        sockets = _listening(self.address[1])
        workers = [one for one in _family(self.pid) if sockets & _open_files(one)]
        if len(workers) < 2:
            raise LoadFailed("there is one process: start several, with --workers 2")
        os.kill(workers[-1], signal.SIGKILL)
        return time.monotonic()

    def stop(self) -> None:
        """Ends it as an operator would."""
        with interrupts_held():
            self._process.terminate()
            try:
                self._process.wait(ENDS_WITHIN)
            except subprocess.TimeoutExpired:
                self._process.kill()
            self._end()

    def _end(self) -> None:
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()

    def last_words(self) -> str:
        """The end of its log."""
        lines = self._log.read_text("utf-8", "replace").splitlines()
        return f"the last that its log says is {lines[-1]!r}" if lines else "its log says nothing"


@contextlib.contextmanager
def own_server(data: Path | None = None, options: Sequence[str] = ()) -> Iterator[OwnServer]:
    """A server of our own; with a data folder that is thrown away, unless there is one."""
    with tempfile.TemporaryDirectory(prefix="causerie-bench-") as scratch:
        server = OwnServer(data or Path(scratch) / "data", options)
        try:
            yield server
        finally:
            server.stop()


def at_url(url: str, pid: int | None) -> Target:
    """The server at an address; its process is found if it is on this machine and ours to see.

    Raises:
        LoadFailed: there is no such address or process, or it cannot be measured.
    """
    try:
        parts = urlsplit(websocket_url(url))
    except ValueError as error:
        raise LoadFailed(str(error)) from None
    if parts.scheme != "ws":
        raise LoadFailed("only ws:// can be measured: with wss:// it would be the encryption")
    if parts.path not in PATHS:
        raise LoadFailed(f"the protocol is not spoken on {parts.path}, but on /, /ws and /chat")
    host = parts.hostname or ""
    try:
        found = socket.getaddrinfo(
            host, parts.port or PORTS["ws"], socket.AF_INET, socket.SOCK_STREAM
        )
    except OSError as error:
        raise LoadFailed(
            f"{host} has no IPv4 address ({error.strerror}): see that --url names the machine, as "
            "ws://localhost:8080 does"
        ) from None
    address: tuple[str, int] = found[0][4][:2]  # type: ignore[assignment] # of IPv4
    if pid is not None:
        _require_listener(pid, address[1])
    return Target(url, address, pid or listener_of(address[1]))


def listener_of(port: int) -> int | None:
    """The process on this machine that listens on a TCP port, where the system tells."""
    sockets = _listening(port)
    for descriptor in Path("/proc").glob("[0-9]*/fd/*") if sockets else ():
        with contextlib.suppress(OSError):
            if str(descriptor.readlink()) in sockets:
                return int(descriptor.parts[2])
    return None


def _require_listener(pid: int, port: int) -> None:
    """Sees to it that a process, or one that it has started, listens on a port. One whose sockets
    are not to be seen, or that has a network of its own (a container), is believed.

    Raises:
        LoadFailed: It does not, or there is no such process.
    """
    if not Path(f"/proc/{pid}").exists():
        raise LoadFailed(f"there is no process {pid}")
    try:
        if not Path(f"/proc/{pid}/ns/net").samefile("/proc/self/ns/net"):
            return
        ours = {descriptor for one in _family(pid) for descriptor in _open_files(one)}
    except OSError:
        return
    if ours & _listening(port):
        return
    other = listener_of(port)
    instead = f"process {other} does: give --pid {other}, or none" if other else "leave --pid out"
    raise LoadFailed(f"process {pid} does not listen on port {port}; {instead}")


def _open_files(pid: int) -> set[str]:
    """What a process has open, as descriptors are called.

    Raises:
        OSError: The system does not tell.
    """
    found = set()
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # it was closed meanwhile
            found.add(str(descriptor.readlink()))
    return found


def _listening(port: int) -> set[str]:
    """The sockets of this machine that listen on a TCP port, as descriptors are called."""
    return {
        f"socket:[{fields[9]}]"
        for table in ("/proc/net/tcp", "/proc/net/tcp6")
        for fields in map(str.split, _lines(Path(table))[1:])
        if fields[3] == "0A" and int(fields[1].rpartition(":")[2], 16) == port
    }


def _nothing(*_: object) -> None:
    """For who wants to know no more than what a server uses."""


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text().splitlines()
    except OSError:
        return []


def _family(pid: int) -> list[int]:
    """A process and all that it has started."""
    found = [pid]
    for one in found:
        for children in Path(f"/proc/{one}/task").glob("*/children"):
            with contextlib.suppress(OSError):
                found.extend(map(int, children.read_text().split()))
    return found


def _cpu(pid: int) -> float:
    """By the clock of another process, which counts ns (`/proc` counts hundredths of a second)."""
    try:
        return time.clock_gettime(~pid << 3 | _WHOLE_PROCESS)
    except OSError:
        return 0.0


def _rss(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0
