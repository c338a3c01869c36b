"""One round: a crowd talks, a site is struck, and all promises are checked.

    the crowd comes · everybody was acked twice · the fault strikes and is mended · the visitors
    leave · everybody was acked again · 20 s after the mending: the lists of members · silence ·
    everybody was shown everything · the checks

What happens by chance comes from the round's seed alone.
"""

import asyncio
import random
from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from typing import Final, NamedTuple

from tests.chaos.balancer import Balancer
from tests.chaos.checks import Cut, ghosts, late, longest_stall, longest_to_last, mourned
from tests.chaos.faults import Fault
from tests.chaos.people import Crowd
from tests.chaos.site import Site
from tests.chaos.wiretap import ROOM
from tests.support.person import PATIENCE, Person, all_logs, wait_until

from causerie.testing.history import Seen, check

SETTLED: Final = 20.0
"""Seconds after the mending from which on nobody may be listed who is not there: who was cut goes
after a grace of 15, and so does a node that is silent."""

CLIENTS: Final = 30

_TOLD_EVERY: Final = 0.5
"""Seconds between two lines of progress."""

_MOST: Final = 5
"""Broken promises of a kind that are told of; there are many where there is one."""


class Outcome(NamedTuple):
    """What came of a round. Times in seconds."""

    fault: str
    seed: int
    acks: int
    to_last: float
    """From an ack to the last who was shown, at the longest."""
    stall: float
    """In which nothing was acked, at the longest."""
    broken: list[str]
    """The promises that were broken, in words."""


async def play(
    fault: Fault,
    site: Site,
    seed: int,
    *,
    clients: int = CLIENTS,
    progress: Callable[[str], None] = lambda _: None,
) -> Outcome:
    """Plays a round with a site that was just started.

    Raises:
        TimeoutError: what has to come in the end (an ack, an entry) did not.
    """
    chance = random.Random(seed)
    random.seed(seed)  # the clients' delays before they come back
    crowd = Crowd(clients, chance)
    strikes = random.Random(chance.random())
    loop = asyncio.get_running_loop()
    phase = "the crowd comes"

    async def tell() -> None:
        while True:
            progress(f"{phase}: {len(crowd.acks)} acked, {crowd.connected} of {clients} connected")
            await asyncio.sleep(_TOLD_EVERY)

    broken: list[str] = []
    async with Balancer(site.addresses, crowd.tap) as balancer, crowd.present(balancer.url):
        async with asyncio.timeout(None) as deadline, asyncio.TaskGroup() as group:
            telling = group.create_task(tell())
            group.create_task(crowd.talk())
            group.create_task(crowd.visit(balancer.url))
            await _all_acked(crowd, 2)
            phase = fault.name
            await fault.strike(site, strikes)
            phase = "mended"
            mended = loop.time()
            crowd.send_home()
            await _all_acked(crowd, 1)
            # Not before: what a list of members is then is what is promised of it.
            await asyncio.sleep(max(0.0, mended + SETTLED - loop.time()))
            broken += await _lists(crowd)
            crowd.fall_silent()
            deadline.reschedule(loop.time() + PATIENCE)  # until the last thing said is acked
            telling.cancel()
        phase = "all is read"
        logs = await all_logs(crowd.people)
        ended = loop.time()
    broken += judge(crowd, logs, site.cuts, ended)
    return Outcome(
        fault.name,
        seed,
        len(crowd.acks),
        longest_to_last(crowd.acks, crowd.shown),
        longest_stall(crowd.acks),
        broken,
    )


def judge(
    crowd: Crowd, logs: Mapping[str, Sequence[Seen]], cuts: Sequence[Cut], now: float
) -> list[str]:
    """Answers all that was broken, by what a crowd noted. `logs` are the rooms' as they are in the
    end, at the time `now`.
    """
    people = crowd.people
    stays = {person.name: crowd.ledger.of(person.name).stays for person in people}
    return [
        *map(str, check([person.witness for person in people], logs)),
        *crowd.refused,
        *(f"gap ({person.name}): {gap}" for person in people for gap in person.gaps),
        *late(crowd.acks, crowd.shown, stays, cuts, now),
        *mourned(crowd.ledger, crowd.visitors),
    ]


def told(outcome: Outcome) -> str:
    """Says what was broken, in lines."""
    lines: list[str] = []
    by_kind = groupby(sorted(outcome.broken, key=_kind), _kind)
    for kind, group in by_kind:
        several = list(group)
        lines += several[:_MOST]
        if len(several) > _MOST:
            lines.append(f"and {len(several) - _MOST} more of the kind: {kind}")
    return "\n".join(lines)


def _kind(broken: str) -> str:
    return broken.partition(" (")[0]


async def _all_acked(crowd: Crowd, times: int) -> None:
    """Waits until everybody was acked so many times from now on."""
    wanted = {person: len(person.acked_at) + times for person in crowd.people}

    def silent() -> list[Person]:
        return [person for person, many in wanted.items() if len(person.acked_at) < many]

    try:
        await wait_until(crowd.moved, lambda: not silent())
    except TimeoutError as error:
        for person in silent():
            error.add_note(f"{person.name} was not acked; it is {person.client.state}")
        raise


async def _lists(crowd: Crowd) -> list[str]:
    """Compares what everybody was told of who is there, and what the nodes answer."""
    there = [person.name for person in crowd.people]
    known = {person.name: person.client.present(ROOM)[1] for person in crowd.people}
    asked = {
        f"{person.name}, who asked": await person.client.members(ROOM) for person in crowd.people
    }
    return ghosts({**known, **asked}, there)
