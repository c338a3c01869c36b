"""The composition: configuration in, a running server out.

AppError             a command cannot be carried out, or the server cannot go on
"""

import asyncio
import gc
import os
import signal
import socket
import sys
import time
from collections.abc import Awaitable, Callable, Collection, Generator
from contextlib import contextmanager, suppress
from functools import partial
from random import SystemRandom
from typing import Final, NamedTuple, Protocol, cast

import structlog
import uvicorn

from causerie.backends import StoreHealth, open_backend
from causerie.resources import web_path
from causerie.server.census import take_census
from causerie.server.config import Config, without_secrets
from causerie.server.http import ALIVE, Health, http_app, http_protocol
from causerie.server.hub import Hub
from causerie.server.listening import BACKLOG, is_loopback_only, listen
from causerie.server.logs import configure_logs
from causerie.server.loop_share import LoopShare
from causerie.server.pauses import Pauses
from causerie.server.settings import HubSettings
from causerie.server.web import WebClient
from causerie.server.websocket import WebSocketSettings, websocket_protocol
from causerie.version import __version__
from causerie.wire.codes import CloseCode
from causerie.wire.errors import CauserieError

REQUEST_TIMEOUT: Final = 10.0
"""Seconds in which the head of an HTTP request has to come."""
COMMIT_TIMEOUT: Final = 3.0
"""Of a graceful stop, the seconds for what was taken to become durable and be answered."""
STOP_TIMEOUT: Final = 4.0
"""The seconds after which a graceful stop cuts whoever is left."""
END_TIMEOUT: Final = 4.8
"""The seconds after which it no longer waits for the disk to let go, so that it takes 5 at most."""
_FILE_LIMITS: Final = (65_536, 10_240)
"""Open files to ask for where as many as the hard limit allows are refused; the last is what macOS
grants everybody (OPEN_MAX)."""
DAY: Final = 24 * 60 * 60.0
"""In seconds."""
LATE: Final = 1.0
"""Seconds by which a timer is so late that the process must have been held up: stopped, or busy."""
READ_FIRST: Final = 0.05
"""The seconds for which what is due then waits, so that what came meanwhile is read before."""
SWITCH_INTERVAL: Final = 0.0005
"""Seconds after which the thread that commits has the event loop give way (usually 0.005)."""

_logger = structlog.get_logger("causerie.app")


class AppError(CauserieError):
    """The command cannot be carried out. The message is one sentence and says what to do."""


class SystemClock:
    """The machine's clock, as the hub reads it."""

    def monotonic(self) -> float:
        """Seconds; never goes back."""
        return time.monotonic()

    def wall(self) -> int:
        """Microseconds since 1970 (UTC)."""
        return time.time_ns() // 1000


class _Connection(Protocol):
    """A WebSocket or an HTTP connection, as uvicorn's server has it."""

    def shutdown(self) -> None:
        """Ends gracefully."""

    def abort(self) -> None:
        """Cuts."""


