"""Clients of a real server: the two that are not ours, `websocat`, and one that says raw frames."""

import json
import os
import re
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple, Self

import pytest
from tests.support.line_process import PATIENCE, LineProcess, WaitFailed
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

HERE = Path(__file__).parent
NODE_CLIENT = HERE / "node" / "client.js"
PYTHON_CLIENT = HERE / "python" / "client.py"
PYTHON_LIBRARY = Path(sys.prefix) / "foreign"
"""Where `make tests` puts the Python client's version of its library."""

# Where the clients' clocks stand at UTC and show 24 hours, their times can be checked.
_ENVIRONMENT = {**os.environ, "TZ": "UTC", "LC_ALL": "en_GB.UTF-8", "PYTHONUTF8": "1"}

_SHOWN = re.compile(r"\[(\d\d):(\d\d):(\d\d)\] (.*?): (.*)")


class Shown(NamedTuple):
    """A frame as a foreign client shows it, but for the time."""

    username: str
    content: str


class ForeignClient:
    """One of the line clients that are not ours, in a process. Is a context manager."""

    def __init__(self, command: list[str], environment: dict[str, str]) -> None:
        self._began = time.time()
        self.process = LineProcess(command, environment=environment)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.close()

    @property
    def shown(self) -> list[Shown]:
        """All that it has shown, in order; each has to be of a right time."""
        return [self._read(line) for line in self.process.lines]

    def say(self, *lines: str) -> None:
        """Types lines."""
        for line in lines:
            self.process.say(line)

    def wait_for(self, username: str, content: str) -> None:
        """Waits until it shows so much."""
        self.process.wait_for(f"] {username}: {content}")

    def wait_for_end(self) -> None:
        """Waits for its end, which has to be clean: with the word that it is disconnected, exit
        code 0, and no complaint.
        """
        code = self.process.wait()
        lines, errors = self.process.lines, self.process.errors
        assert (code, lines[-1:], errors) == (0, ["Disconnected"], ""), (lines, errors)

    def shown_to_the_end(self) -> list[Shown]:
        """Waits for its clean end and returns all that it has shown."""
        self.wait_for_end()
        return [self._read(line) for line in self.process.lines[:-1]]

    def _read(self, line: str) -> Shown:
        assert "undefined" not in line, line
        matched = _SHOWN.fullmatch(line)
        assert matched is not None, line
        hour, minute, second = (int(part) for part in matched.groups()[:3])
        assert _is_within(hour * 3600 + minute * 60 + second, self._began, time.time()), (
            f"{line} is no time between {self._began} and {time.time()}"
        )
        return Shown(matched[4], matched[5])


def _is_within(second_of_day: int, began: float, now: float) -> bool:
    """Whether a time of day lies between two times, or within 2 s of them."""
    midnight = datetime.fromtimestamp(began, UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    times = [midnight.timestamp() + day * 86_400 + second_of_day for day in (0, 1)]
    return any(began - 2 <= at <= now + 2 for at in times)


def node_client(url: str, username: str) -> ForeignClient:
    """Starts the client on Node; skips the test where there is none."""
    node = shutil.which("node")
    if node is None:
        _do_without("Node is not installed")
    if not (NODE_CLIENT.parent / "node_modules" / "ws").exists():
        _do_without(f"the client on Node lacks its library: run `npm ci` in {NODE_CLIENT.parent}")
    return ForeignClient([str(node), str(NODE_CLIENT), url, username], _ENVIRONMENT)


def python_client(url: str, username: str) -> ForeignClient:
    """Starts the client on Python with its own version of the library."""
    if not (PYTHON_LIBRARY / "websockets").exists():
        _do_without("the Python client lacks its library: run `make .venv/.foreign`")
    environment = {**_ENVIRONMENT, "PYTHONPATH": str(PYTHON_LIBRARY)}
    return ForeignClient([sys.executable, str(PYTHON_CLIENT), url, username], environment)


def websocat(url: str, *flags: str) -> LineProcess:
    """Starts `websocat`, which sends its lines as they are and writes what comes as lines."""
    return LineProcess([str(Path(sys.executable).with_name("websocat")), *flags, url])


def _do_without(reason: str) -> None:
    """Skips the test; CI has to have everything."""
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


class RawClient:
    """A client that says frames as they are given to it, and keeps what comes."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self.frames: list[dict[str, Any]] = []
        """All that has come."""

    def send(self, kind: str, **fields: object) -> None:
        """Sends a frame of a type."""
        self._socket.send(json.dumps({"type": kind, **fields}))

    def wait_until(
        self, holds: Callable[[dict[str, Any]], bool], within: float = PATIENCE
    ) -> dict[str, Any]:
        """Reads until a frame comes of which something holds, and returns it.

        Raises:
            WaitFailed: none came within so many seconds.
        """
        deadline = time.monotonic() + within
        try:
            while True:
                text = self._socket.recv(max(0.0, deadline - time.monotonic()))
                frame: dict[str, Any] = json.loads(text)
                self.frames.append(frame)
                if holds(frame):
                    return frame
        except (TimeoutError, ConnectionClosed) as error:
            raise WaitFailed(f"no such frame ({error}): {self.frames}") from None

    def wait_for(self, content: str) -> dict[str, Any]:
        """Reads until a frame with a content comes, and returns it."""
        return self.wait_until(lambda frame: frame.get("content") == content)


@contextmanager
def raw_client(url: str, *, v1: bool = False) -> Iterator[RawClient]:
    """Connects a raw client in one of the two profiles, and closes it in the end."""
    subprotocols = [Subprotocol("causerie.v1")] if v1 else None
    with connect(url, subprotocols=subprotocols, proxy=None) as socket:
        assert isinstance(socket, ClientConnection)
        yield RawClient(socket)
