"""The processes that share a load, and the moments at which they wait for one another.

A load is a function that every process runs with its share of the members. Where all have to be as
far (everybody is in the room, say), each calls `meet`, which gives everybody what each has brought.
"""

import gc
import multiprocessing
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.connection import wait
from typing import Any, Final, Generic, NamedTuple, TypeVar

from causerie.bench.allowance import allow_many_files
from causerie.bench.dialects import Dialect
from causerie.bench.generator import LoadFailed
from causerie.bench.phases import Phase
from causerie.bench.signals import interrupts_held
from causerie.bench.target import Target, Use

BUSY: Final = 0.9
"""A generator that used more of a core than this was the limit, and not the server."""

ENDS_WITHIN: Final = 5.0
"""Seconds that a process has to end by itself when it has returned what it was to do."""


class Post:
    """One process's way to the others. It is number `index` of `count`."""

    def __init__(self, index: int, count: int, link: Any) -> None:
        self.index = index
        self.count = count
        self._link = link

    def meet(self, moment: str, brought: Any = None) -> list[Any]:
        """Waits until all are here; returns what each has brought."""
        self.send("meet", moment, brought)
        answer: list[Any] = self._link.recv()
        return answer

    def progress(self, share: float) -> None:
        """Tells how much of the load is done, from 0 to 1."""
        self.send("progress", share)

    def turn_to(self, phase: Phase) -> None:
        """Tells what the load does from here on; the first process speaks for all."""
        if self.index == 0:
            self.send("phase", phase)

    def pass_by(self, moment: str) -> None:
        """Has done what is to be done at a moment for which nobody waits."""
        self.send("pass", moment)

    def send(self, kind: str, what: Any, more: Any = None) -> None:
        """Tells whoever leads."""
        self._link.send((kind, what, more))

    def mine(self, total: int) -> range:
        """This process's part of so many things, by their numbers."""
        return range(total * self.index // self.count, total * (self.index + 1) // self.count)


class Ran(NamedTuple):
    """What came of a load."""

    results: list[Any]
    """What each process returned."""
    moments: Mapping[str, Use]
    """What the server had used when all had met there."""
    busy: float
    """The share of a core that the busiest process used while the load ran."""


_Load = TypeVar("_Load")
_Dialect = TypeVar("_Dialect", bound=Dialect)


@dataclass(frozen=True)
class Task(Generic[_Load, _Dialect]):
    """What each process is told of most loads."""

    load: _Load
    dialect: _Dialect
    address: tuple[str, int]
    """Of the server."""
    room: str


Work = Callable[[Post, Any], Any]


def tell_nobody(share: float) -> None:
    """For loads of which nobody wants to know how far they are."""


def run(
    work: Work,
    load: Any,
    target: Target,
    *,
    processes: int,
    measured: tuple[str, str],
    settled: str | None = None,
    at: Mapping[str, Callable[[], Any]] | None = None,
    progress: Callable[[float], None] = tell_nobody,
) -> Ran:
    """Has several processes do some work.

    Args:
        work: A function of a module, called with a post and the load in each process.
        load: What it is told; the same for all.
        target: The server.
        processes: How many share the work.
        measured: The moments between which the generator's own use counts.
        settled: The moment at which the server has done all that came of it, if that is later.
        at: What to do, at a moment, while all wait; what it returns goes to all instead. Where
            one only passes by, nobody waits for it, and nobody is told.
        progress: Is told of the least share that any process has done.

    Raises:
        LoadFailed: One process could not go on.
    """
    context = multiprocessing.get_context("spawn")
    links: list[Any] = []
    crew = []
    # Otherwise the first process would start it, and it lets interrupts through again.
    resource_tracker.ensure_running()
    try:
        with interrupts_held():
            for index in range(processes):
                ours, theirs = context.Pipe()
                post = _Measuring(index, processes, theirs, measured)
                process = context.Process(target=_work, args=(work, load, post), daemon=True)
                process.start()
                theirs.close()
                links.append(ours)
                crew.append(process)
        ran = _lead(links, target, (measured[0], settled or measured[1]), at or {}, progress)
        for process in crew:
            process.join(ENDS_WITHIN)
        return ran
    finally:
        with interrupts_held():
            for process in crew:
                process.terminate()
                process.join()
            for link in links:
                link.close()


def _lead(
    links: Sequence[Any],
    target: Target,
    measured: tuple[str, str],
    at: Mapping[str, Callable[[], Any]],
    progress: Callable[[float], None],
) -> Ran:
    """Brings the processes together until all have returned."""
    moments: dict[str, Use] = {}
    brought: dict[Any, Any] = {}
    shares = dict.fromkeys(links, 0.0)
    results: dict[Any, tuple[Any, float]] = {}
    while len(results) < len(links):
        ready: list[Any] = wait([one for one in links if one not in results])
        for link in ready:
            kind, what, value = _next(link)
            match kind:
                case "progress":
                    # A part of a load may begin anew, or last longer than it was meant to.
                    shares[link] = max(shares[link], min(1.0, what))
                    progress(min(shares.values()))
                case "meet":
                    brought[link] = value
                    if len(brought) == len(links):
                        if what == measured[0]:
                            target.at_begin()
                        moments[what] = target.use()
                        if what == measured[1]:
                            target.at_end()
                        answer = [brought[one] for one in links]
                        if what in at:
                            answer = [at[what]()] * len(links)
                        brought.clear()
                        for one in links:
                            # Whoever has died since is found out when there is nothing from them.
                            with suppress(OSError):
                                one.send(answer)
                case "phase":
                    target.at_phase(what)
                case "pass":
                    at[what]()
                case "returned":
                    results[link] = what, value
                case _:
                    raise what
    return Ran(
        [results[link][0] for link in links], moments, max(busy for _, busy in results.values())
    )


def _next(link: Any) -> Any:
    """What a process says next."""
    try:
        return link.recv()
    except (EOFError, OSError):
        raise LoadFailed("a process of the generator has died") from None


class _Measuring(Post):
    """Notes what this process used between two moments."""

    def __init__(self, index: int, count: int, link: Any, measured: tuple[str, str]) -> None:
        super().__init__(index, count, link)
        self.busy = 0.0
        self._measured = measured
        self._from = (0.0, 0.0)

    def meet(self, moment: str, brought: Any = None) -> list[Any]:
        now = time.monotonic(), time.process_time()
        if moment == self._measured[1]:
            self.busy = (now[1] - self._from[1]) / (now[0] - self._from[0])
        answer = super().meet(moment, brought)
        if moment == self._measured[0]:
            self._from = time.monotonic(), time.process_time()
        return answer


def _work(work: Work, load: Any, post: _Measuring) -> None:
    """What a process does. A pause of its own would count as the server's: nothing is collected."""
    gc.disable()
    allow_many_files()
    # Where nobody leads any more, there is nobody to tell.
    with suppress(BrokenPipeError, EOFError):
        try:
            result = work(post, load)
            post.send("returned", result, post.busy)
        except LoadFailed as error:
            post.send("failed", error)
        except Exception:  # noqa: BLE001 (what it was, is told by whoever leads)
            post.send("failed", RuntimeError(traceback.format_exc()))
