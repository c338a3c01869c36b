"""What a server keeps its rooms and names in: the only place, with `causerie.testing`, that picks
adapters.

In a data folder, with SQLite, for one server. In NATS, for as many as are given the same servers:
those that somebody runs, or one of our own, which keeps all in a folder of the data folder.
"""

import asyncio
import secrets
import shlex
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

import structlog

from causerie.adapters import sqlite
from causerie.adapters.jetstream_health import Health
from causerie.adapters.lock_file import Locked
from causerie.archive import Archive
from causerie.chat.names import NameRefused, parse_username
from causerie.ports import Bus, Directory, Log
from causerie.server.config import Config, SettingRefused, without_secrets
from causerie.wire.errors import CauserieError

if TYPE_CHECKING:
    from causerie.adapters.jetstream_archive import JetStreamArchive
    from causerie.adapters.jetstream_directory import JetStreamDirectory
    from causerie.adapters.jetstream_link import Link
    from causerie.adapters.jetstream_partitions import NatsLog
    from causerie.adapters.jetstream_values import Values
    from causerie.adapters.nats_bus import NatsBus
    from causerie.adapters.nats_server import NatsServer

NATS_WITHIN: Final = 10.0
"""Seconds for NATS to be there when a server begins."""
LEADERS_WITHIN: Final = 20.0
"""Seconds for its leaders to be there then: a cluster that has just begun, or has lost a server,
chooses them first."""
REPLICAS: Final = 3
"""How many NATS servers keep the log where there are as many: one of them may be lost."""
PREFIX: Final = "causerie"
"""What the name of everything of ours in NATS begins with."""
NATS_FOLDER: Final = "nats"
"""Where, in the data folder, a NATS server of ours keeps everything."""


_logger = structlog.get_logger("causerie.backends")

StoreHealth = Health


class BackendError(CauserieError):
    """Nothing can be kept. The message is one sentence and says what to do."""


class Backend(Protocol):
    """What is open from the begin of a server to its end. All of it belongs to the event loop."""

    @property
    def log(self) -> Log:
        """Where the rooms are."""

    @property
    def directory(self) -> Directory:
        """Who holds which name."""

    @property
    def bus(self) -> Bus | None:
        """The way to the other servers, if there may be some."""

    async def close(self, within: float) -> None:
        """Lets go of everything; what was appended becomes durable and is answered, if that can be
        done in so many seconds.
        """


async def open_backend(
    config: Config,
    *,
    clock: Callable[[], int],
    tell_health: Callable[[StoreHealth], None],
    lost: Callable[[str], None],
) -> Backend:
    """Opens what a configuration names. `clock` tells microseconds, from any thread; `tell_health`
    is told how well it can be reached, whenever that changes; `lost` an identity that has lost its
    name, because this server was cut off for so long that others could take it.

    Raises:
        CauserieError: it cannot be; the message says why, and what to do.
    """
    if config.nats:
        return await _Nats.open(config, clock, tell_health, lost)
    await _require_moved_back(config.data)
    return _Sqlite(config, clock)


def nats_server(data: Path) -> "NatsServer":
    """Makes a NATS server that keeps all in a data folder; it is not started yet.

    Raises:
        BackendError: what it takes is not installed.
    """
    _require_nats()
    from causerie.adapters.nats_server import NatsServer

    return NatsServer(data / NATS_FOLDER)


def require_moved(data: Path, url: str) -> None:
    """Sees that the NATS server of a data folder, which runs at `url`, has rooms if the folder has
    some beside it. Blocks.

    Raises:
        BackendError: it has none: whoever came would find an empty chat.
        CauserieError: that cannot be looked into.
    """
    here = _last_said_in_folder(data)
    if here is None:
        return
    there = asyncio.run(_last_said((url,)))
    command = _move_command(data, data / NATS_FOLDER)
    if there is None:
        raise BackendError(
            f"The rooms in {data} were kept by a server without workers, and none of them would be "
            f"there: take them over with `{command}`, or choose another folder with --data."
        )
    if here > there:
        _logger.warning(
            "what was said last by a server without workers is not used until it is taken over",
            data=str(data),
            command=command,
        )
    else:
        # What was moved is there twice, and of the copy nothing is missing.
        _logger.info(
            "the rooms are in NATS; the copy from before they were moved stays beside them",
            data=str(data),
        )


