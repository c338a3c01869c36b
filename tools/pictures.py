"""Makes the pictures in docs/pictures/ from real sessions in real terminals.

    python -m tools.pictures

A server and two people are started in three terminals, the server is killed and started again, and
what the terminals show in the end is drawn as SVG. The figures in a picture (times, latencies) are
those of the run. It needs bash, and port 8080 free, since the commands shown are those that a
reader would type.
"""

import os
import signal
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from itertools import groupby
from pathlib import Path
from typing import Any, Final, NamedTuple
from xml.sax.saxutils import escape, quoteattr

from tests.support.terminal import Terminal

PICTURE: Final = Path("docs/pictures/two-terminals.svg")

COLUMNS: Final = 52
ROWS: Final = 30
SERVER_ROWS: Final = 10

CELL: Final = 8.4
LINE: Final = 18
FONT: Final = 14
PADDING: Final = 12
TITLE: Final = 28
GAP: Final = 14

GROUND: Final = "#1d2230"
BAR: Final = "#2b3245"
TEXT: Final = "#e6e9f0"
COLOURS: Final = {
    "default": TEXT,
    "brightblack": "#98a2b8",
    "red": "#ff8a80",
    "green": "#8fdc9a",
    "brown": "#f0c674",
    "magenta": "#e0a6f5",
    "cyan": "#7cd5e6",
}
"""By the emulator's names; each has a contrast of 6:1 or more with the ground."""


class Run(NamedTuple):
    """Characters of one colour, beside one another in a row."""

    column: int
    text: str
    colour: str


class Window(NamedTuple):
    """What a terminal shows."""

    title: str
    rows: list[list[Run]]
    columns: int


def main() -> int:
    """Makes the picture."""
    with tempfile.TemporaryDirectory() as folder:
        windows = play(Path(folder))
    PICTURE.parent.mkdir(parents=True, exist_ok=True)
    PICTURE.write_text(draw(windows), "utf-8")
    print(f"{PICTURE}: {PICTURE.stat().st_size} bytes")
    return 0


def play(folder: Path) -> Sequence[Window]:
    """Plays the session; returns what can be seen at its end."""
    with ExitStack() as stack:

        def shell(columns: int, rows: int) -> Terminal:
            command = ["/bin/bash", "--norc", "--noprofile", "-i"]
            environment = {
                "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
                "HOME": str(folder),
                "XDG_DATA_HOME": str(folder),
                "LANG": "C.UTF-8",
                "TERM": "xterm-256color",
                "PS1": "$ ",
            }
            return stack.enter_context(
                Terminal(command, columns=columns, rows=rows, environment=environment)
            )

        server = shell(2 * COLUMNS + 4, SERVER_ROWS)
        alice, bob = shell(COLUMNS, ROWS), shell(COLUMNS, ROWS)
        enter(server, "causerie serve --log-level warning", "listens on")
        enter(alice, "causerie chat --plain Alice", "Connected (")
        enter(bob, "causerie chat --plain Bob", "with Alice")
        alice.wait_for("Bob has joined")
        enter(alice, "Hello Bob!", "] Alice: Hello")
        enter(bob, "Hi Alice! Bonjour à toi.", "] Bob: Hi")
        enter(bob, "/msg Alice psst", "psst")
        alice.wait_for("psst")
        kill_child(server)
        server.wait_for("Killed")
        alice.wait_for("Disconnected")
        enter(alice, "Are you still there?", "1 line waits")
        bob.wait_for("attempt 2")
        enter(server, "causerie serve --log-level warning", "listens on", times=2)
        for one in (alice, bob):
            one.wait_for("] Alice: Are you")
        enter(bob, "Yes. And nothing was lost.", "] Bob: Yes")
        alice.wait_for("] Bob: Yes")
        bob.type("Shall we")
        alice.wait_for("Bob is typing…")
        return [window("Alice", alice), window("Bob", bob), window("the server", server)]


def enter(terminal: Terminal, line: str, answer: str, *, times: int = 1) -> None:
    """Types a line and waits for what comes of it, seen so many times in all."""
    terminal.type(f"{line}\r")
    terminal.wait_until(
        lambda lines: sum(answer in seen for seen in lines) >= times, f"{times} × {answer!r}"
    )


def kill_child(shell: Terminal) -> None:
    """Kills the program that runs in a shell, as kill -9 does."""
    children = Path(f"/proc/{shell.pid}/task/{shell.pid}/children").read_text("ascii")
    (child,) = map(int, children.split())
    os.kill(child, signal.SIGKILL)


def window(title: str, terminal: Terminal) -> Window:
    """What a terminal shows now."""
    screen = terminal.screen
    rows = [list(runs(screen.buffer[row], screen.columns)) for row in range(screen.lines)]
    while rows and not rows[-1]:
        rows.pop()
    return Window(title, rows, screen.columns)


def runs(row: Mapping[int, Any], columns: int) -> Iterator[Run]:
    """Yields what of a row is not blank."""
    cells = [(column, row[column].data or " ", row[column].fg) for column in range(columns)]
    for colour, group in groupby(cells, key=lambda cell: cell[2]):
        found = list(group)
        text = "".join(data for _, data, _ in found)
        blank = len(text) - len(text.lstrip())
        if text.strip():
            yield Run(found[0][0] + blank, text.strip(), colour)


def draw(windows: Sequence[Window]) -> str:
    """Draws two windows beside each other and the third below."""
    left, right, below = windows
    width = COLUMNS * CELL + 2 * PADDING
    height = TITLE + max(len(left.rows), len(right.rows)) * LINE + 2 * PADDING
    whole = 2 * width + GAP
    low = TITLE + len(below.rows) * LINE + 2 * PADDING
    parts = [
        *draw_window(left, 0, 0, width, height),
        *draw_window(right, width + GAP, 0, width, height),
        *draw_window(below, 0, height + GAP, whole, low),
    ]
    told = (
        "Alice and Bob talk in two terminals. The server is killed and started again; both come "
        "back by themselves, and what Alice wrote in between arrives."
    )
    colours = "\n".join(
        f".{name} {{ fill: {colour} }}" for name, colour in COLOURS.items() if name != "default"
    )
    return f"""\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {whole:g} {height + GAP + low:g}"
 width="{whole:g}" role="img" aria-label={quoteattr(told)}>
<style>
text {{
  font: {FONT}px ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace;
  fill: {TEXT};
  white-space: pre;
}}
{colours}
</style>
{chr(10).join(parts)}
</svg>
"""


def draw_window(window: Window, x: float, y: float, width: float, height: float) -> Iterator[str]:
    """Yields a window's elements."""
    yield f'<g transform="translate({x:g} {y:g})">'
    yield f'<rect width="{width:g}" height="{height:g}" rx="8" fill="{GROUND}"/>'
    top = f"M0 {TITLE}V8a8 8 0 0 1 8-8H{width - 8:g}a8 8 0 0 1 8 8V{TITLE}z"
    yield f'<path d="{top}" fill="{BAR}"/>'
    yield f'<text x="{width / 2:g}" y="19" text-anchor="middle">{escape(window.title)}</text>'
    for number, row in enumerate(window.rows):
        base = TITLE + PADDING + number * LINE + FONT - 1
        for run in row:
            # The length holds the columns together, whatever font the reader has.
            place = f'x="{PADDING + run.column * CELL:g}" y="{base:g}"'
            length = f'textLength="{len(run.text) * CELL:g}"'
            name = f' class="{run.colour}"' if run.colour != "default" else ""
            yield f"<text {place} {length}{name}>{escape(run.text)}</text>"
    yield "</g>"


if __name__ == "__main__":
    sys.exit(main())
