"""The longest pauses of an event loop, and the collector's part in them."""

import asyncio
import gc
import time
from collections.abc import AsyncIterator

import pytest
from tests.server.wire_peer import until

from causerie.server.pauses import Pauses


@pytest.fixture
async def pauses() -> AsyncIterator[Pauses]:
    watching = Pauses(asyncio.get_running_loop())
    watching.start()
    yield watching
    watching.stop()


async def until_looked(pauses: Pauses) -> None:
    """Waits until it has looked once more."""
    due = pauses._due
    await until(lambda: pauses._due != due)


def hold(seconds: float) -> None:
    """Keeps the thread busy."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        pass


async def test_whoever_holds_the_loop_is_seen_and_told_of_once(pauses: Pauses) -> None:
    await until_looked(pauses)
    pauses.take()
    hold(0.05)
    await until_looked(pauses)
    assert pauses.take().held > 0.04
    assert pauses.take().held == 0.0


async def test_the_collector_is_timed(pauses: Pauses) -> None:
    gc.collect()
    assert pauses.take().collected > 0.0
    assert pauses.take().collected == 0.0


async def test_when_it_has_stopped_nothing_is_watched() -> None:
    before = list(gc.callbacks)
    watching = Pauses(asyncio.get_running_loop())
    watching.start()
    watching.stop()
    assert gc.callbacks == before
    gc.collect()
    assert watching.take() == (0.0, 0.0)
