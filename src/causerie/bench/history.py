"""Reading old entries, and starting, on logs of any length."""

import time
from array import array
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Final

import msgspec

from causerie.bench import crew
from causerie.bench.asking import Asking
from causerie.bench.courses import Course, backwards, decode, fault, forwards, random_places
from causerie.bench.dialects import Dialect
from causerie.bench.filling import FILLERS, fill
from causerie.bench.generator import LoadFailed
from causerie.bench.percentiles import percentiles
from causerie.bench.phases import Phase
from causerie.bench.result import Result
from causerie.bench.target import OwnServer, Target, Use

KINDS: Final = ("random", "backward", "forward")
"""How one pages, in the order in which it is measured."""

READ_ROOMS: Final = 100
"""Rooms that are paged through, at most; there may be more, for what a start costs."""

FILLING: Final = 0.7
"""The part of the progress that is the filling."""


@dataclass(frozen=True, kw_only=True)
class History:
    """One load."""

    entries: int = 10_000
    """In all rooms together."""
    rooms: int = 1
    limit: int = 100
    """Entries of a page."""
    pages: int = 1_000
    """Of each kind."""
    size: int = 100
    """Bytes of content."""
    seed: int = 1
    """Of the chance that picks places."""

    def __str__(self) -> str:
        where = f" in {self.rooms:,} rooms" if self.rooms > 1 else ""
        return f"{self.entries:,} entries{where}"

    @property
    def entries_a_room(self) -> int:
        """In each room the same."""
        return max(1, self.entries // self.rooms)


@dataclass(frozen=True)
class _Work:
    """What each process is told."""

    load: History
    address: tuple[str, int]
    room: str

    def rooms(self, numbers: range) -> list[str]:
        """The names of rooms."""
        return [f"{self.room}-{number}" for number in numbers]


class _Joined(msgspec.Struct):
    """What matters of a `joined` frame."""

    head: "_Head"


class _Head(msgspec.Struct):
    seq: int


def run(
    load: History,
    target: Target,
    dialect: Dialect,
    *,
    room: str,
    processes: int = 1,
    progress: Callable[[float], None] = crew.tell_nobody,
) -> list[Result]:
    """Measures one load: the server before it, filling, a start on what was filled if the server
    is ours to start, and each kind of page.

    Raises:
        LoadFailed: A page is not whole, or the server does not go on.
    """
    if dialect.name != "v1":
        raise LoadFailed("the plain profile has no history: leave --plain out")
    work = _Work(load, target.address, room)
    results = [_stood(load, "before", target)]
    ran = crew.run(
        _fill,
        work,
        target,
        processes=processes,
        measured=("begin", "filled"),
        progress=lambda share: progress(FILLING * share),
    )
    begin, end = ran.moments["begin"], ran.moments["filled"]
    said = sum(ran.results)
    figures = {
        "acks_per_second": said / (end.at - begin.at),
        "cpu_us_per_ack": (end.cpu - begin.cpu) / said * 1e6,
        **_used(begin, end),
        "generator_busy": ran.busy,
    }
    results.append(Result(f"{load}: filling", target.name, figures))
    if isinstance(target, OwnServer):
        target.at_phase(Phase.RESTARTING)
        target.restart()
        results.append(_stood(load, "restarted", target))
    ran = crew.run(
        _read,
        work,
        target,
        processes=processes,
        measured=(KINDS[0], "read"),
        progress=lambda share: progress(FILLING + (1 - FILLING) * share),
    )
    for kind, after in zip(KINDS, (*KINDS[1:], "read"), strict=True):
        begin, end = ran.moments[kind], ran.moments[after]
        latencies = [latency for result in ran.results for latency in result[kind]]
        figures = {
            "pages_per_second": len(latencies) / (end.at - begin.at),
            "cpu_us_per_page": (end.cpu - begin.cpu) / len(latencies) * 1e6,
            **percentiles(latencies),
            **_used(begin, end),
            "generator_busy": ran.busy,
        }
        results.append(
            Result(f"{load}: {kind} pages of {load.limit}", target.name, figures, latencies)
        )
    return results


def _used(begin: Use, end: Use) -> dict[str, float]:
    return {
        "rss_mb": end.rss / 1e6,
        "server_busy": (end.cpu - begin.cpu) / (end.at - begin.at),
    }


def _stood(load: History, part: str, target: Target) -> Result:
    """How a server stands there that nobody uses."""
    figures = {"rss_mb": target.use().rss / 1e6}
    if isinstance(target, OwnServer):
        figures["start_up_s"] = target.started_in
    return Result(f"{load}: {part}", target.name, figures)


def _fill(post: crew.Post, work: _Work) -> int:
    load = work.load
    rooms = work.rooms(post.mine(load.rooms))
    post.turn_to(Phase.FILLING)
    done = fill(
        work.address,
        rooms,
        load.entries_a_room,
        load.size,
        first=post.index * FILLERS,
        ready=lambda: post.meet("begin"),
        progress=post.progress,
    )
    post.meet("filled")
    return done


def _read(post: crew.Post, work: _Work) -> dict[str, "array[int]"]:
    load = work.load
    rooms = work.rooms(range(min(load.rooms, READ_ROOMS)))
    post.turn_to(Phase.READING)
    with Asking(work.address) as asking:
        hello = b'{"type":"hello","id":"hello","username":"reader%d"}' % post.index
        asking.ask(hello, "welcome")
        heads = {}
        for room in rooms:
            joined = asking.ask(
                b'{"type":"join","id":"join","room":"%s"}' % room.encode(), "joined"
            )
            heads[room] = msgspec.json.decode(joined, type=_Joined).head.seq
        courses: dict[str, Course] = {
            "random": random_places(heads, Random(f"{load.seed}-{post.index}")),
            "backward": backwards(rooms),
            "forward": forwards(rooms),
        }
        took = {}
        for number, (kind, course) in enumerate(courses.items()):
            post.meet(kind)
            took[kind] = _follow(course, asking, load)
            post.progress((number + 1) / len(courses))
        post.meet("read")
    return took


def _follow(course: Course, asking: Asking, load: History) -> "array[int]":
    """Asks for so many pages; returns how long each took to come, in ns."""
    took = array("q")
    ask = next(course)
    for _ in range(load.pages):
        command = ask.command(load.limit)
        asked = time.monotonic_ns()
        answer = asking.ask(command, "history")
        took.append(time.monotonic_ns() - asked)
        page = decode(answer)
        if wrong := fault(ask, page, load.limit):
            raise LoadFailed(f"{wrong} ({ask})")
        ask = course.send(page)
    return took
