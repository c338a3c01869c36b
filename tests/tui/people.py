"""Processes of `causerie chat`, with pipes and with terminals."""

import os
import re
import subprocess
import sys
from collections.abc import Iterable
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from typing import Self

from tests.support.line_process import LineProcess
from tests.support.terminal import Terminal

from causerie.client.client import connect
from causerie.client.keys import new_key

READER = new_key()
"""Whose key it is that reads the log."""

SAID = re.compile(r"\[\d\d:\d\d:\d\d\] (?P<who>\S+): (?P<text>.*)")
"""A line that shows what somebody said."""

_rooms = count(1)


class People(ExitStack):
    """Whoever is started here begins in the same room, and is gone at the end of the context."""

    def __init__(self, url: str, home: Path) -> None:
        super().__init__()
        self.url = url
        self.room = f"room{next(_rooms)}"
        self.environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("CAUSERIE_", "LC_", "LANG", "NO_COLOR"))
        }
        self.environment |= {"XDG_DATA_HOME": str(home), "LANG": "C.UTF-8"}

    def __enter__(self) -> Self:
        return self

    def command(self, *arguments: str) -> list[str]:
        """The command line of somebody who chats."""
        program = [sys.executable, "-m", "causerie", "chat"]
        return [*program, "--url", self.url, "--room", self.room, *arguments]

    def pipe(self, *arguments: str, **environment: str) -> LineProcess:
        """Starts somebody who has pipes, and stays until their input ends."""
        process = LineProcess(self.command(*arguments), environment=self.environment | environment)
        return self.enter_context(process)

    def say(
        self, text: str | bytes, *arguments: str, **environment: str
    ) -> "subprocess.CompletedProcess[str]":
        """Runs somebody who says all this through a pipe, to the end."""
        done = subprocess.run(
            self.command(*arguments),
            input=text.encode() if isinstance(text, str) else text,
            env=self.environment | environment,
            capture_output=True,
            timeout=50,
            check=False,
        )
        return subprocess.CompletedProcess(
            done.args, done.returncode, done.stdout.decode(), done.stderr.decode()
        )

    def terminal(
        self, *arguments: str, columns: int = 80, rows: int = 24, **environment: str
    ) -> Terminal:
        """Starts somebody who sits at a terminal."""
        terminal = Terminal(
            self.command(*arguments),
            columns=columns,
            rows=rows,
            environment=self.environment | {"TERM": "xterm-256color"} | environment,
        )
        return self.enter_context(terminal)

    def prompt(
        self, *arguments: str, columns: int = 80, rows: int = 24, **environment: str
    ) -> Terminal:
        """Starts somebody who sits at a terminal and wants no more than a prompt."""
        return self.terminal("--plain", *arguments, columns=columns, rows=rows, **environment)

    async def said(self, room: str | None = None) -> list[str]:
        """All that was said in the room, as the log has it."""
        texts: list[str] = []
        async with connect(self.url, "Reader", key=READER) as client:
            after = 0
            while True:
                page = await client.history(room or self.room, after=after, limit=100)
                texts += [entry.content for entry in page.entries if hasattr(entry, "content")]
                if not page.more:
                    return texts
                after = page.entries[-1].seq


def said_by(who: str, lines: Iterable[str]) -> list[str]:
    """What somebody has said, of the lines that are shown."""
    found = (SAID.fullmatch(line) for line in lines)
    return [match["text"] for match in found if match is not None and match["who"] == who]


def numbered(count: int) -> list[str]:
    """So many texts, each another."""
    return [f"line {number}" for number in range(count)]
