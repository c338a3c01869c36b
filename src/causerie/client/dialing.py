"""A TCP connection to whichever of a host's addresses answers first (RFC 8305, "Happy Eyeballs").

The event loop can do this too, but before Python 3.12 it loses sockets when it is cancelled, and
uvloop cannot.
"""

import asyncio
import socket
from collections import deque
from collections.abc import Sequence
from itertools import chain, zip_longest
from typing import Any, Final, TypeAlias

NEXT_ADDRESS_AFTER: Final = 0.25
"""Seconds until another address is tried beside the first."""

AddressInfo: TypeAlias = tuple[int, int, int, str, tuple[Any, ...]]
"""As `getaddrinfo` answers it: family, kind, protocol, canonical name, address."""


async def open_socket(host: str, port: int) -> socket.socket:
    """Connects to a host, by any of its addresses; cancelling it leaves nothing open.

    Raises:
        OSError: no address answers; what befell the first.
    """
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return await race(interleaved(found))


def interleaved(infos: Sequence[AddressInfo]) -> list[AddressInfo]:
    """Puts the families in turn, the first one first (RFC 8305, section 4)."""
    first = [info for info in infos if info[0] == infos[0][0]]
    others = [info for info in infos if info[0] != infos[0][0]]
    return [info for info in chain(*zip_longest(first, others)) if info]


async def race(infos: Sequence[AddressInfo]) -> socket.socket:
    """Tries addresses, the next one when the one before has failed or takes its time.

    Raises:
        OSError: none answers; what befell the first.
    """
    waiting = deque(infos)
    running: set[asyncio.Task[socket.socket]] = set()
    errors: list[BaseException] = []
    won: socket.socket | None = None
    try:
        while won is None and (waiting or running):
            if waiting:
                running.add(asyncio.create_task(_connect(waiting.popleft())))
            done, running = await asyncio.wait(
                running,
                timeout=NEXT_ADDRESS_AFTER if waiting else None,
                return_when=asyncio.FIRST_COMPLETED,
            )
            for task in done:
                error = task.exception()
                if error is not None:
                    errors.append(error)
                elif won is None:
                    won = task.result()
                else:
                    task.result().close()
    finally:
        for task in running:
            task.cancel()
        for late in await asyncio.gather(*running, return_exceptions=True):
            if isinstance(late, socket.socket):
                late.close()
    if won is None:
        raise errors[0]
    return won


async def _connect(info: AddressInfo) -> socket.socket:
    family, kind, protocol, _, address = info
    one = socket.socket(family, kind, protocol)
    try:
        one.setblocking(False)
        await asyncio.get_running_loop().sock_connect(one, address)
    except BaseException:
        one.close()
        raise
    return one