async def _require_moved_back(data: Path) -> None:
    """Sees that a data folder has rooms if the NATS server has some that keeps all in it."""
    if not _has_nats(data):
        return
    command = _move_command(data / NATS_FOLDER, data)
    if _last_said_in_folder(data) is not None:
        # Whether anything was said there since it was moved, only a NATS server could tell.
        _logger.warning(
            "what a server with workers has kept here is not used until it is taken over",
            data=str(data),
            command=command,
        )
        return
    async with _own_nats(data) as url:
        last = await _last_said((url,))
    if last is not None:
        raise BackendError(
            f"The rooms in {data} were kept by a server with workers, and none of them would be "
            f"there: start it with --workers 2, or take them over with `{command}`, or choose "
            "another folder with --data."
        )


def _move_command(source: Path, target: Path) -> str:
    return shlex.join(["causerie", "move", str(source), str(target)])


def release_name(text: str, data: Path, servers: Sequence[str] = ()) -> str:
    """Frees a name that somebody keeps, whether servers run or not, and tells what was done, in a
    sentence. It is looked for in NATS `servers`, if some are named, and else in all that a data
    folder has. Blocks.

    Raises:
        CauserieError: it is no name, there is no chat, or nobody keeps the name; the message says
            what to do.
    """
    try:
        name = parse_username(text)
    except NameRefused as error:
        raise BackendError(f"{text!r} is no name: {error}.") from None
    if servers:
        place, was_kept = "NATS", asyncio.run(_release(servers, name.folded))
    else:
        place, was_kept = str(data), _release_in_folder(data, name.folded)
    if not was_kept:
        raise BackendError(
            f"Nobody keeps the name {name.display} in {place}, so it is free already; if another "
            "server is meant, name its data folder with --data, or its NATS servers with --nats."
        )
    return f"{name.display} is free."


def _release_in_folder(data: Path, folded: str) -> bool:
    """Frees a name wherever in a folder it is kept: what was moved is there twice."""
    has_database, has_nats = _is(lambda: sqlite.is_there(data)), _has_nats(data)
    if not has_database and not has_nats:
        raise BackendError(
            f"There is no chat in {data}: name the server's data folder with --data, or its NATS "
            "servers with --nats."
        )
    was_kept = has_database and sqlite.release_name(data, folded)
    if has_nats:

        async def release() -> bool:
            async with _own_nats(data, or_running=True) as url:
                return await _release((url,), folded)

        was_kept = asyncio.run(release()) or was_kept
    return was_kept


async def _release(servers: Sequence[str], folded: str) -> bool:
    """Frees a name in NATS; where there is no chat, nobody keeps one."""
    _require_nats()
    from causerie.adapters.jetstream_directory import release_name
    from causerie.adapters.jetstream_stream import Unmade
    from causerie.adapters.jetstream_streams import find_streams
    from causerie.adapters.jetstream_values import Values

    async with _nats_link(servers, "causerie name release") as link:
        try:
            await find_streams(link, PREFIX)
        except Unmade:
            return False
        return await release_name(Values(link, PREFIX), folded)


