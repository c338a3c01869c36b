"""The servers that are compared: Causerie in both profiles, and those rivals that are installed."""

import platform
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

import apsw
from bench.comparison.records import PLAIN, V1, ServerInfo
from bench.rivals.socketio import SocketIO
from bench.rivals.stacks import Rival, rivals, running

from causerie.bench.dialects import DIALECTS, Dialect
from causerie.bench.target import OwnServer, Target, own_server
from causerie.version import __version__


@dataclass(frozen=True)
class Contestant:
    """A server, and how one speaks with it."""

    info: ServerInfo
    dialect: Dialect
    start: Callable[[bool], AbstractContextManager[Target]]
    """A new process of it each time; told whether it is to watch how long it is held up, if it can:
    that takes 1 % of a core.
    """


def contestants() -> tuple[list[Contestant], list[str]]:
    """Those that can take part, and a sentence for each that cannot."""
    found = [
        Contestant(
            ServerInfo(name=name, version=_causerie(), description=description),
            DIALECTS[dialect],
            _own,
        )
        for name, dialect, description in (
            (V1, "v1", "durable: each message is on the disk before anybody sees it"),
            (PLAIN, "plain", "the same server, and what the rivals speak"),
        )
    ]
    missing: list[str] = []
    for rival in rivals():
        if rival.missing:
            missing.append(rival.missing)
            continue
        info = ServerInfo(name=rival.name, version=rival.version, description=rival.description)
        dialect = SocketIO() if rival.dialect == "socketio" else DIALECTS[rival.dialect]
        found.append(Contestant(info, dialect, _starter(rival)))
    return found, missing


@contextmanager
def _own(is_watched: bool) -> Iterator[Target]:
    with own_server(options=["--watch-loop"] if is_watched else []) as server:
        yield server


def _starter(rival: Rival) -> Callable[[bool], AbstractContextManager[Target]]:
    @contextmanager
    def start(_is_watched: bool) -> Iterator[Target]:
        with running(rival) as (process, port):
            yield Target(rival.name, ("127.0.0.1", port), process.pid)

    return start


def loop_held(target: Target) -> dict[str, float]:
    """The longest that Causerie has been held up by one thing, in ms, as a figure; {} if it does
    not tell.
    """
    if not isinstance(target, OwnServer):
        return {}
    held = target.take_held()
    return {} if held is None else {"loop_held_ms": held}


def _causerie() -> str:
    try:
        loop = f"uvloop {version('uvloop')}"
    except PackageNotFoundError:
        loop = "asyncio"
    sqlite = f"SQLite {apsw.sqlite_lib_version()}"
    return f"Causerie {__version__}, {loop}, {sqlite}, Python {platform.python_version()}"
