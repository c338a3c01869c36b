"""The client for one connection, with a real server."""

import pytest
from tests.adapters.jetstream_nodes import nats_server, own_server, until

from causerie.adapters.jetstream_client import Access, Interest, Message, NatsClient
from causerie.adapters.nats_server import NatsServer

__all__ = ["nats_server", "own_server"]


WITHIN = 20
"""Seconds in which the server has answered, or the test fails."""


def nothing() -> None:
    """Is told that something stirs, and does not care."""


async def connected(server: NatsServer) -> NatsClient:
    client = NatsClient()
    await client.begin([server.url], name="causerie-tests", access=Access(), stirred=nothing)
    return client


async def test_each_message_is_handed_over_as_it_is_read(nats_server: NatsServer) -> None:
    one, other = await connected(nats_server), await connected(nats_server)
    heard: list[Message] = []
    interest = Interest("client-tests.*", heard.append)
    await one.hear(interest)
    await one.settle(WITHIN)
    headers = {"Empty": "", "Colons": "a:b: c", "Accents": "été"}
    await other.publish("client-tests.a", b"hello", "reply.to", headers)
    await until(lambda: bool(heard), "a message")
    assert heard == [Message("client-tests.a", b"hello", headers, "reply.to")]
    assert heard[0].status == ""
    assert interest.subscription is not None
    await interest.subscription.unsubscribe()
    await one.settle(WITHIN)
    await other.publish("client-tests.a", b"too late")
    await other.settle(WITHIN)
    assert await one.is_alive(5)
    assert len(heard) == 1
    await one.end()
    await other.end()


async def test_who_raises_over_a_message_is_told_of_the_next(nats_server: NatsServer) -> None:
    one, other = await connected(nats_server), await connected(nats_server)
    heard: list[Message] = []

    def receive(message: Message) -> None:
        heard.append(message)
        raise RuntimeError

    await one.hear(Interest("client-tests.fault", receive))
    await one.settle(WITHIN)
    for payload in (b"1", b"2"):
        await other.publish("client-tests.fault", payload)
    await until(lambda: len(heard) == 2, "both")
    await one.end()
    await other.end()


async def test_who_cannot_write_any_more_is_not_alive(
    nats_server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = await connected(nats_server)
    assert await client.is_alive(5)

    def refuse(_written: object) -> None:
        """Does as uvloop does after a loss."""
        raise RuntimeError

    monkeypatch.setattr(client._transport, "write", refuse)
    assert not await client.is_alive(5)
    await client.end()


@pytest.mark.real
async def test_a_client_whose_server_is_gone_says_so(own_server: NatsServer) -> None:
    client = NatsClient()
    stirred: list[bool] = []
    await client.begin(
        [own_server.url],
        name="causerie-tests",
        access=Access(),
        stirred=lambda: stirred.append(True),
    )
    assert await client.is_alive(5)
    own_server.kill()
    await until(lambda: bool(stirred), "a sign")
    assert not await client.is_alive(5)
    await client.end()
    again = NatsClient()
    with pytest.raises(Exception, match="no servers available"):
        await again.begin([own_server.url], name="causerie-tests", access=Access(), stirred=nothing)
    await again.end()
