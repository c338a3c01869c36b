"""Measures what many nodes cost: `causerie serve` alone, and on NATS, in turn.

    python -m bench.cluster [--rounds N] [--seconds N] [--clients N]

Prints a table, in Markdown, of medians and of ratios to the server alone:

- a room with 500 at each node, with 64 and 128 messages on their way, and at a steady 500 and 1,500
  a second: the CPU of a delivery at the nodes (NATS has its own column), and how late it is; and
  one with 500 at two nodes together, beside a server alone with as many as each of them;
- 2,000 rooms of two: durable acks a second, and how late they are at a steady pace;
- what a node uses that nobody of a busy room is connected to, beside what it uses in the quiet;
- when 10,000 clients of two processes have all again, of which one is killed.

NATS is one server, which syncs every write before it is acknowledged (`sync_interval: always`), and
has all rooms in one stream, or divides them among three. Where the two processes of one chat have
rooms of 500, so have two that know nothing of one another, at the same time: so much does it cost
to share the machine.
"""

import argparse
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from statistics import fmean, median
from tempfile import TemporaryDirectory
from typing import Final, NamedTuple

from causerie.adapters.nats_server import NatsServer
from causerie.bench import failover, fanout, rooms
from causerie.bench.dialects import DIALECTS
from causerie.bench.failover import Failover
from causerie.bench.fanout import Fanout
from causerie.bench.result import Result
from causerie.bench.rooms import Rooms
from causerie.bench.target import OwnServer, Target, own_server

ALONE: Final = "SQLite, one process"
ONE: Final = "NATS, one node"
DIVIDED: Final = "NATS, one node, three streams"
BESIDE: Final = "SQLite, two processes, a chat each"
TWO: Final = "NATS, two processes"

STREAMS: Final = 3
"""Those of the one that has several."""

V1: Final = DIALECTS["v1"]
ROOM: Final = "bench"


class Setup(NamedTuple):
    """Something that serves."""

    server: OwnServer
    nats: Target | None
    """The NATS server behind it."""


