"""The connection to NATS, with a real server."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from tests.adapters.jetstream_nodes import WITHIN, link, nats_server, own_server, until
from tests.adapters.nats_switchboard import Relay

from causerie.adapters.jetstream_client import NatsClient
from causerie.adapters.jetstream_health import Health
from causerie.adapters.jetstream_link import Link, Lost, Message, Unanswered
from causerie.adapters.nats_server import HOST, NatsServer

__all__ = ["link", "nats_server", "own_server"]

INFO = "$JS.API.INFO"


@pytest.fixture
async def other(nats_server: NatsServer) -> AsyncIterator[Link]:
    """Another one."""
    link = Link([nats_server.url], name="causerie-tests")
    await link.open(WITHIN)
    yield link
    await link.close()


def raise_fault() -> None:
    raise RuntimeError


async def restart(server: NatsServer) -> None:
    server.kill()
    await asyncio.to_thread(server.start)
    await asyncio.to_thread(server.wait_ready)


async def test_what_is_published_is_heard_in_order_by_those_who_subscribe(
    link: Link, other: Link
) -> None:
    heard: list[Message] = []
    interest = other.subscribe("link-tests.*", heard.append)
    await other.request(INFO, within=WITHIN)
    for number in range(100):
        link.publish("link-tests.a", b"%d" % number, headers={"Number": str(number)})
    await until(lambda: len(heard) == 100, "the last")
    assert [message.payload for message in heard] == [b"%d" % number for number in range(100)]
    assert heard[7].headers == {"Number": "7"}
    other.unsubscribe(interest)
    await other.request(INFO, within=WITHIN)
    link.publish("link-tests.a", b"too late")
    await link.request(INFO, within=WITHIN)
    await other.request(INFO, within=WITHIN)
    assert len(heard) == 100


async def test_own_messages_are_not_told_back(link: Link, other: Link) -> None:
    heard: list[Message] = []
    link.subscribe("link-tests.echo", heard.append)
    await link.request(INFO, within=WITHIN)
    link.publish("link-tests.echo", b"mine")
    await link.request(INFO, within=WITHIN)
    other.publish("link-tests.echo", b"theirs")
    await until(lambda: bool(heard), "a message")
    assert [message.payload for message in heard] == [b"theirs"]


async def test_a_receiver_that_raises_ends_nothing(link: Link, other: Link) -> None:
    heard: list[bytes] = []

    def receive(message: Message) -> None:
        heard.append(message.payload)
        if len(heard) == 1:
            raise RuntimeError

    other.subscribe("link-tests.fault", receive)
    await other.request(INFO, within=WITHIN)
    link.publish("link-tests.fault", b"1")
    link.publish("link-tests.fault", b"2")
    await until(lambda: heard == [b"1", b"2"], "both")


async def test_a_question_is_answered_or_ends_in_time(link: Link, other: Link) -> None:
    answer = await link.request(INFO, within=WITHIN)
    assert answer.status == ""
    assert b"account_info" in answer.payload
    with pytest.raises(Unanswered):
        await link.request("link-tests.nobody", within=WITHIN)
    other.subscribe("link-tests.silent", lambda _message: None)
    await other.request(INFO, within=WITHIN)
    with pytest.raises(Unanswered):
        await link.request("link-tests.silent", within=0.05)
    assert len(link._inboxes) == 0


async def test_an_answer_in_many_parts_is_gathered(link: Link, other: Link) -> None:
    def answer(message: Message) -> None:
        for number in range(5):
            other.publish(message.reply, b"%d" % number)
        other.publish(message.reply, b"end")

    other.subscribe("link-tests.many", answer)
    await other.request(INFO, within=WITHIN)
    came = await link.gather(
        "link-tests.many", within=WITHIN, until=lambda message: message.payload == b"end"
    )
    assert [message.payload for message in came] == [b"0", b"1", b"2", b"3", b"4", b"end"]


async def test_what_comes_after_the_last_answer_is_none(link: Link, other: Link) -> None:
    """In a cluster more than one server may answer."""

    def answer(message: Message) -> None:
        for number in range(5):
            other.publish(message.reply, b"%d" % number)

    other.subscribe("link-tests.often", answer)
    await other.request(INFO, within=WITHIN)
    assert (await link.request("link-tests.often", within=WITHIN)).payload == b"0"
    came = await link.gather(
        "link-tests.often", within=WITHIN, until=lambda message: message.payload == b"2"
    )
    assert [message.payload for message in came] == [b"0", b"1", b"2"]


async def test_without_a_server_there_is_no_link() -> None:
    link = Link(["nats://127.0.0.1:9"], name="causerie-tests")
    with pytest.raises(Lost, match=r"127\.0\.0\.1:9"):
        await link.open(0.2)
    assert not link.is_up
    with pytest.raises(Lost):
        await link.request(INFO, within=WITHIN)
    link.publish("link-tests.a", b"dropped")
    await link.close()


@pytest.mark.slow
@pytest.mark.real
async def test_after_a_loss_it_comes_back_and_hears_all_that_it_has_subscribed_to(
    own_server: NatsServer,
) -> None:
    one = Link([own_server.url], name="causerie-tests")
    two = Link([own_server.url], name="causerie-tests")
    told: list[str] = []
    for hear_of in (one.on_loss, one.on_reconnect):
        hear_of(raise_fault)
    one.on_loss(lambda: told.append("lost"))
    one.on_reconnect(lambda: told.append("reconnected"))
    one.on_health(told.append)
    await one.open(WITHIN)
    await two.open(WITHIN)
    heard: list[bytes] = []
    one.subscribe("link-tests.before", lambda message: heard.append(message.payload))
    two.subscribe("link-tests.silent", lambda _message: None)
    await two.request(INFO, within=WITHIN)
    asked = asyncio.create_task(one.request("link-tests.silent", within=WITHIN))
    await one.request(INFO, within=WITHIN)
    await restart(own_server)
    # Who waits hears of the loss, and not only when the time is over.
    with pytest.raises(Lost):
        await asked
    await one.up(WITHIN)
    await two.up(WITHIN)
    assert told == ["degraded", "lost", "ok", "reconnected"]
    one.subscribe("link-tests.after", lambda message: heard.append(message.payload))
    await one.request(INFO, within=WITHIN)
    two.publish("link-tests.before", b"1")
    two.publish("link-tests.after", b"2")
    await until(lambda: heard == [b"1", b"2"], "both")
    await one.close()
    await two.close()


async def test_what_was_said_before_a_loss_is_never_sent_after_it(
    nats_server: NatsServer, other: Link
) -> None:
    heard: list[bytes] = []
    other.subscribe("link-tests.lost", lambda message: heard.append(message.payload))
    await other.request(INFO, within=WITHIN)
    relay = Relay(nats_server.port)
    await relay.listen()
    link = Link([f"nats://{HOST}:{relay.port}"], name="causerie-tests")
    await link.open(WITHIN)
    for _ in range(100):
        link.publish("link-tests.nobody", bytes(100_000))
    await asyncio.sleep(0)
    # More than there is room for on the way: this is not written.
    link.publish("link-tests.lost", b"lost")
    await relay.cut()
    await until(lambda: not link.is_up, "the loss")
    link.publish("link-tests.lost", b"dropped")
    await relay.listen()
    await link.up(WITHIN)
    link.publish("link-tests.lost", b"new")
    await until(lambda: b"new" in heard, "what is said now")
    assert heard == [b"new"]
    await link.close()
    await relay.cut()


@pytest.mark.slow
@pytest.mark.real
async def test_who_subscribes_while_it_comes_back_is_heard_and_who_has_ended_that_is_not(
    own_server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = Link([own_server.url], name="causerie-tests")
    two = Link([own_server.url], name="causerie-tests")
    await one.open(WITHIN)
    heard: list[bytes] = []

    def hear(message: Message) -> None:
        heard.append(message.payload)

    ended = one.subscribe("link-tests.ended", hear)
    settle = NatsClient.settle

    async def settle_late(client: NatsClient, within: int) -> None:
        """All subscriptions have been asked for: others begin and end meanwhile."""
        assert not one.is_up
        monkeypatch.undo()
        one.subscribe("link-tests.meanwhile", hear)
        one.unsubscribe(ended)
        await settle(client, within)

    monkeypatch.setattr(NatsClient, "settle", settle_late)
    await restart(own_server)
    await until(lambda: NatsClient.settle is settle, "the connection")
    await one.up(WITHIN)
    await two.open(WITHIN)
    await one.request(INFO, within=WITHIN)
    two.publish("link-tests.ended", b"nobody's")
    two.publish("link-tests.meanwhile", b"1")
    await until(lambda: bool(heard), "what is heard")
    assert heard == [b"1"]
    await one.close()
    await two.close()


async def test_an_append_that_waits_is_felt(link: Link) -> None:
    health: list[Health] = []
    link.on_health(health.append)
    loop = asyncio.get_running_loop()
    link.waits("log", loop.time() - 0.9)
    assert health == []
    await until(lambda: health == ["degraded"], "the sign")
    link.waits("another", loop.time() - 60)
    assert link.health == "away"
    for log in ("log", "another"):
        link.waits(log, None)
    assert health == ["degraded", "away", "degraded", "ok"]


async def test_that_a_node_cannot_say_that_it_lives_is_felt(link: Link) -> None:
    health: list[Health] = []
    link.on_health(health.append)
    link.leaseless(True)
    link.leaseless(False)
    assert health == ["away", "ok"]


async def test_what_was_written_last_goes_out_before_the_end(
    nats_server: NatsServer, other: Link
) -> None:
    heard: list[bytes] = []
    other.subscribe("link-tests.last", lambda message: heard.append(message.payload))
    await other.request(INFO, within=WITHIN)
    link = Link([nats_server.url], name="causerie-tests")
    await link.open(WITHIN)
    for number in range(50):
        link.publish("link-tests.last", b"%d" % number)
    await link.close()
    await until(lambda: len(heard) == 50, "the last")


async def test_the_size_of_a_message_is_known(link: Link) -> None:
    assert link.max_payload == 1_048_576
    assert Link([], name="unopened").max_payload == 1_048_576
