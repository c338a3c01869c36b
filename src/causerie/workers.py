"""Several servers behind one port, each a process with a core of its own.

    parent ──starts, watches, stops──▶ worker 1 … N, each a whole server (`causerie.app`)
       └──and, unless it was told of one──▶ a NATS server in the data folder

All share what they keep and tell one another, over NATS, so that no client can tell which one it is
served by. The system spreads connections over them (SO_REUSEPORT). A worker that is lost is started
again; those whom it served come back meanwhile, to whichever worker is there. So is a NATS server
of our own; what is said meanwhile waits.
"""

import multiprocessing
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import replace
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from typing import Final, NamedTuple

import structlog

from causerie.app import AppError, Employment, announce, serve
from causerie.backends import nats_server, require_moved
from causerie.server.config import Config
from causerie.server.listening import reserve
from causerie.server.logs import configure_logs
from causerie.wire.errors import CauserieError

READY_WITHIN: Final = 60.0
"""Seconds for the workers to be ready when the server starts."""
STOP_WITHIN: Final = 6.0
"""Seconds for a worker to stop by itself: it promises 5."""
START_AGAIN_AFTER: Final = 1.0
"""Seconds from the loss of a worker to its restart; twice as many each time it is lost early."""
START_AGAIN_AT_MOST: Final = 30.0
"""Seconds: no restart waits longer."""
EARLY: Final = 10.0
"""A worker that is lost within so many seconds from its start may be lost again for that reason."""

_logger = structlog.get_logger("causerie.workers")


class _Ready(NamedTuple):
    """What a worker says once it can be reached."""

    url: str


class _Failed(NamedTuple):
    """What a worker says when it cannot go on, in a sentence."""

    message: str


class _Worker:
    """One of them: the process that it is now, or will be."""

    def __init__(self, number: int, config: Config, *, nats_in_data: bool) -> None:
        self.number = number
        self._config = config
        self._nats_in_data = nats_in_data
        self._process: multiprocessing.process.BaseProcess | None = None
        self.channel: Connection | None = None
        """What it says; its end tells that it has ended."""
        self.url = ""
        """Where it can be reached; empty before."""
        self.failure = ""
        """Why it has ended, or is about to, if it has said so since it was started."""
        self.exit_code: int | None = None
        """With what its process has ended last; negative, if by a signal."""
        self.has_served = False
        """Whether it could ever be reached."""
        self.starts_at = 0.0
        """When it is to be started (again), in seconds, monotonic."""
        self.delay = START_AGAIN_AFTER
        """Seconds from its last end to then."""
        self._started_at = 0.0

    def start(self) -> None:
        """Starts the process."""
        context = multiprocessing.get_context("spawn")
        self.channel, theirs = context.Pipe()
        self.url = self.failure = ""
        self._started_at = time.monotonic()
        self._process = context.Process(
            target=_work,
            args=(self._config, self.number, self._nats_in_data, theirs),
            name=f"causerie-worker-{self.number}",
        )
        # It would start a process of its own in between, and let signals through again.
        resource_tracker.ensure_running()
        # It begins with these blocked, or they would interrupt it while it loads what it needs.
        signal.pthread_sigmask(signal.SIG_BLOCK, _for_the_parent())
        self._process.start()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _for_the_parent())
        theirs.close()

    def hear(self) -> bool:
        """Takes what it has said; tells whether it goes on."""
        assert self.channel is not None, "it was started"
        try:
            said: _Ready | _Failed = self.channel.recv()
        except (EOFError, OSError):
            self._lose()
            return False
        match said:
            case _Ready(url):
                self.url = url
                self.has_served = True
            case _Failed(message):
                self.failure = message
        return True

    def ask_to_stop(self) -> None:
        """Has it end gracefully."""
        if self._process is not None and self._process.pid is not None:
            self._process.terminate()

    def end(self, until: float) -> None:
        """Waits until it has ended, and kills it if that takes longer than up to then."""
        process, self._process = self._process, None
        if process is None:
            return
        process.join(max(0.0, until - time.monotonic()))
        if process.is_alive():
            process.kill()
            process.join()
        self.exit_code = process.exitcode
        if self.channel is not None:
            self.channel.close()
            self.channel = None

    def _lose(self) -> None:
        now = time.monotonic()
        early = now - self._started_at < EARLY
        self.delay = min(self.delay * 2, START_AGAIN_AT_MOST) if early else START_AGAIN_AFTER
        self.starts_at = now + self.delay
        self.end(now + STOP_WITHIN)


