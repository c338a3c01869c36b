"""The client for one connection, with a real server."""

import asyncio
import os
import signal

import pytest
from structlog.testing import capture_logs
from tests.adapters.jetstream_nodes import nats_server, own_server, until
from tests.support.nats import stand_still

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


async def test_who_gives_up_waiting_for_a_pong_does_not_end_the_connection(
    nats_server: NatsServer, caplog: pytest.LogCaptureFixture
) -> None:
    client = await connected(nats_server)
    hasty = asyncio.create_task(client.rtt(WITHIN))
    await asyncio.sleep(0)
    assert client._pongs, "it has asked"
    hasty.cancel()
    assert await client.is_alive(WITHIN)
    assert await client.is_alive(WITHIN)
    assert caplog.records == []
    await client.end()


async def test_each_message_is_handed_over_as_it_is_read(nats_server: NatsServer) -> None:
    one, other = await connected(nats_server), await connected(nats_server)
    heard: list[Message] = []
    interest = Interest("client-tests.*", heard.append)
    one.hear(interest)
    await one.settle(WITHIN)
    headers = {"Empty": "", "Colons": "a:b: c", "Accents": "été"}
    other.send("client-tests.a", b"hello", "reply.to", headers)
    await until(lambda: bool(heard), "a message")
    (message,) = heard
    assert (message.subject, message.payload, message.reply) == (
        "client-tests.a",
        b"hello",
        "reply.to",
    )
    assert message.headers == headers
    assert message.header("Colons") == "a:b: c"
    assert message.header("Missing") == message.status == ""
    one.forget(interest)
    await one.settle(WITHIN)
    other.send("client-tests.a", b"too late", "", None)
    await other.settle(WITHIN)
    assert await one.is_alive(5)
    assert len(heard) == 1
    assert one.stats["in_msgs"] == 0  # which counts what is for nobody
    await one.end()
    await other.end()


async def test_who_raises_over_a_message_is_told_of_the_next(nats_server: NatsServer) -> None:
    one, other = await connected(nats_server), await connected(nats_server)
    heard: list[Message] = []

    def receive(message: Message) -> None:
        heard.append(message)
        raise RuntimeError

    one.hear(Interest("client-tests.fault", receive))
    await one.settle(WITHIN)
    for payload in (b"1", b"2"):
        other.send("client-tests.fault", payload, "", None)
    await until(lambda: len(heard) == 2, "both")
    await one.end()
    await other.end()


async def test_what_is_asked_for_goes_out_in_its_order(nats_server: NatsServer) -> None:
    one = await connected(nats_server)
    heard: list[Message] = []
    interest = Interest("client-tests.order.*", heard.append)
    # Nobody is there, which the server says at once to whoever is heard by then.
    one.send("client-tests.nobody", b"", "client-tests.order.before", None)
    one.hear(interest)
    one.send("client-tests.nobody", b"", "client-tests.order.while", None)
    await one.settle(WITHIN)
    assert [(message.subject, message.status) for message in heard] == [
        ("client-tests.order.while", "503")
    ]
    one.send("client-tests.nobody", b"", "client-tests.order.after", None)
    one.forget(interest)
    await one.settle(WITHIN)
    assert len(heard) == 1
    await one.end()


async def test_to_forget_what_is_not_heard_ends_nothing_else(nats_server: NatsServer) -> None:
    one, other = await connected(nats_server), await connected(nats_server)
    heard: list[Message] = []
    before = Interest("client-tests.forget", heard.append)
    one.hear(before)
    other.hear(Interest("client-tests.forget", heard.append))
    other.forget(before)
    await other.settle(WITHIN)
    one.send("client-tests.forget", b"", "", None)
    await until(lambda: bool(heard), "a message")
    await one.end()
    await other.end()


async def test_when_it_has_settled_all_that_was_said_is_taken(nats_server: NatsServer) -> None:
    one, other = await connected(nats_server), await connected(nats_server)
    heard: list[Message] = []
    one.hear(Interest("client-tests.taken", heard.append))
    await one.settle(WITHIN)
    for _ in range(100):
        other.send("client-tests.taken", bytes(100_000), "", None)
    await other.settle(WITHIN)
    await one.settle(WITHIN)
    assert len(heard) == 100
    await one.end()
    await other.end()


