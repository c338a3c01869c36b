import asyncio
import logging
from http import HTTPStatus

import pytest
from tests.client.clients import ack, client_of, in_lobby, met, next_event
from tests.client.frames import message
from tests.client.scripted_server import Peer, ScriptedServer

import causerie
from causerie.client.event_queue import OVERFLOW
from causerie.client.machine import Machine
from causerie.client.machine.events import Acked, Gap, StateChanged
from causerie.client.machine.states import (
    Connected,
    Disconnected,
    Reconnecting,
    State,
)
from causerie.client.sending import ClientEvent
from causerie.client.shell import HELD_TOO_LONG
from causerie.wire.codec import encode
from causerie.wire.codes import ErrorCode
from causerie.wire.replies import (
    Ack,
    Error,
    Message,
    Pong,
    Presence,
)

# The connection.


async def test_whom_a_server_has_let_in_once_is_patient_with_what_stands_before_it(
    server: ScriptedServer,
) -> None:
    async with met(server) as (client, peer):
        server.refuse.append((HTTPStatus.NOT_FOUND, {}))
        peer.cut()
        await server.meet()
        await client.wait_connected()
        states: list[State] = []
        while len(states) < 5:
            event = await next_event(client, StateChanged)
            assert isinstance(event, StateChanged)
            states.append(event.state)
        assert [type(state) for state in states] == [
            Connected,
            Disconnected,
            Reconnecting,
            Disconnected,
            Reconnecting,
        ]


async def test_what_was_not_acked_before_a_cut_is_sent_again_after_it(
    server: ScriptedServer,
) -> None:
    async with met(server) as (client, peer):
        await in_lobby(client, peer, head=3)
        sending = asyncio.create_task(client.send("hi"))
        first = await peer.read("message")
        peer.cut()
        next_peer = await server.meet()
        join = await next_peer.admit(head=3)
        assert join["since"] == {"seq": 3, "id": "m3"}
        again = await ack(next_peer)
        assert (again["id"], "at" in again) == (first["id"], True)
        await sending


# Calls.


async def test_a_send_that_is_cancelled_in_time_never_goes_out(server: ScriptedServer) -> None:
    async with client_of(server) as client:
        peer = await server.accept()
        sending = asyncio.create_task(client.send("never"))
        await asyncio.wait([sending], timeout=0)
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
        second = asyncio.create_task(client.send("hi"))
        await peer.greet()
        assert (await ack(peer))["content"] == "hi"
        await second


async def test_a_send_that_is_cancelled_too_late_is_told_by_an_event(
    server: ScriptedServer,
) -> None:
    async with met(server) as (client, peer):
        sending = asyncio.create_task(client.send("hi"))
        frame = await peer.read("message")
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
        await peer.send(Ack(id=frame["id"], room="lobby", seq=1, timestamp=5))
        event = await next_event(client, Acked)
        assert isinstance(event, Acked)
        assert event.receipt.id == frame["id"]


async def test_an_answer_to_a_call_that_is_being_cancelled_is_nobodys(
    server: ScriptedServer,
) -> None:
    async with met(server) as (client, peer):
        asking = asyncio.create_task(client.history())
        frame = await peer.read("history")
        asking.cancel()
        client._shell.step(
            lambda now: client._shell.machine.receive(
                encode(Error(id=frame["id"], code=ErrorCode.FORBIDDEN, message="")), now
            )
        )
        await asyncio.gather(asking, return_exceptions=True)
        assert isinstance(client.state, Connected)


# Signs of life.


@pytest.mark.slow
async def test_a_server_that_has_fallen_silent_is_left_for_a_new_connection(
    server: ScriptedServer,
) -> None:
    async with client_of(server) as client:
        peer = await server.accept()
        await peer.greet(heartbeat=300)
        assert (await peer.read("ping"))["type"] == "ping"
        await server.meet()
        assert await peer.closed() == 1006
        await client.wait_connected()
        states: list[State] = []
        while not (states and isinstance(states[-1], Connected) and len(states) > 1):
            event = await next_event(client, StateChanged)
            assert isinstance(event, StateChanged)
            states.append(event.state)
        # That the old connection ends, too, is no second loss.
        assert [type(state) for state in states] == [
            Connected,
            Disconnected,
            Reconnecting,
            Connected,
        ]


@pytest.mark.slow
async def test_the_round_trip_is_measured(server: ScriptedServer) -> None:
    async with client_of(server) as client:
        peer = await server.accept()
        await peer.greet(heartbeat=1000)
        ping = await peer.read("ping")
        await peer.send(Pong(id=ping["id"], time=0))
        await next_event(client, causerie.LatencyMeasured)
        await next_event(client, causerie.LatencyMeasured)
        assert client.rtt_ms is not None


async def test_after_the_computer_has_slept_the_connection_is_probed_at_once(
    server: ScriptedServer,
) -> None:
    async with met(server) as (client, peer):
        client._shell._drift -= 60.0
        client._shell._tick()
        await peer.read("ping")