class Workers:
    """All of them, from `run` to its return. `announce` is told where they can be reached."""

    def __init__(self, config: Config, *, announce: Callable[[str], None]) -> None:
        self._config = config
        self._announce = announce
        self._signals = 0
        self._wake, self._woken = socket.socketpair()
        self._workers: list[_Worker] = []
        self._see_to_nats: Callable[[], None] | None = None
        """Starts a NATS server of our own again, if it has ended."""

    def run(self) -> None:
        """Serves until SIGTERM, SIGINT or SIGHUP; a second SIGTERM or SIGINT ends at once. Blocks.

        Raises:
            ListenError: it cannot listen where it should.
            AppError: a worker could not begin.
            CauserieError: there is no NATS server, or none of the rooms would be in it. The message
                says why, and what to do.
        """
        config = self._config
        with ExitStack() as stack:
            stack.callback(self._wake.close)
            stack.callback(self._woken.close)
            port = 0
            for sock in reserve(config.host, config.port):
                port = sock.getsockname()[1]
                stack.callback(sock.close)
            self._listen_to_signals(stack)
            urls = config.nats
            if not urls:
                urls = (self._start_nats(stack),)
                require_moved(config.data, urls[0])
            each = replace(
                config,
                port=port,
                nats=urls,
                workers=1,
                max_connections=-(-config.max_connections // config.workers),
            )
            self._workers = [
                _Worker(number + 1, each, nats_in_data=not config.nats)
                for number in range(config.workers)
            ]
            stack.callback(self._end)
            for worker in self._workers:
                worker.start()
            self._become_ready()
            if not self._signals:
                # All can be reached at the same address.
                self._announce(self._workers[0].url)
            while not self._signals:
                self._watch(None)

    def _start_nats(self, stack: ExitStack) -> str:
        """Starts a NATS server of our own, until the end of the stack; tells where it is."""
        server = stack.enter_context(nats_server(self._config.data))

        def wake() -> None:
            server.wait_ended()
            with suppress(OSError):  # we have ended as well
                self._wake.send(b"\0")

        def see_to_it() -> None:
            if not server.is_running:
                _logger.error("the NATS server is lost, and is started again")
                server.start()
                server.wait_ready()
                watch()

        def watch() -> None:
            threading.Thread(target=wake, name="nats-watcher", daemon=True).start()

        watch()
        self._see_to_nats = see_to_it
        return server.url

    def _become_ready(self) -> None:
        until = time.monotonic() + READY_WITHIN
        while not self._signals and not all(worker.url for worker in self._workers):
            left = until - time.monotonic()
            if left <= 0:
                raise AppError(
                    f"The workers were not ready within {READY_WITHIN:g} s: see the log for why."
                )
            self._watch(left)
            for worker in self._workers:
                if worker.channel is None and not worker.url:
                    raise AppError(worker.failure or f"Worker {worker.number} did not start.")

    def _watch(self, within: float | None) -> None:
        """Waits for something to happen, so many seconds at most, and sees to it."""
        now = time.monotonic()
        waiting = [worker for worker in self._workers if worker.channel is None]
        for worker in waiting:
            if worker.starts_at <= now:
                worker.start()
        waits = [worker.starts_at - now for worker in self._workers if worker.channel is None]
        timeout = min([*waits, *([] if within is None else [within])], default=None)
        channels = {
            worker.channel: worker for worker in self._workers if worker.channel is not None
        }
        for ready in wait([self._woken, *channels], timeout):
            if ready is self._woken:
                self._woken.recv(64)
                if self._see_to_nats is not None and not self._signals:
                    self._see_to_nats()
                continue
            worker = channels[ready]  # type: ignore[index] # the others are all of these
            # One that never was ready is not started again: `_become_ready` says why.
            if not worker.hear() and worker.has_served and not self._signals:
                _logger.error(
                    "a worker is lost, and will be started again",
                    worker=worker.number,
                    why=worker.failure or _ending(worker.exit_code),
                    in_seconds=worker.delay,
                )

    def _end(self) -> None:
        for worker in self._workers:
            worker.ask_to_stop()
        until = time.monotonic() + STOP_WITHIN
        for worker in self._workers:
            worker.end(until)

    def _listen_to_signals(self, stack: ExitStack) -> None:
        def told(number: int, _frame: object) -> None:
            self._signals += 1
            if self._signals > 1 and number != signal.SIGHUP:
                # What was acknowledged is on the disk; the workers end when they miss us.
                os._exit(128 + number)
            self._wake.send(b"\0")

        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if number is signal.SIGHUP and signal.getsignal(number) is signal.SIG_IGN:
                continue
            before = signal.signal(number, told)
            stack.callback(signal.signal, number, before)


def _ending(exit_code: int | None) -> str:
    """How a process has ended that has not said why."""
    if exit_code is not None and exit_code < 0:
        return f"ended by signal {-exit_code}"
    return f"ended with exit code {exit_code}"


def _for_the_parent() -> set[signal.Signals]:
    """The signals that reach all processes of a terminal: when to stop, the parent says."""
    return {signal.SIGINT, signal.SIGHUP}


def _work(config: Config, number: int, nats_in_data: bool, channel: Connection) -> None:
    """The life of a worker: it serves until it is told to stop, or the parent is gone."""
    for each in _for_the_parent():
        signal.signal(each, signal.SIG_IGN)

    def tell(what: _Ready | _Failed) -> None:
        with suppress(OSError):  # the parent may be gone, and all end for that
            channel.send(what)

    try:
        serve(
            config,
            Employment(number, lambda url: tell(_Ready(url)), channel.fileno(), nats_in_data),
        )
    except CauserieError as error:
        tell(_Failed(str(error)))


def serve_workers(config: Config) -> None:
    """Serves with several workers, as `causerie.app.serve` does with one.

    Raises:
        CauserieError: as `Workers.run` does; the message says what to do.
    """
    if not hasattr(socket, "SO_REUSEPORT") or sys.platform == "win32":
        raise AppError(
            "This system cannot share a port among workers: start one, with --workers 1."
        )
    configure_logs(config.log_format, config.log_level, sys.stderr)
    os.umask(0o077)
    Workers(config, announce=announce).run()
