"""Tells where the server's time goes: what each step of a message's way costs.

    python -m bench.breakdown [--seconds N]

Puts two loads of `causerie bench` on a server of its own, one in which a message costs much
(2,000 rooms of two) and one in which a delivery costs little (a room of 500), looks 500 times a
second at what each of its threads does (py-spy), and shares the processor time, as the system
accounts for it, out among the steps by what was seen. Prints a table in Markdown: docs/speed.md has
one, with what it says.
"""

import argparse
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import apsw

from causerie.adapters.sqlite_file import DATABASE
from causerie.bench.target import OwnServer, own_server

SAMPLES: Final = 500
"""A second."""

SETTLED_AFTER: Final = 4.0
"""Seconds until everybody is in their room and the load runs."""

# The innermost function that is named here says which step a sample belongs to.
STEPS: Final[dict[str, str]] = {
    "WebSocketProtocol.write": "write: one `transport.write` for each connection and turn",
    "LiveRoom.distribute": "hand out: the new frames of a room, joined, to each listener",
    "Turn.push": "hand out: the new frames of a room, joined, to each listener",
    "Connection.write_out": "hand out: the new frames of a room, joined, to each listener",
    "Turn.flush": "hand out: the new frames of a room, joined, to each listener",
    "Turn.write": "hand out: the new frames of a room, joined, to each listener",
    "FramedEntry.frame": "frame: an entry as JSON and WebSocket frame, once for all",
    "Hub._show": "show: the ring of recent entries, the shown head",
    "Hub._answer": "ack: the author's answer",
    "Hub._tell": "tell: what a commit has brought",
    "Answers.give": "tell: what a commit has brought",
    "WebSocketProtocol.data_received": "read: from `data_received` to a text (RFC 6455)",
    "V1Connection.handle": "check: JSON to a command, and the rules",
    "Connection._handle_within_limits": "check: JSON to a command, and the rules",
    "Hub.append": "append: a draft to the thread that writes",
    "Writer._hand_over": "append: a draft to the thread that writes",
    "Entries.plan": "plan: repeats found, seq and time given, rows made (writer)",
    "Writer._carry_out": "insert and commit, with fsync (writer)",
    "Places.add": "note where entries are (writer)",
    "Writer._run": "the rest of the writer",
    "Checkpointer._run": "copy the log of changes into the database (checkpointer)",
    "Timers.run": "timers: typing, presence, heartbeat",
    "Runner.run": "the event loop itself: epoll, `recv`, callbacks",
}
REST: Final = "anything else"

SPY: Final = Path(sys.executable).parent / "py-spy"

_FRAME: Final = re.compile(r"(?P<function>\S+) \(")


class Share(NamedTuple):
    """A step, and how many of all samples were seen in it."""

    step: str
    share: float


def shares(raw: Iterable[str]) -> list[Share]:
    """The steps of what py-spy wrote: a line for each stack, frames by semicolons, and a count."""
    seen: Counter[str] = Counter()
    for line in raw:
        stack, _, count = line.rpartition(" ")
        seen[_step(stack.split(";"))] += int(count)
    total = seen.total() or 1
    return [Share(step, count / total) for step, count in seen.most_common()]


def _step(stack: Sequence[str]) -> str:
    for frame in reversed(stack):
        found = _FRAME.match(frame)
        if found and found["function"] in STEPS:
            return STEPS[found["function"]]
    return REST


class Seen(NamedTuple):
    """What was seen of a load."""

    shares: list[Share]
    cpu: float
    """Seconds of processor time."""
    entries: int
    """Messages stored meanwhile."""


def watch(arguments: Sequence[str], seconds: float) -> Seen:
    """Runs a load and looks at the server for so many seconds of it."""
    with tempfile.TemporaryDirectory() as scratch:
        stacks, data = Path(scratch) / "stacks", Path(scratch) / "data"
        with own_server(data) as server:
            url = f"ws://{server.address[0]}:{server.address[1]}"
            lasts = str(seconds + 2 * SETTLED_AFTER)
            command = [sys.executable, "-m", "causerie", "bench", *arguments]
            load = subprocess.Popen(
                [*command, "--seconds", lasts, "--url", url], stdout=subprocess.DEVNULL
            )
            try:
                time.sleep(SETTLED_AFTER)
                before, stored = server.use(), _stored(data)
                _look(server, stacks, seconds)
                after, entries = server.use(), _stored(data) - stored
            finally:
                load.terminate()
                load.wait()
        return Seen(shares(stacks.read_text().splitlines()), after.cpu - before.cpu, entries)


def _look(server: OwnServer, stacks: Path, seconds: float) -> None:
    what = ["--pid", str(server.pid), "--format", "raw", "--output", str(stacks)]
    # Without stopping the server each time; a stack that changes meanwhile is thrown away.
    how = ["--rate", str(SAMPLES), "--duration", str(round(seconds)), "--nonblocking"]
    subprocess.run([str(SPY), "record", *what, *how], check=True, capture_output=True)


def _stored(data: Path) -> int:
    """How many entries there are."""
    database = apsw.Connection(str(data / DATABASE), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        count = database.execute("SELECT max(place) FROM entries").get
    finally:
        database.close()
    return count if isinstance(count, int) else 0


def main() -> None:
    """Looks at both loads, and prints the table."""
    parser = argparse.ArgumentParser(description="Tells where the server's time goes.")
    parser.add_argument("--seconds", type=float, default=10.0)
    seconds = parser.parse_args().seconds
    if not SPY.exists():
        parser.error(
            f"py-spy is not here, which looks at the server: {sys.executable} -m pip install py-spy"
        )
    rooms = watch(["rooms"], seconds)
    fanout = watch(["fanout"], seconds)
    columns = [
        {one.step: one.share * seen.cpu / seen.entries * 1e6 for one in seen.shares}
        for seen in (rooms, fanout)
    ]
    steps = sorted(
        dict.fromkeys([*columns[0], *columns[1]]), key=lambda step: -columns[0].get(step, 0.0)
    )
    print("| step | 2,000 rooms of 2, µs a message | a room of 500, µs a message |")
    print("|---|---:|---:|")
    for step in steps:
        print(f"| {step} | {' | '.join(f'{column.get(step, 0.0):.1f}' for column in columns)} |")
    print(f"| all | {' | '.join(f'{sum(column.values()):.1f}' for column in columns)} |")


if __name__ == "__main__":
    main()
