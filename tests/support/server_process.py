"""A real server, in a process of its own: started, stopped, killed, and started again on the same
port and data folder.
"""

import os
import random
import re
import signal
import socket
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

from tests.support.line_process import PATIENCE, LineProcess

STOP_WITHIN = 10.0
"""Seconds for a graceful stop, which promises 5; the rest is for a busy machine."""

_URL = re.compile(r"https?://[^\s/]+:\d+")

_chance = random.SystemRandom()

_PORTS = range(20_000, 32_000)
"""Below those that systems give to outgoing connections (Linux: 32768 and up), where a client that
tries to reach a server that is down could be given the very port, and be connected to itself."""


class ServerProcess:
    """`causerie serve` on a data folder and a port of its own. Is a context manager that stops it.

    `with ServerProcess(tmp_path) as server:` starts it, waits until it can be reached, and in the
    end has it stop gracefully, which must succeed. Its methods block the calling thread: under an
    event loop that has to go on meanwhile, `await asyncio.to_thread(server.restart)`.
    """

    def __init__(
        self,
        data: Path,
        *flags: str,
        host: str = "localhost",
        port: int = 0,
        launcher: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
        measured: bool = True,
    ) -> None:
        """Does not start it yet.

        Port 0 is a free one. `launcher` is put before the command, and has to become it (exec).
        `flags` are given to `causerie serve` as they are, `environment` is added to the tests' own
        (whose CAUSERIE_* it does not see). A server that is not `measured` runs without coverage,
        at its real speed.
        """
        self._flags = ("--host", host, "--data", str(data), *flags)
        self._environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith("CAUSERIE_") and (measured or not name.startswith("COVERAGE_"))
        }
        # The configuration of whoever runs the tests has no say in them.
        self._environment["CAUSERIE_CONFIG"] = os.devnull
        self._environment.update(environment or {})
        self._host = host
        self._past_log: list[str] = []
        self._process: LineProcess | None = None
        self._launcher = tuple(launcher)
        self.port = port
        """Where it listens; if it was 0, from the first start on."""

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None and self._process is not None:
                # One that has ended by itself, though nobody killed it, is found out here.
                code = self.stop()
                assert code == 0, f"the server stopped with {code}:\n{self.log}"
        finally:
            self.kill()

    @property
    def url(self) -> str:
        """Where it is reached, as `http://localhost:PORT`."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self.port}"

    @property
    def ws(self) -> str:
        """The same as `ws://localhost:PORT`."""
        return self.url.replace("http", "ws", 1)

    @property
    def pid(self) -> int:
        """The process that now runs."""
        assert self._process is not None, "the server runs"
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether there is a process that has not ended."""
        return self._process is not None and self._process.is_running

    @property
    def log(self) -> str:
        """All that it has written to its standard error, in all its lives."""
        present = [] if self._process is None else [self._process.errors]
        return "".join(self._past_log + present)

    def start(self, within: float = PATIENCE) -> None:
        """Starts it and waits until it can be reached: at first on a free port, later on the same.

        Raises:
            WaitFailed: it ended, or said nothing within so many seconds.
        """
        assert self._process is None, "the server has ended"
        if self.port == 0:
            self.port = _free_port(self._host)
        self._process = LineProcess(
            [
                *self._launcher,
                sys.executable,
                "-m",
                "causerie",
                "serve",
                "--port",
                str(self.port),
                *self._flags,
            ],
            environment=self._environment,
        )
        try:
            self._process.wait_until(
                lambda lines: any(_URL.search(line) for line in lines), "its address", within
            )
        except BaseException:
            self.kill()
            raise

    def stop(self, within: float = STOP_WITHIN) -> int:
        """Has it stop gracefully (SIGTERM) and returns its exit code.

        Raises:
            WaitFailed: it still runs after so many seconds.
        """
        assert self._process is not None, "the server runs"
        self._process.signal(signal.SIGTERM)
        code = self._process.wait(within)
        self.kill()
        return code

    def kill(self) -> None:
        """Ends it as a crash does (SIGKILL); does nothing if it does not run."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            self._past_log.append(process.errors)
            process.close()

    def restart(self, within: float = PATIENCE) -> None:
        """Starts it again on the same port and data folder; what still runs is killed."""
        self.kill()
        self.start(within)


def _free_port(host: str) -> int:
    """A port that nobody listens on now."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for _ in range(100):
        # Not from the chance that tests seed: two at a time would get the same ports.
        port = _chance.choice(_PORTS)
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError:
                continue
            return port
    raise AssertionError(f"no port is free on {host}")