@asynccontextmanager
async def open_archive(
    place: str, *, make: bool = False, streams: int = 0
) -> AsyncIterator[Archive]:
    """Opens a chat that nobody serves, for this process alone. A place is a data folder; the folder
    called nats in one, where a server with workers keeps all; or NATS servers, with commas between
    them. What is not there yet is only made if that is said; in NATS it is to have so many
    `streams`, or as many as are there (0).

    Raises:
        CauserieError: it is not there, is served by somebody, or cannot be used; the message says
            what to do.
    """
    path = Path(place)
    if servers := _servers_of(place):
        async with _nats_archive(servers, place, make=make, streams=streams) as archive:
            nodes = await archive.nodes()
            if nodes:
                shown = without_secrets(place)
                raise BackendError(
                    f"Servers run on {shown} ({', '.join(nodes)}): stop them, and run this again; "
                    "of one that was killed it is known after 15 s that it is gone."
                )
            yield archive
    elif path.name == NATS_FOLDER and not _is(lambda: sqlite.is_there(path)):
        if not make and not _has_nats(path.parent):
            raise _no_chat(place)
        async with (
            _own_nats(path.parent) as url,
            _nats_archive((url,), place, make=make, streams=streams) as archive,
        ):
            yield archive
    else:
        if streams:
            raise BackendError(
                f"{place} is a data folder, and has no streams: leave --streams out, or name NATS "
                f"servers, or the folder {NATS_FOLDER} in one."
            )
        if not make and not _is(lambda: sqlite.is_there(path)):
            raise _no_chat(place)
        try:
            folder = sqlite.open_archive(path)
        except sqlite.FolderInUse as error:
            raise _in_use(place, error) from error
        try:
            if not make:
                folder.require_whole()
            yield folder
        finally:
            folder.close()


def _servers_of(place: str) -> tuple[str, ...]:
    """The NATS servers that a place is; none if it is a folder."""
    if not place.startswith(("nats:", "tls:")):
        return ()
    servers = tuple(server.strip() for server in place.split(","))
    try:
        return Config(nats=servers).nats
    except SettingRefused as error:
        raise BackendError(f"{without_secrets(place)} {error.why}") from None


def _no_chat(place: str) -> BackendError:
    return BackendError(
        f"There is no chat in {without_secrets(place)}: name a data folder, the folder "
        f"{NATS_FOLDER} in one, or NATS servers as nats://HOST:PORT."
    )


def _in_use(place: str, error: CauserieError, *, whose: str = "") -> BackendError:
    """`whose` process the lock is, if not the server's own."""
    lock = error.__cause__
    holder = lock.holder if isinstance(lock, Locked) else ""
    process = f" ({whose}process {holder})" if holder else ""
    return BackendError(f"A server{process} runs on {place}: stop it, and run this again.")


def _has_nats(data: Path) -> bool:
    """Whether a NATS server of ours has ever kept something in a data folder."""
    return _is((data / NATS_FOLDER / "jetstream").is_dir)


def _is(what: Callable[[], bool]) -> bool:
    """Asks what a path is; it is nothing in a folder that may not be looked into."""
    try:
        return what()
    except OSError:
        return False


def _require_nats() -> None:
    if find_spec("nats") is None:
        raise BackendError(
            "To serve with NATS takes its client: pip install '.[cluster]' in Causerie's checkout."
        )


@asynccontextmanager
async def _own_nats(data: Path, *, or_running: bool = False) -> AsyncIterator[str]:
    """A NATS server on what one has kept in a data folder; yields where it is. That may be one that
    runs there already, if that is said.

    Raises:
        BackendError: another runs there.
    """
    server = nats_server(data)
    from causerie.adapters.nats_server import NatsFolderInUse, find_running

    try:
        await asyncio.to_thread(server.start)
    except NatsFolderInUse as error:
        url = find_running(data / NATS_FOLDER) if or_running else None
        if url is None:
            place = str(data / NATS_FOLDER)
            raise _in_use(place, error, whose="with NATS as ") from error
        yield url
        return
    try:
        await asyncio.to_thread(server.wait_ready)
        yield server.url
    finally:
        await asyncio.to_thread(server.stop)


