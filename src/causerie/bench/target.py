"""The server that is measured: where it is, what it uses, and how it is started and killed."""

import contextlib
import os
import re
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from causerie.bench.generator import LoadFailed

STARTS_WITHIN: Final = 30.0
"""Seconds."""

ENDS_WITHIN: Final = 10.0
"""Seconds."""

_LISTENING: Final = re.compile(rb"http://\S+:(\d+)")


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
        raise LoadFailed("only a server that causerie bench has started can be killed by it")


class OwnServer(Target):
    """`causerie serve` on a free port of the loopback, with everything stored and synced."""

    def __init__(self, folder: Path, options: Sequence[str]) -> None:
        self._command = (
            *(sys.executable, "-m", "causerie.cli", "serve", "--host", "127.0.0.1"),
            *("--data", str(folder), "--rate-limit", "0", "--log-level", "warning", *options),
        )
        self._log = folder.with_suffix(".log")
        super().__init__("causerie", ("127.0.0.1", 0), None)
        self._start()

    def _start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 (our own program)
                [*self._command, "--port", str(self.address[1])], stdout=subprocess.PIPE, stderr=log
            )
        self.pid = self._process.pid
        assert self._process.stdout is not None, "it was asked for"
        until = time.monotonic() + STARTS_WITHIN
        said = b""
        while not (found := _LISTENING.search(said)):
            ready, _, _ = select.select([self._process.stdout], [], [], until - time.monotonic())
            more = os.read(self._process.stdout.fileno(), 4096) if ready else b""
            if not more:
                self.stop()
                raise LoadFailed(f"causerie serve did not start: {self._last_words()}")
            said += more
        self.address = ("127.0.0.1", int(found[1]))

    def restart(self) -> float:
        """Kills it with SIGKILL, and starts it again."""
        self._process.kill()
        self._process.wait(ENDS_WITHIN)
        self._start()
        return time.monotonic()

    def stop(self) -> None:
        """Ends it as an operator would."""
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(ENDS_WITHIN)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()

    def _last_words(self) -> str:
        lines = self._log.read_text("utf-8", "replace").splitlines()
        return lines[-1] if lines else "it says nothing"


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
    """The server at an address; its process is found if it is on this machine and ours to see."""
    parts = urlsplit(url)
    if parts.scheme not in {"ws", "http"}:
        raise LoadFailed("only ws:// can be measured: with wss:// it would be the encryption")
    address = (parts.hostname or "127.0.0.1", parts.port or 80)
    return Target(url, address, pid or listener_of(address[1]))


def listener_of(port: int) -> int | None:
    """The process on this machine that listens on a TCP port, where the system tells."""
    inodes = {
        fields[9]
        for table in ("/proc/net/tcp", "/proc/net/tcp6")
        for fields in map(str.split, _lines(Path(table))[1:])
        if fields[3] == "0A" and int(fields[1].rpartition(":")[2], 16) == port
    }
    for descriptor in Path("/proc").glob("[0-9]*/fd/*") if inodes else ():
        with contextlib.suppress(OSError):
            if descriptor.readlink().name.strip("socket:[]") in inodes:
                return int(descriptor.parts[2])
    return None


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
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _rss(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0
