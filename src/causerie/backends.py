"""What a server keeps its rooms and names in: the only place, with `causerie.testing`, that picks
adapters.

In a data folder, with SQLite, for one server. In NATS, for as many as are given the same servers.
"""

import asyncio
import secrets
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from causerie.adapters.jetstream_health import Health
from causerie.ports import Bus, Directory, Log
from causerie.server.config import Config
from causerie.wire.errors import CauserieError

if TYPE_CHECKING:
    from causerie.adapters.jetstream_directory import JetStreamDirectory
    from causerie.adapters.jetstream_link import Link
    from causerie.adapters.jetstream_log import JetStreamLog
    from causerie.adapters.nats_bus import NatsBus
    from causerie.adapters.nats_server import NatsServer

NATS_WITHIN: Final = 10.0
"""Seconds for NATS to be there when a server begins."""
AGAIN_AFTER: Final = 0.2
"""Seconds after which to ask it again for what it could not do yet."""
REPLICAS: Final = 3
"""How many NATS servers keep the log where there are as many: one of them may be lost."""
PREFIX: Final = "causerie"
"""What the name of everything of ours in NATS begins with."""
NATS_FOLDER: Final = "nats"
"""Where, in the data folder, a NATS server of ours keeps everything."""


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
    return _Sqlite(config, clock)


def nats_server(data: Path) -> "NatsServer":
    """Makes a NATS server that keeps all in a data folder; it is not started yet.

    Raises:
        BackendError: what it takes is not installed.
    """
    _require_nats()
    from causerie.adapters.nats_server import NatsServer

    return NatsServer(data / NATS_FOLDER)


def _require_nats() -> None:
    if find_spec("nats") is None:
        raise BackendError("To serve with NATS takes its client: pip install 'causerie[cluster]'.")


class _Sqlite:
    """A data folder."""

    def __init__(self, config: Config, clock: Callable[[], int]) -> None:
        from causerie.adapters import sqlite

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
        self, link: "Link", log: "JetStreamLog", directory: "JetStreamDirectory", bus: "NatsBus"
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
        from causerie.adapters.jetstream_directory import JetStreamDirectory
        from causerie.adapters.jetstream_lease import LEASE
        from causerie.adapters.jetstream_link import Link, LinkError
        from causerie.adapters.jetstream_log import JetStreamLog
        from causerie.adapters.jetstream_names import NAMES, NODES, AwayError
        from causerie.adapters.jetstream_values import Values
        from causerie.adapters.nats_bus import NatsBus

        node = secrets.token_hex(8)
        link = Link(config.nats, name=f"causerie {node}")
        try:
            await link.open(NATS_WITHIN)
            replicas = REPLICAS if link.known >= REPLICAS else 1
            values = Values(link, PREFIX)
            until = asyncio.get_running_loop().time() + NATS_WITHIN

            async def make(bucket: str, max_age: float) -> float:
                """Makes a bucket. A cluster that has just begun chooses its leaders first."""
                while True:
                    try:
                        return await values.create(bucket, replicas=replicas, max_age=max_age)
                    except AwayError:
                        if asyncio.get_running_loop().time() > until:
                            raise
                        await asyncio.sleep(AGAIN_AFTER)

            await make(NAMES, 0.0)
            lease = await make(NODES, LEASE)
            directory = JetStreamDirectory(
                values,
                node,
                names_per_address=config.names_per_address,
                lease=lease,
                lost=lambda _folded, identity: lost(identity),
            )
            log = await JetStreamLog.open(
                link, clock=clock, prefix=PREFIX, replicas=replicas, before=directory.kept
            )
        except (LinkError, AwayError) as error:
            await link.close()
            raise BackendError(
                f"NATS cannot be used ({error}): see that it runs, with JetStream, and that --nats "
                "names it."
            ) from None
        link.on_health(tell_health)
        return cls(link, log, directory, NatsBus(link, prefix=PREFIX, node=node))

    async def close(self, within: float) -> None:
        """Lets go of it."""
        await self._log.drain(within)
        self._log.close(0.0)
        await self._directory.close(within)
        await self._link.close()