class App:
    """A server: storage, hub and sockets, from `run` to its return.

    All of it lives on one event loop. `announce` is told where the server can be reached, once it
    can. It `shares_port` with other processes if it is one of several workers; and `nats_in_data`
    if its NATS server is one of ours that keeps all in the data folder.
    """

    def __init__(
        self,
        config: Config,
        *,
        announce: Callable[[str], None],
        shares_port: bool = False,
        nats_in_data: bool = False,
    ) -> None:
        self._config = config
        self._announce = announce
        self._shares_port = shares_port
        self._nats_in_data = nats_in_data
        self._clock = SystemClock()
        self._health: Health = "ok"
        self._stop = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0
        self._is_reading_first = False
        self._failure = ""
        self._is_stuck = False
        self._ends_by: float | None = None
        """When, by the loop's clock, a stop that has begun has to end."""

    async def run(self) -> None:
        """Serves until `stop`.

        Raises:
            ListenError: it cannot listen where it should.
            StorageError: the data folder cannot be used.
            AppError: the data folder is a file; or the log has failed, and the server had to stop.
        """
        config = self._config
        if _is(config.data.is_file):
            raise AppError(
                f"{config.data} is a file: name a folder with --data, which is made if it does "
                "not exist."
            )
        loop = asyncio.get_running_loop()
        sockets = listen(config.host, config.port, shared=self._shares_port)
        try:
            backend = await open_backend(
                config,
                clock=self._clock.wall,
                tell_health=self._note_health,
                lost=self._name_lost,
            )
        except BaseException:
            for sock in sockets:
                sock.close()
            raise
        settings = HubSettings(
            rate=config.rate_limit,
            grace=config.grace,
            heartbeat=config.heartbeat,
            keep_for=config.keep_days * DAY,
            keep_last=config.keep_last,
            version=f"causerie/{__version__}",
        )
        hub = self._hub = Hub(
            backend.log,
            backend.directory,
            settings,
            self._clock,
            schedule=lambda action: _soon(loop, action),
            arm=self._arm,
            chance=SystemRandom(),
            failed=self._log_failed,
            bus=backend.bus,
        )
        pauses = Pauses(loop) if config.watch_loop else None
        share = LoopShare()
        port = sockets[0].getsockname()[1]
        host = f"[{config.host}]" if ":" in config.host else config.host
        url = f"http://{host}:{port}"
        server = _Server(
            uvicorn.Config(
                http_app(
                    lambda: self._health,
                    _web_client(),
                    pauses.take if pauses else None,
                    partial(take_census, hub) if pauses else None,
                ),
                http=http_protocol(REQUEST_TIMEOUT, share),
                ws=websocket_protocol(
                    hub.accept,
                    WebSocketSettings(
                        max_message=settings.frame,
                        allow_origin=frozenset(config.allow_origin),
                        loopback_only=is_loopback_only(sockets),
                        max_connections=config.max_connections or None,
                        compression=config.compression == "on",
                    ),
                    share=share,
                ),
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                backlog=BACKLOG,
            ),
            started=lambda: self._started(url),
            stop=self._stop,
            end=self._end,
        )
        if pauses is not None:
            pauses.start()
        try:
            await server.serve(sockets)
        finally:
            if pauses is not None:
                pauses.stop()
            if self._timer is not None:
                self._timer.cancel()
            if self._ends_by is None:
                await backend.close(STOP_TIMEOUT)
            elif not self._is_stuck:
                await backend.close(max(0.0, self._ends_by - loop.time()))
        _logger.info("stopped")
        if self._failure:
            raise AppError(
                f"The log cannot be written ({self._failure}): see to the disk, then start the "
                "server again; all that was acknowledged is in the log."
            )

    def stop(self) -> None:
        """Begins to end gracefully: accepts no more, commits what was taken, answers it, closes
        everyone with 1001; takes 5 seconds at most.
        """
        self._stop.set()

    def _started(self, url: str) -> None:
        # What is there by now stays; the collector need not look at it again.
        gc.collect()
        gc.freeze()
        servers = () if self._nats_in_data else self._config.nats
        place = without_secrets(",".join(servers)) or str(self._config.data)
        _logger.info("listening", url=url, data=place, version=__version__)
        self._announce(url)

    async def _end(self, connections: Collection[_Connection]) -> None:
        """Ends every connection, once the server accepts nothing new."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + STOP_TIMEOUT
        self._ends_by = loop.time() + END_TIMEOUT
        if self._health in ALIVE:
            self._health = "stopping"
            _logger.info("stopping", connections=len(connections))
            answered = asyncio.Event()
            self._hub.stop(answered.set)
            try:
                async with asyncio.timeout(COMMIT_TIMEOUT):
                    await answered.wait()
            except TimeoutError:
                # The thread that writes hangs, and would hold up the end for longer.
                self._is_stuck = True
                self._failure = f"the last commit took longer than {COMMIT_TIMEOUT:g} seconds"
                _logger.error("not everything could be committed in time")
                self._hub.close_all(CloseCode.GOING_AWAY, "the server is stopping")
        for connection in list(connections):
            connection.shutdown()
        while connections and loop.time() < deadline:  # noqa: ASYNC110 uvicorn's set tells nobody
            await asyncio.sleep(0.01)
        for connection in list(connections):
            connection.abort()

    def _note_health(self, health: StoreHealth) -> None:
        if self._health in ALIVE:
            self._health = health
            tell = _logger.info if health == "ok" else _logger.warning
            tell("the store of the rooms", health=health)

    def _name_lost(self, identity: str) -> None:
        self._hub.sessions.look_up(identity)

    def _log_failed(self, reason: str) -> None:
        self._health = "failed"
        self._failure = reason
        _logger.critical("the log has failed: nothing more is acknowledged", reason=reason)
        self.stop()

    # The one timer of the hub.

    def _arm(self, when: float) -> None:
        if self._timer is not None:
            if self._timer_at <= when:
                return
            self._timer.cancel()
        self._timer_at = when
        delay = max(0.0, when - self._clock.monotonic())
        self._timer = asyncio.get_running_loop().call_later(delay, self._tick)

    def _tick(self) -> None:
        self._timer = None
        now = self._clock.monotonic()
        if now - self._timer_at > LATE and not self._is_reading_first:
            # A loop may come to its timers before its sockets, and who has answered in time would
            # be taken for silent, and lose its name.
            self._is_reading_first = True
            self._arm(now + READ_FIRST)
        else:
            self._is_reading_first = False
            self._hub.tick()


class _Server(uvicorn.Server):
    """uvicorn's server, stopped by an event instead of signals and a poll."""

    def __init__(
        self,
        config: uvicorn.Config,
        *,
        started: Callable[[], None],
        stop: asyncio.Event,
        end: Callable[[Collection[_Connection]], Awaitable[None]],
    ) -> None:
        super().__init__(config)
        self._tell_started = started
        self._stop = stop
        self._end = end

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        """Leaves the signals alone."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Accepts connections."""
        await super().startup(sockets)
        self._tell_started()

    async def main_loop(self) -> None:
        """Waits; once a second, has the `Date` header written anew."""
        while not self._stop.is_set():
            await self.on_tick(0)
            with suppress(TimeoutError):
                async with asyncio.timeout(1.0):
                    await self._stop.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Accepts no more, and ends every connection."""
        for server in self.servers:
            server.close()
        # All connections are made by the two classes of ours.
        await self._end(cast("Collection[_Connection]", self.server_state.connections))
        await super().shutdown(sockets)


def _is(what: Callable[[], bool]) -> bool:
    """Asks what a path is; it is nothing in a folder that may not be looked into."""
    try:
        return what()
    except OSError:
        return False


class Employment(NamedTuple):
    """What a worker is told by the process that has started it (`causerie.workers`)."""

    number: int
    """From 1."""
    announce: Callable[[str], None]
    """Is told where the worker can be reached, once it can."""
    channel: int
    """A descriptor, of which something can be read when the worker is to stop, or the other process
    has ended."""
    nats_in_data: bool
    """Whether that process runs the NATS server, which keeps all in the data folder."""


def serve(config: Config, employment: Employment | None = None) -> None:
    """Serves until SIGTERM, SIGINT (Ctrl+C) or SIGHUP (the terminal is closed); a second SIGTERM or
    SIGINT ends at once. Blocks. A worker serves until SIGTERM, or until its employment ends.

    Writes where the server can be reached to stdout, and its log to stderr.

    Raises:
        CauserieError: as `App.run` does; the message says what to do.
    """
    worker = None if employment is None else employment.number
    configure_logs(config.log_format, config.log_level, sys.stderr, worker=worker)
    _raise_file_limit()
    # What people say to one another is nobody else's on this machine, whoever made the folder.
    os.umask(0o077)
    sys.setswitchinterval(SWITCH_INTERVAL)
    # Connections live long, are many, and nearly never garbage. A generation holds up everybody for
    # as long as it takes to look at what came since it was last looked at: of the second, 40,000
    # objects take 3 ms. The third is looked at whole, which at 15,000 connections takes 100 ms:
    # that is done after four million objects, if a quarter of those alive has come since. Later,
    # what asyncio's own loop leaves of each connection could grow to gigabytes.
    gc.set_threshold(10_000, 3, 100)
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(_serve(config) if employment is None else _work(config, employment))


def _soon(loop: asyncio.AbstractEventLoop, action: Callable[[], None]) -> None:
    loop.call_soon(action)


async def _work(config: Config, employment: Employment) -> None:
    app = App(
        config,
        announce=employment.announce,
        shares_port=True,
        nats_in_data=employment.nats_in_data,
    )
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, app.stop)

    def dismissed() -> None:
        loop.remove_reader(employment.channel)
        app.stop()

    loop.add_reader(employment.channel, dismissed)
    await app.run()


async def _serve(config: Config) -> None:
    app = App(config, announce=announce)
    loop = asyncio.get_running_loop()
    signals = 0

    def on_signal(number: int) -> None:
        nonlocal signals
        signals += 1
        if signals > 1:
            # What was acknowledged is on the disk.
            os._exit(128 + number)
        app.stop()

    def interrupt(number: int, _frame: object) -> None:
        loop.call_soon_threadsafe(on_signal, number)

    for number in (signal.SIGINT, signal.SIGTERM):
        try:
            loop.add_signal_handler(number, on_signal, int(number))
        except NotImplementedError:  # Windows
            signal.signal(number, interrupt)
    # A closed terminal may say so twice; and nobody is told who started this with nohup.
    if sys.platform != "win32" and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        with suppress(NotImplementedError):
            loop.add_signal_handler(signal.SIGHUP, app.stop)
    await app.run()


def announce(url: str) -> None:
    """Writes where the server can be reached."""
    sys.stdout.write(f"Causerie listens on {url}\n")
    sys.stdout.flush()


def _web_client() -> WebClient | None:
    """The web client, if it has been built: a checkout may be without it."""
    try:
        return WebClient(web_path())
    except FileNotFoundError:
        return None


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """uvloop's, where it is installed."""
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop


def _raise_file_limit() -> None:
    """Allows as many open files, and so connections, as the system lets this user have."""
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft in {hard, resource.RLIM_INFINITY}:
        return
    # Where the hard limit is none, the system has one of its own that it does not tell (macOS).
    for limit in (hard, *(other for other in _FILE_LIMITS if other > soft)):
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
            return