@asynccontextmanager
async def _nats_link(servers: Sequence[str], name: str) -> AsyncIterator["Link"]:
    """A connection to NATS, for as long as nothing goes wrong with it.

    Raises:
        BackendError: something does.
    """
    from causerie.adapters.jetstream_link import Link, LinkError
    from causerie.adapters.jetstream_names import AwayError

    link = Link(servers, name=name)
    try:
        await link.open(NATS_WITHIN)
        yield link
    except (LinkError, AwayError) as error:
        raise _unusable(error) from None
    finally:
        await link.close()


def _unusable(error: CauserieError) -> BackendError:
    from causerie.adapters.jetstream_streams import Incomplete

    if isinstance(error, Incomplete):
        return BackendError(
            f"The chat in NATS is not whole ({error}): put what is missing back from a copy, or, "
            "for a new chat to begin, remove all that is left of it from NATS."
        )
    return BackendError(
        f"NATS cannot be used ({error}): see that it runs, with JetStream, at the address that was "
        "given."
    )


def _unfinished() -> BackendError:
    return BackendError(
        "NATS holds only a part of a chat, since `causerie move` did not get to its end: run the "
        "same command again, and it goes on where it stopped."
    )


def _other_count(count: int) -> BackendError:
    streams = "1 stream" if count == 1 else f"{count} streams"
    return BackendError(
        f"The chat in NATS has {streams}, and keeps as many: leave --streams out, or take the chat "
        "over with `causerie move --streams` to where there is none yet."
    )


class _Buckets(NamedTuple):
    """Where names are in NATS."""

    values: "Values"
    lease: float
    """Seconds after which a node that is silent is gone."""
    replicas: int
    """How many servers keep them, and are to keep the log."""


async def _make_buckets(link: "Link") -> _Buckets:
    """Makes them, where there are none yet."""
    from causerie.adapters.jetstream_archive import insist
    from causerie.adapters.jetstream_lease import LEASE
    from causerie.adapters.jetstream_names import NAMES, NODES
    from causerie.adapters.jetstream_values import Values

    replicas = REPLICAS if link.known >= REPLICAS else 1
    values = Values(link, PREFIX)

    def make(bucket: str, max_age: float) -> Awaitable[float]:
        create = partial(values.create, bucket, replicas=replicas, max_age=max_age)
        return insist(create, LEADERS_WITHIN)

    await make(NAMES, 0.0)
    lease = await make(NODES, LEASE)
    return _Buckets(values, lease, replicas)


@asynccontextmanager
async def _nats_archive(
    servers: Sequence[str], place: str, *, make: bool, streams: int
) -> AsyncIterator["JetStreamArchive"]:
    _require_nats()
    from causerie.adapters.jetstream_archive import JetStreamArchive, is_part
    from causerie.adapters.jetstream_log import WINDOW
    from causerie.adapters.jetstream_stream import Unmade
    from causerie.adapters.jetstream_streams import OtherCount, find_streams, open_streams
    from causerie.adapters.jetstream_values import Values

    async with _nats_link(servers, "causerie move") as link:
        values = Values(link, PREFIX)
        if make:
            replicas = (await _make_buckets(link)).replicas
            try:
                opened = await open_streams(
                    link, PREFIX, count=streams, replicas=replicas, window=WINDOW
                )
            except OtherCount as error:
                raise _other_count(error.count) from None
        else:
            try:
                opened = await find_streams(link, PREFIX)
            except Unmade:
                raise _no_chat(place) from None
            if await is_part(values):
                raise _unfinished()
        yield JetStreamArchive(link, [stream for stream, _ in opened], values, now=_now())


def _last_said_in_folder(data: Path) -> int | None:
    """When something was said last in the database of a data folder, in microseconds since 1970;
    None if nothing was, or the folder may not be looked into.
    """
    try:
        return sqlite.last_said(data)
    except OSError:
        return None