async def test_an_application_that_knows_of_another_network_can_say_so(
    server: ScriptedServer,
) -> None:
    async with met(server) as (client, peer):
        client.wake()
        await peer.read("ping")


# Slow applications.


async def flood(peer: Peer, upto: int) -> None:
    for seq in range(1, upto + 1):
        await peer.send(message(seq, content="x" * 1000))


@pytest.mark.slow
async def test_whoever_reads_no_events_slows_the_server_down_and_is_told_so(
    server: ScriptedServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "causerie.client")
    async with met(server, queue=10) as (client, peer):
        await in_lobby(client, peer)
        flooding = asyncio.create_task(flood(peer, 20_000))
        while not client._shell._held:
            await asyncio.wait([flooding], timeout=0.001)
        # Whatever the sockets' buffers hold, 20 MB is more.
        for _ in range(100):
            await asyncio.wait([flooding], timeout=0.001)
            assert len(client._shell._queue) == 10
        assert not flooding.done()
        client._shell._tick()
        assert not caplog.records, "a short while is no fault"
        client._shell._held_since = client._shell._loop.time() - HELD_TOO_LONG
        client._shell._tick()
        client._shell._tick()
        [warning] = caplog.messages
        assert warning.startswith("10 events wait to be read")
        seqs = []
        async for event in client:
            if isinstance(event, Message):
                seqs.append(event.seq)
                if event.seq == 20_000:
                    break
        assert seqs == list(range(1, 20_001))
        await flooding


async def test_whoever_reads_no_events_can_still_send_and_is_told_what_was_shed(
    server: ScriptedServer,
) -> None:
    async with met(server, queue=10) as (client, peer):
        await in_lobby(client, peer)
        await flood(peer, 50)
        await peer.send(Presence(room="lobby", members=2, joined=["Bob"]))
        for number in range(5):
            sending = asyncio.create_task(client.send("hi"))
            frame = await peer.read("message")
            for seq in range(51 + 50 * number, 101 + 50 * number):
                await peer.send(message(seq))
            await peer.send(Ack(id=frame["id"], room="lobby", seq=1, timestamp=5))
            await sending
            assert len(client._shell._queue) <= OVERFLOW * 10
        await peer.send(message(301))
        told: list[ClientEvent] = []
        async for event in client:
            told.append(event)
            if event == message(301):
                break
        [gap] = [event for event in told if isinstance(event, Gap)]
        shown = [event.seq for event in told if isinstance(event, Message)]
        assert gap.after == 0
        assert gap.missing is not None
        assert shown == list(range(gap.missing + 1, 302))
        assert any(isinstance(event, causerie.PresenceChanged) and event.snapshot for event in told)


async def test_whoever_sends_and_reads_no_events_keeps_no_pile_of_receipts(
    server: ScriptedServer,
) -> None:
    async with met(server, queue=2) as (client, peer):
        await in_lobby(client, peer)
        for seq in range(1, 101):
            sending = asyncio.create_task(client.send("hi"))
            await ack(peer, seq=seq)
            await sending
            assert len(client._shell._queue) <= OVERFLOW * 2


async def test_closing_does_not_wait_for_events_to_be_read(server: ScriptedServer) -> None:
    async with met(server, queue=2) as (client, peer):
        await in_lobby(client, peer)
        await peer.send(*(message(seq) for seq in range(1, 50)))
        while not client._shell._held:
            await asyncio.wait([client._shell._keeper], timeout=0.001)
        await client.close()


async def test_who_cannot_wait_for_the_servers_goodbye_leaves_nothing_running(
    server: ScriptedServer,
) -> None:
    async with met(server) as (client, peer):
        peer.connection.transport.pause_reading()
        closing = asyncio.create_task(client.close())
        await asyncio.wait([closing], timeout=0.01)
        assert not closing.done()
        closing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await closing
        assert client._shell._keeper.done()
        assert client._shell._timer is None
        peer.cut()


# Faults of ours.


def fault(*_: object) -> None:
    raise ZeroDivisionError


async def test_a_fault_in_the_client_leaves_nobody_waiting(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with met(server) as (client, peer):
        sending = asyncio.create_task(client.send("hi"))
        draining = asyncio.create_task(client.drain())
        await peer.read("message")
        monkeypatch.setattr(Machine, "receive", fault)
        await peer.send(message(1))
        for waiting in (sending, draining):
            with pytest.raises(BaseExceptionGroup):
                await waiting
        with pytest.raises(BaseExceptionGroup):
            async for _ in client:
                pass
        with pytest.raises(BaseExceptionGroup):
            await client.send("more")


async def test_a_fault_in_the_timer_leaves_nobody_waiting_either(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with client_of(server) as client:
        connecting = asyncio.create_task(client.wait_connected())
        await server.accept()
        with monkeypatch.context() as patch:
            patch.setattr(Machine, "tick", fault)
            with pytest.raises(ZeroDivisionError):
                client._shell._tick()
        with pytest.raises(ZeroDivisionError):
            await connecting
