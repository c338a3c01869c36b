"""How many there are of what comes and goes: whatever is kept too long shows here, as a number that
does not fall when all have left.
"""

import asyncio
from typing import NamedTuple

from causerie.server.hub import Hub


class Census(NamedTuple):
    """What there is at one moment."""

    connections: int
    """WebSockets."""
    sessions: int
    """Those in their grace period included."""
    rooms: int
    """That are open here: somebody listens, or is a member."""
    tasks: int
    """Of the event loop, that of whoever asks included."""


def take_census(hub: Hub) -> Census:
    """Counts what a hub has, and its loop. Nothing is counted before somebody asks."""
    return Census(
        connections=len(hub.connections),
        sessions=len(hub.sessions),
        rooms=len(hub.rooms),
        tasks=len(asyncio.all_tasks()),
    )