async def _last_said(servers: Sequence[str]) -> int | None:
    """The same of NATS."""
    _require_nats()
    from causerie.adapters.jetstream_entries import timestamp_of
    from causerie.adapters.jetstream_stream import Unmade
    from causerie.adapters.jetstream_streams import find_streams

    async with _nats_link(servers, "causerie") as link:
        try:
            opened = await find_streams(link, PREFIX)
        except Unmade:
            return None
        found = [await stream.last_of(stream.subjects.entries) for stream, _ in opened]
        return max((timestamp_of(last.payload) for last in found if last is not None), default=None)


def _now() -> int:
    return time.time_ns() // 1000


class _Sqlite:
    """A data folder."""

    def __init__(self, config: Config, clock: Callable[[], int]) -> None:
        loop = asyncio.get_running_loop()
        log, directory = sqlite.open_folder(
            config.data,
            clock=clock,
            call_threadsafe=loop.call_soon_threadsafe,
            schedule=loop.call_soon,
            names_per_address=config.names_per_address,
        )
        self.log: Log = log
        self.directory: Directory = directory
        self.bus: Bus | None = None

    async def close(self, within: float) -> None:
        """Lets go of it."""
        self.log.close(within)


class _Nats:
    """A log, a directory and a bus, on one connection."""

    def __init__(
        self, link: "Link", log: "NatsLog", directory: "JetStreamDirectory", bus: "NatsBus"
    ) -> None:
        self._link = link
        self._log = log
        self._directory = directory
        self.log: Log = log
        self.directory: Directory = directory
        self.bus: Bus | None = bus

    @classmethod
    async def open(
        cls,
        config: Config,
        clock: Callable[[], int],
        tell_health: Callable[[StoreHealth], None],
        lost: Callable[[str], None],
    ) -> "_Nats":
        """Connects, and makes in NATS what is not there yet."""
        _require_nats()
        from causerie.adapters.jetstream_archive import insist, is_part
        from causerie.adapters.jetstream_directory import JetStreamDirectory
        from causerie.adapters.jetstream_link import Link, LinkError
        from causerie.adapters.jetstream_log import WINDOW
        from causerie.adapters.jetstream_names import AwayError
        from causerie.adapters.jetstream_partitions import serve_streams
        from causerie.adapters.jetstream_streams import OtherCount, open_streams
        from causerie.adapters.nats_bus import NatsBus

        def name_lost(_folded: str, identity: str) -> None:
            log.withdraw(identity)
            lost(identity)

        async def claimed(identity: str) -> None:
            await log.arrive(identity)

        node = secrets.token_hex(8)
        link = Link(config.nats, name=f"causerie {node}")
        try:
            await link.open(NATS_WITHIN)
            values, lease, replicas = await _make_buckets(link)
            if await insist(partial(is_part, values), LEADERS_WITHIN):
                raise _unfinished()
            streams = await open_streams(
                link, PREFIX, count=config.streams, replicas=replicas, window=WINDOW
            )
            directory = JetStreamDirectory(
                values,
                node,
                names_per_address=config.names_per_address,
                lease=lease,
                lost=name_lost,
                missed=link.leaseless,
                claimed=claimed,
            )
            log = serve_streams(link, streams, clock=clock, before=directory.kept)
        except OtherCount as error:
            await link.close()
            raise _other_count(error.count) from None
        except (LinkError, AwayError) as error:
            await link.close()
            raise _unusable(error) from None
        except BackendError:
            await link.close()
            raise
        link.on_health(tell_health)
        if link.health != "ok":
            tell_health(link.health)
        return cls(link, log, directory, NatsBus(link, prefix=PREFIX, node=node))

    async def close(self, within: float) -> None:
        """Lets go of it."""
        loop = asyncio.get_running_loop()
        until = loop.time() + within
        await self._log.drain(within)
        self._log.close(0.0)
        await self._directory.close(max(0.0, until - loop.time()))
        await self._link.close()
