"""Who says something to a node that stands still for so long that somebody else is given the name:
it is not said by two under one name, and not lost either.
"""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from tests.support.person import PATIENCE
from tests.support.server_process import ServerProcess

import causerie
from causerie.adapters.jetstream_link import Link
from causerie.adapters.jetstream_names import NODES
from causerie.adapters.jetstream_values import Values
from causerie.adapters.nats_server import NatsServer
from causerie.backends import PREFIX
from causerie.client.keys import new_key

LEASE = 2.0
"""Seconds after which these nodes take a silent one for gone."""


async def shorten_leases(nats: NatsServer) -> None:
    """Makes the bucket that the nodes would make, with a shorter time."""
    link = Link([nats.url], name="test")
    await link.open(5)
    await Values(link, PREFIX).create(NODES, replicas=1, max_age=LEASE)
    await link.close()


async def take_name(stack: AsyncExitStack, url: str, name: str) -> causerie.Client:
    """Somebody asks for a name until it is given out."""
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                return await stack.enter_async_context(causerie.connect(url, name, key=new_key()))
            except causerie.HelloRefused as error:
                if not isinstance(error.refusal, causerie.NameRefused):
                    raise


async def is_told_that_the_name_is_lost(client: causerie.Client) -> None:
    """Somebody hears that somebody else has the name."""
    async with asyncio.timeout(PATIENCE):
        async for event in client:
            if isinstance(event, causerie.ServerError):
                assert isinstance(event.error, causerie.NameRefused)
                return


async def until_shown(client: causerie.Client, seq: int) -> AsyncIterator[causerie.Message]:
    """All messages that somebody is shown, up to this one."""
    async for event in client:
        if isinstance(event, causerie.Message):
            yield event
            if event.seq >= seq:
                return


@pytest.mark.real
@pytest.mark.slow
async def test_what_is_said_as_ones_name_is_lost_is_said_once_under_the_next(
    tmp_path: Path,
) -> None:
    async with AsyncExitStack() as stack:
        nats = stack.enter_context(NatsServer(tmp_path / "nats"))
        await shorten_leases(nats)
        here, there = (ServerProcess(tmp_path / name, "--nats", nats.url) for name in "ab")
        for node in (here, there):
            await asyncio.to_thread(node.start)
            stack.callback(node.kill)
        alice = await stack.enter_async_context(causerie.connect(here.url, "Alice", key=new_key()))
        await alice.join("lobby")

        os.kill(here.pid, signal.SIGSTOP)
        saying = asyncio.create_task(alice.send("Am I Alice?"))
        other = await take_name(stack, there.url, "Alice")
        await other.join("lobby")
        os.kill(here.pid, signal.SIGCONT)
        await is_told_that_the_name_is_lost(alice)
        assert alice.waits_for_name
        assert not saying.done()

        async with asyncio.timeout(PATIENCE):
            assert await alice.rename("Alicia") == "Alicia"
            receipt = await saying
            shown = [event async for event in until_shown(other, receipt.seq)]
            page = await other.history("lobby")
        assert [(message.seq, message.username) for message in shown] == [(receipt.seq, "Alicia")]
        assert list(page.entries) == shown
