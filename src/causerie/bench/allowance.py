"""What a machine and a server allow, and whether a load needs more."""

from contextlib import suppress
from secrets import token_hex
from typing import Final

import msgspec

from causerie.bench.asking import Asking
from causerie.bench.generator import MEMBERS_AN_ADDRESS, LoadFailed
from causerie.bench.target import OwnServer, Target

SPARE: Final = 100
"""Files that a generator and a server have open besides their connections, at most."""

LOOPBACK: Final = MEMBERS_AN_ADDRESS * 253
"""Connections from 127.0.0.2 to 127.0.0.254."""

ELSEWHERE: Final = 28_000
"""Connections from one address to a port: Linux has 28,232 ephemeral ports."""


ANSWERED_WITHIN: Final = 5.0
"""Seconds in which a server says what it allows, or else is taken for one that does not tell."""


class _Limits(msgspec.Struct):
    """What matters of the limits in a welcome."""

    content: int


class _Welcome(msgspec.Struct):
    """What matters of a welcome."""

    limits: _Limits | None = None


def allow_many_files() -> None:
    """Raises this process's limit on open files as far as the system lets one."""
    import resource

    most = most_files()
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def most_files() -> int:
    """How many files a process may have open if it asks for them."""
    import resource

    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return hard


def require_connections(count: int, processes: int, target: Target) -> None:
    """Sees to it that so many connections are allowed, before any is opened.

    Args:
        count: How many there are to be, all processes together.
        processes: How many share them.
        target: The server. One of our own has the limits of this process.

    Raises:
        LoadFailed: they are not; the message says what to change.
    """
    files = most_files() - SPARE
    if count > files and isinstance(target, OwnServer):
        raise LoadFailed(f"{_more(count, files)} a server that is started from here")
    if count > files * processes:
        raise LoadFailed(f"{_more(count, files)} each of --processes {processes}")
    most = LOOPBACK if target.address[0].startswith("127.") else ELSEWHERE
    if count > most:
        raise LoadFailed(
            f"{count:,} connections are more than the {most:,} that one machine can open to a port"
        )


def _more(count: int, files: int) -> str:
    return (
        f"{count:,} connections are more than the limit on open files (`ulimit -Hn`) allows, which "
        f"is {files:,} for"
    )


def require_size(size: int, target: Target) -> None:
    """Sees to it that a server takes messages of a size, before anything is said.

    Args:
        size: Bytes of content, which is ASCII.
        target: The server. One that does not tell its limits is believed to take any.

    Raises:
        LoadFailed: It does not; the message tells its limit.
    """
    most = _longest_content(target.address)
    if most is not None and size > most:
        raise LoadFailed(
            f"--size {size:,} is more than the {most:,} bytes of content that the server takes"
        )


def _longest_content(address: tuple[str, int]) -> int | None:
    """What a server says to whoever comes in; None if it says nothing of that."""
    hello = b'{"type":"hello","id":"hello","username":"bench-%s"}' % token_hex(4).encode()
    try:
        with Asking(address, ANSWERED_WITHIN) as asking:
            welcome = msgspec.json.decode(asking.ask(hello, "welcome"), type=_Welcome)
            with suppress(LoadFailed):
                asking.leave()
    except (LoadFailed, OSError, msgspec.MsgspecError):
        return None
    return welcome.limits.content if welcome.limits else None