@contextmanager
def setup(name: str) -> Iterator[Setup]:
    """Starts one, on an empty folder."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="causerie-bench-")))
        if name == ALONE:
            yield Setup(stack.enter_context(own_server(folder / "data")), None)
            return
        nats = stack.enter_context(NatsServer(folder / "nats"))
        options = ["--nats", nats.url]
        if name == TWO:
            options += ["--workers", "2"]
        if name == DIVIDED:
            options += ["--streams", str(STREAMS)]
        server = stack.enter_context(own_server(folder / "data", options))
        yield Setup(server, Target("NATS", ("127.0.0.1", nats.port), nats.pid))


class Row(NamedTuple):
    """A load, and what it is judged by."""

    title: str
    run: Callable[[Target, int], Result]
    """Puts it on so many processes."""
    cpu: str
    """The figure that is the cost."""
    rate: str
    """The figure that is how much was done in a second."""
    setups: Sequence[str]
    """What it is put on."""


def loads(seconds: float) -> list[Row]:
    """What each is put under."""
    burst = Fanout(members=500, in_flight=64, seconds=seconds)
    flood = Fanout(members=500, in_flight=128, seconds=seconds)
    steady = Fanout(members=500, rate=500, seconds=seconds)
    brisk = Fanout(members=500, rate=1_500, seconds=seconds)
    half = Fanout(members=250, in_flight=64, seconds=seconds)
    busy = Rooms(rooms=2_000, seconds=seconds)
    paced = Rooms(rooms=2_000, rate=2_500, seconds=seconds)

    def fan(load: Fanout, setups: Sequence[str] = (ALONE, ONE, DIVIDED, BESIDE, TWO)) -> Row:
        def run(target: Target, processes: int) -> Result:
            shared = replace(load, members=load.members * processes)
            return fanout.run(shared, target, V1, room=ROOM)

        title = str(load).replace("members", "members at each node")
        return Row(title, run, "cpu_us_per_delivery", "deliveries_per_second", setups)

    def small(load: Rooms) -> Row:
        def run(target: Target, _processes: int) -> Result:
            return rooms.run(load, target, V1, room=ROOM)

        setups = (ALONE, ONE, DIVIDED, TWO)
        return Row(str(load), run, "cpu_us_per_ack", "acks_per_second", setups)

    at_500 = [fan(load) for load in (burst, flood, steady, brisk)]
    return [*at_500, fan(half, (ALONE, TWO)), small(busy), small(paced)]


class Taken(NamedTuple):
    """What one run has shown."""

    cpu: float
    """Microseconds at the nodes, for each delivery or ack."""
    nats: float
    """Microseconds in NATS, for each."""
    rate: float
    """Deliveries or acks a second."""
    p50: float
    """ms."""
    p99: float
    """ms."""


def take(row: Row, name: str) -> Taken:
    """Runs a load once."""
    with setup(name) as (server, nats):
        used: list[tuple[float, float]] = []

        def note() -> None:
            used.append((server.use().cpu, nats.use().cpu if nats else 0.0))

        server.at_begin = server.at_end = note
        figures = row.run(server, 2 if name == TWO else 1).figures
    (node, its), (node_end, its_end) = used
    cpu = figures[row.cpu]
    nats_cpu = cpu * (its_end - its) / (node_end - node)
    return Taken(cpu, nats_cpu, figures[row.rate], figures["p50_ms"], figures["p99_ms"])


def take_beside(number: int, seconds: float) -> Taken:
    """Runs one of the `loads` on two servers at once."""
    with ProcessPoolExecutor(2, get_context("spawn")) as pool:
        both = list(pool.map(_take_alone, [number] * 2, [seconds] * 2))
    cpu, nats, rate, p50, p99 = (fmean(figures) for figures in zip(*both, strict=True))
    return Taken(cpu, nats, 2 * rate, p50, p99)


def _take_alone(number: int, seconds: float) -> Taken:
    return take(loads(seconds)[number], ALONE)


def unheard(name: str, seconds: float) -> tuple[float, float]:
    """What a node uses, in ms of CPU a second, that nobody is connected to: while all is quiet, and
    while a room is busy on another node.
    """
    with setup(name) as (busy, nats), TemporaryDirectory(prefix="causerie-bench-") as folder:
        assert nats is not None, "it is there"
        options = ["--nats", f"nats://{nats.address[0]}:{nats.address[1]}"]
        with own_server(Path(folder) / "data", options) as other:
            time.sleep(1.0)  # it has started
            begin = other.use()
            time.sleep(seconds)
            quiet = other.use()
            used = [quiet]
            busy.at_begin = busy.at_end = lambda: used.append(other.use())
            fanout.run(Fanout(members=500, in_flight=64, seconds=seconds), busy, V1, room=ROOM)
    _, begun, ended = used
    return (
        (quiet.cpu - begin.cpu) / (quiet.at - begin.at) * 1e3,
        (ended.cpu - begun.cpu) / (ended.at - begun.at) * 1e3,
    )


def killed(clients: int) -> Result:
    """When the clients of a killed process have all again."""
    with setup(TWO) as (server, _):
        return failover.run(Failover(clients=clients), server, V1, room=ROOM)


def show(row: Row, taken: dict[str, list[Taken]]) -> None:
    """Prints the medians of a load."""
    print(f"\n{row.title}\n")
    print("| | a second | p50 ms | p99 ms | CPU µs, nodes | × alone | CPU µs, NATS |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    alone = median(one.cpu for one in taken[ALONE])
    for name, all_of_it in taken.items():
        one = Taken(*(median(figures) for figures in zip(*all_of_it, strict=True)))
        print(
            f"| {name} | {one.rate:,.0f} | {one.p50:.1f} | {one.p99:.1f} | {one.cpu:.2f} "
            f"| {one.cpu / alone:.2f} | {one.nats:.2f} |",
            flush=True,
        )


def main() -> None:
    """Runs everything, and prints what it has shown."""
    parser = argparse.ArgumentParser(description="Measures what many nodes cost.")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--clients", type=int, default=10_000)
    parser.add_argument("--only", default="", help="loads whose name contains this")
    arguments = parser.parse_args()
    for number, row in enumerate(loads(arguments.seconds)):
        if arguments.only not in row.title:
            continue
        taken: dict[str, list[Taken]] = {name: [] for name in row.setups}
        for _ in range(arguments.rounds):
            for name, all_of_it in taken.items():
                if name == BESIDE:
                    all_of_it.append(take_beside(number, arguments.seconds))
                else:
                    all_of_it.append(take(row, name))
        show(row, taken)
    if arguments.only in "unheard":
        for name in (ONE, DIVIDED):
            quiet, busy = unheard(name, arguments.seconds)
            print(f"\n{name}: one that nobody is connected to uses {quiet:.1f} ms of CPU a second")
            print(f"while all is quiet, and {busy:.1f} while a room of 500 is busy on another.")
    if arguments.only in "killed":
        result = killed(arguments.clients)
        figures = {name: round(figure, 2) for name, figure in result.figures.items()}
        print(f"\n{result.load}: {figures} {' '.join(result.remarks)}")


if __name__ == "__main__":
    main()
