"""What is done to a site: each fault does its harm, lasts, and mends all that it has done.

Chance (whom it strikes, how long it lasts) is an argument.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple

from tests.chaos.network import Wire
from tests.chaos.site import Site

PAUSE: Final = 10.0
"""Seconds for which a process stands still."""

PARTITION: Final = 15.0
"""Seconds for which a machine is cut off."""

LONGEST_DOWN: Final = 8.0
"""Seconds for which what was killed is down, at most."""


class Fault(NamedTuple):
    """A kind of harm."""

    name: str
    strike: Callable[[Site, random.Random], Awaitable[None]]
    """Does it, and returns when all is mended."""
    needs_network: bool = False
    """Whether it pulls wires."""


async def kill_leader(site: Site, chance: random.Random) -> None:
    """`kill -9` of the NATS server that leads a stream."""
    down = _down(chance)
    await _kill_nats(site, await site.leader(chance.choice(site.streams)), down)


async def kill_nats(site: Site, chance: random.Random) -> None:
    """`kill -9` of any NATS server."""
    await _kill_nats(site, chance.randrange(len(site.nodes)), _down(chance))


async def kill_node(site: Site, chance: random.Random) -> None:
    """`kill -9` of a node of Causerie."""
    number = chance.randrange(len(site.nodes))
    site.kill_node(number)
    await _lasts(_down(chance))
    await site.start_node(number)


async def kill_both(site: Site, chance: random.Random) -> None:
    """`kill -9` of a node and of a NATS server at once, of one machine or of two."""
    node, server = chance.randrange(len(site.nodes)), chance.randrange(len(site.nodes))
    down = _down(chance)
    site.kill_node(node)
    await _kill_nats(site, server, down)
    await site.start_node(node)


async def pause_node(site: Site, chance: random.Random) -> None:
    """A node stands still."""
    number = chance.randrange(len(site.nodes))
    site.pause_node(number)
    try:
        await _lasts(PAUSE)
    finally:
        site.resume_node(number)


async def pause_nats(site: Site, chance: random.Random) -> None:
    """A NATS server stands still."""
    assert site.nats is not None, "it needs a cluster"
    number = chance.randrange(len(site.nodes))
    site.nats.pause(number)
    try:
        await _lasts(PAUSE)
    finally:
        site.nats.resume(number)


async def cut_back(site: Site, chance: random.Random) -> None:
    """A machine is cut off from the others, but not from its clients."""
    await _cut(site, chance, ("back",))


async def cut_whole(site: Site, chance: random.Random) -> None:
    """A machine is cut off from everybody."""
    await _cut(site, chance, ("front", "back"))


FAULTS: Final = (
    Fault("kill-leader", kill_leader),
    Fault("kill-nats", kill_nats),
    Fault("kill-node", kill_node),
    Fault("kill-both", kill_both),
    Fault("pause-node", pause_node),
    Fault("pause-nats", pause_nats),
    Fault("cut-back", cut_back, needs_network=True),
    Fault("cut-whole", cut_whole, needs_network=True),
)


async def _kill_nats(site: Site, number: int, down: float) -> None:
    site.kill_nats(number)
    await _lasts(down)
    await site.start_nats(number)


async def _cut(site: Site, chance: random.Random, wires: tuple[Wire, ...]) -> None:
    await site.cut_off(chance.randrange(len(site.nodes)), wires, PARTITION)


def _down(chance: random.Random) -> float:
    return chance.uniform(0.0, LONGEST_DOWN)


async def _lasts(seconds: float) -> None:
    """The fault goes on for so long, which is a part of it."""
    await asyncio.sleep(seconds)