async def test_what_nats_would_not_take_is_dropped_and_the_rest_is_not(
    nats_server: NatsServer,
) -> None:
    one, other = await connected(nats_server), await connected(nats_server)
    heard: list[int] = []
    one.hear(Interest("client-tests.fit", lambda message: heard.append(len(message.payload))))
    await one.settle(WITHIN)
    most = other.max_payload
    headers = {"One": "1"}  # 20 bytes with what is around
    with capture_logs() as logs:
        other.send("client-tests.fit\r\nPUB client-tests.fit", b"", "", None)
        other.send("client-tests.fit", b"", "", {"One": "1\r\nTwo: 2"})
        other.send("client-tests.fit", bytes(most + 1), "", None)
        other.send("client-tests.fit", bytes(most - 19), "", headers)
        other.hear(Interest("client-tests..fit", lambda _message: None))
    assert [log["event"] for log in logs] == ["a message could not be sent"] * 4 + [
        "a subject cannot be heard"
    ]
    other.send("client-tests.fit", bytes(most - 20), "", headers)
    other.send("client-tests.fit", bytes(most), "", None)
    await until(lambda: len(heard) == 2, "the others")
    assert heard == [most - 20, most]
    assert await other.is_alive(5)
    await one.end()
    await other.end()


async def test_odd_bytes_end_nothing(nats_server: NatsServer) -> None:
    one, other = await connected(nats_server), await connected(nats_server)
    heard: list[Message] = []
    one.hear(Interest("client-tests.odd.>", heard.append))
    await one.settle(WITHIN)
    head = b"NATS/1.0\r\n\xff: 1\r\nOdd: \xc3\r\nx\r\n\r\n"
    other._write(b"PUB client-tests.odd.\xff 0\r\n\r\n")
    other._write(b"HPUB client-tests.odd.a 29 30\r\n" + head + b"\xff\r\n")
    other.send("client-tests.odd.b", b"", "", None)
    await until(lambda: bool(heard) and heard[-1].subject == "client-tests.odd.b", "the last")
    odd, plain = heard
    assert odd.headers == {"\ufffd": "1", "Odd": "\ufffd"}
    assert odd.header("Odd") == "\ufffd"
    assert plain.headers == {}
    await one.end()
    await other.end()


async def test_what_the_client_itself_has_subscribed_to_is_its_own_affair(
    nats_server: NatsServer,
) -> None:
    one, other = await connected(nats_server), await connected(nats_server)
    subscription = await one.subscribe("client-tests.own")
    await one.settle(WITHIN)
    other.send("client-tests.own", b"hello", "", {"One": "1"})
    message = await subscription.next_msg(WITHIN)
    assert (message.data, message.headers) == (b"hello", {"One": "1"})
    await one.end()
    await other.end()


@pytest.mark.parametrize("call", ["write", "writelines"])
async def test_who_cannot_write_any_more_is_not_alive(
    nats_server: NatsServer, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    client = NatsClient()
    stirred: list[bool] = []
    await client.begin(
        [nats_server.url],
        name="causerie-tests",
        access=Access(),
        stirred=lambda: stirred.append(True),
    )
    assert await client.is_alive(5)

    def refuse(_written: object) -> None:
        """Does as uvloop does after a loss."""
        raise RuntimeError

    monkeypatch.setattr(client._transport, call, refuse)
    if call == "writelines":
        client.send("client-tests.a", b"", "", None)
        await until(lambda: bool(stirred), "a sign")
    assert not await client.is_alive(5)
    await client.end()


@pytest.mark.real
async def test_no_more_is_handed_over_than_the_connection_takes(own_server: NatsServer) -> None:
    one, other = await connected(own_server), await connected(own_server)
    heard: list[int] = []
    one.hear(Interest("client-tests.much", lambda message: heard.append(message.payload[0])))
    await one.settle(WITHIN)
    stand_still(own_server.pid)
    for number in range(100):
        other.send("client-tests.much", bytes([number]) * 100_000, "", None)
    # The first piece is more than there is room for on the way; what follows is held back.
    await until(lambda: not other._gathered, "that it is handed over")
    for number in range(100, 200):
        other.send("client-tests.much", bytes([number]) * 100_000, "", None)
    for _ in range(10):
        await asyncio.sleep(0)
    assert len(other._gathered) == 100
    os.kill(own_server.pid, signal.SIGCONT)
    await until(lambda: len(heard) == 200, "all")
    assert heard == list(range(200))
    await one.end()
    await other.end()


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
