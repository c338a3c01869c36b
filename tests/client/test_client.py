import asyncio
import time
from http import HTTPStatus
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.client.clients import KEY, ack, client_of, in_lobby, met, next_event
from tests.client.frames import cursor, joined, message, summary, welcome
from tests.client.scripted_server import ScriptedServer, scripted_server

import causerie
from causerie.client.errors import (
    Ended,
    EndedByServer,
    GaveUp,
    HelloRefused,
    InDoubt,
    NotJoined,
    OutboxFull,
)
from causerie.client.keys import KeyStore
from causerie.client.machine import link
from causerie.client.machine.events import Acked, Renamed, SendFailed, StateChanged
from causerie.client.machine.states import (
    Closed,
    Connected,
    Connecting,
    Disconnected,
)
from causerie.client.sending import Sending
from causerie.wire.codec import encode
from causerie.wire.codes import ErrorCode
from causerie.wire.commands import Cursor, SendMessage
from causerie.wire.replies import (
    Error,
    HistoryPage,
    Joined,
    Left,
    MembersPage,
    Message,
    RoomsPage,
    Typing,
)

# Connecting.


@pytest.mark.parametrize(
    ("locale", "reason"), [("fr-CA", "personne n’écoute sur"), ("de", "nobody listens on")]
)
async def test_why_there_is_no_connection_is_told_in_the_locales_language(
    locale: str, reason: str
) -> None:
    async with scripted_server() as gone:
        url = gone.url
    with pytest.raises(causerie.GaveUp) as caught:
        async with causerie.connect(url, "Alice", key=KEY, locale=locale, max_attempts=1):
            pass
    assert caught.value.reason.startswith(reason)


async def test_that_a_server_does_not_answer_is_told_in_the_locales_language(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link, "WELCOME_TIMEOUT", 0.05)
    with pytest.raises(causerie.GaveUp) as caught:
        async with causerie.connect(server.url, "Alice", key=KEY, locale="fr", max_attempts=1):
            pass
    assert caught.value.reason == "le serveur ne répond pas à hello"


async def test_a_context_is_entered_when_one_is_connected_and_left_with_a_goodbye(
    server: ScriptedServer,
) -> None:
    meeting = asyncio.create_task(server.meet(username="alice"))
    async with causerie.connect(server.url, "Alice", key=KEY, locale="fr") as client:
        peer = await meeting
        assert isinstance(client.state, Connected)
        assert client.username == "alice"
        assert client.url == server.url
        assert client.welcome is not None
        assert client.rtt_ms is not None
        assert client.retry_in is None
    assert await peer.closed() == 1000
    assert isinstance(client.state, Closed)
    assert client.rtt_ms is None


async def test_a_key_is_kept_for_the_next_time(server: ScriptedServer, tmp_path: Path) -> None:
    keys = KeyStore(tmp_path)
    for _ in range(2):
        async with causerie.connect(server.url, "Alice", keys=keys, wait=False):
            hello = await (await server.accept()).read()
            assert hello["key"] == keys.find(server.url, "Alice")


async def test_a_token_needs_no_key(server: ScriptedServer, tmp_path: Path) -> None:
    async with causerie.connect(
        server.url, "Alice", token="t", keys=KeyStore(tmp_path), wait=False
    ):
        hello = await (await server.accept()).read()
    assert hello["token"] == "t"
    assert "key" not in hello
    assert KeyStore(tmp_path).find(server.url, "Alice") is None


async def test_ids_are_random_and_long(server: ScriptedServer) -> None:
    async with causerie.connect(server.url, "Alice", key=KEY, wait=False):
        hello = await (await server.accept()).read()
    assert len(hello["id"]) == 22


async def test_a_taken_name_is_told_at_once(server: ScriptedServer) -> None:
    async def refuse() -> None:
        peer = await server.accept()
        hello = await peer.read()
        await peer.send(Error(id=hello["id"], code=ErrorCode.NAME_TAKEN, message="Taken."))

    refusing = asyncio.create_task(refuse())
    with pytest.raises(HelloRefused, match="Taken; choose another"):
        async with causerie.connect(server.url, "Alice", key=KEY):
            pass
    await refusing


async def test_where_nobody_answers_one_can_give_up() -> None:
    async with scripted_server() as server:
        url = server.url
    with pytest.raises(GaveUp, match="after 1 attempt: nobody listens"):
        async with causerie.connect(url, "Alice", key=KEY, max_attempts=1):
            pass


async def test_what_is_no_chat_is_not_asked_again(server: ScriptedServer) -> None:
    server.refuse.append((HTTPStatus.NOT_FOUND, {}))
    with pytest.raises(EndedByServer, match="HTTP 404"):
        async with causerie.connect(server.url, "Alice", key=KEY):
            pass


async def test_an_address_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError):
        async with causerie.connect("ftp://x", "Alice", key=KEY):
            pass


async def test_one_can_look_on_while_it_connects(server: ScriptedServer) -> None:
    async with client_of(server) as client:
        assert client.state == Connecting()
        waiting = asyncio.create_task(client.wait_connected())
        await server.meet()
        await waiting


# Saying.


async def test_a_message_is_durable_when_send_returns(server: ScriptedServer) -> None:
    async with met(server) as (client, peer):
        sending = asyncio.create_task(client.send("hi", "lobby", reply_to="m3"))
        frame = await ack(peer, seq=4)
        assert (frame["content"], frame["room"], frame["replyTo"]) == ("hi", "lobby", "m3")
        receipt = await sending
        assert (receipt.id, receipt.room, receipt.seq) == (frame["id"], "lobby", 4)
        event = await next_event(client, Acked)
        assert event == Acked(receipt=receipt)


async def test_what_one_says_is_told_as_sending_under_the_id_that_its_ack_has(
    server: ScriptedServer,
) -> None:
    async with client_of(server) as client:
        sending = asyncio.create_task(client.send("hi", "lobby", reply_to="m3"))
        told = await next_event(client, Sending)
        assert isinstance(told, Sending)
        assert told.command == SendMessage(room="lobby", content="hi", reply_to="m3")
        assert 0 <= time.time() * 1000 - told.at < 60_000
        peer = await server.meet()
        await in_lobby(client, peer)
        frame = await ack(peer, seq=4)
        assert frame["id"] == told.id == (await sending).id


async def test_what_cannot_be_kept_is_never_told_as_sending(server: ScriptedServer) -> None:
    async with client_of(server, outbox=0) as client:
        with pytest.raises(OutboxFull):
            await client.send("hi")
        await client.close()
        assert not any([isinstance(event, Sending) async for event in client])


async def test_a_private_message_goes_to_a_person(server: ScriptedServer) -> None:
    async with met(server) as (client, peer):
        sending = asyncio.create_task(client.private("Bob", "psst"))
        frame = await ack(peer, kind="private")
        assert (frame["to"], frame["content"]) == ("Bob", "psst")
        await sending


async def test_what_the_server_does_not_take_is_raised(server: ScriptedServer) -> None:
    async with met(server) as (client, peer):
        sending = asyncio.create_task(client.send("hi"))
        frame = await peer.read("message")
        await peer.send(Error(id=frame["id"], code=ErrorCode.NOT_JOINED, message="Join first."))
        with pytest.raises(NotJoined, match="Join first"):
            await sending
        assert isinstance(await next_event(client, SendFailed), SendFailed)


async def test_a_full_outbox_is_raised_at_once(server: ScriptedServer) -> None:
    async with client_of(server, outbox=1) as client:
        first = asyncio.create_task(client.send("hi"))
        await asyncio.wait([first], timeout=0)
        with pytest.raises(OutboxFull):
            await client.send("hi")
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)


async def test_one_can_wait_until_everything_is_acked(server: ScriptedServer) -> None:
    async with met(server) as (client, peer):
        await peer.send(RoomsPage(id=(await peer.read("rooms"))["id"], rooms=[]))
        sending = asyncio.gather(client.send("one"), client.send("two"))
        draining = asyncio.create_task(client.drain())
        await ack(peer, seq=1)
        await next_event(client, Acked)
        assert not draining.done(), "one of the two is not acked yet"
        await ack(peer, seq=2)
        await draining
        assert [receipt.seq for receipt in await sending] == [1, 2]


async def test_typing_is_told(server: ScriptedServer) -> None:
    async with met(server) as (client, peer):
        await in_lobby(client, peer)
        client.typing()
        client.typing()
        client.typing(is_typing=False)
        told = [(await peer.read("typing"))["isTyping"] for _ in range(2)]
        assert told == [True, False]


# Asking.


async def test_rooms_are_joined_and_left(server: ScriptedServer) -> None:
    async with met(server) as (client, peer):
        joining = asyncio.create_task(
            client.join("Lobby", since=Cursor(3, "m3"), epoch="e1", limit=7)
        )
        join = await peer.read("join")
        assert join["since"] == {"seq": 3, "id": "m3"}
        await peer.send(
            joined(join["id"], head=3, members=2, names=["Alice", "Bob"], recovered="complete")
        )
        assert (await joining).room == "lobby"
        assert client.present("lobby") == (2, ("Alice", "Bob"))
        assert client.position("lobby") == ("e1", cursor(3))
        leaving = asyncio.create_task(client.leave("lobby"))
        await peer.send(Left(id=(await peer.read("leave"))["id"], room="lobby"))
        await leaving


async def test_a_join_that_is_cancelled_is_made_all_the_same_and_told(
    server: ScriptedServer,
) -> None:
    async with met(server) as (client, peer):
        joining = asyncio.create_task(client.join("lobby"))
        await asyncio.wait([joining], timeout=0)
        joining.cancel()
        await asyncio.gather(joining, return_exceptions=True)
        await peer.admit(head=3)
        assert isinstance(await next_event(client, Joined), Joined)
        assert client.position("lobby") == ("e1", cursor(3))


async def test_history_is_read(server: ScriptedServer) -> None:
    async with met(server) as (client, peer):
        asking = asyncio.create_task(client.history("lobby", before=9, limit=1))
        frame = await peer.read("history")
        assert (frame["before"], frame["limit"]) == (9, 1)
        entries = [msgspec.Raw(encode(message(8)))]
        await peer.send(
            HistoryPage(id=frame["id"], room="lobby", epoch="e1", entries=entries, more=True)
        )
        page = await asking
        assert (page.entries, page.more) == ((message(8),), True)


async def test_members_are_asked_for_page_by_page(server: ScriptedServer) -> None:
    async with met(server) as (client, peer):
        asking = asyncio.create_task(client.members())
        for after, names, more in ((None, ["Alice"], True), ("Alice", ["Bob"], False)):
            frame = await peer.read("members")
            assert frame.get("after") == after
            await peer.send(
                MembersPage(id=frame["id"], room="lobby", members=2, names=names, more=more)
            )
        assert await asking == ["Alice", "Bob"]


async def test_rooms_are_asked_for_page_by_page(server: ScriptedServer) -> None:
    async with met(server) as (client, peer):
        await peer.read("rooms")
        asking = asyncio.create_task(client.rooms())
        for after, name, more in ((None, "garden", True), ("garden", "lobby", False)):
            frame = await peer.read("rooms")
            assert frame.get("after") == after
            await peer.send(RoomsPage(id=frame["id"], rooms=[summary(name, 1)], more=more))
        assert [room.room for room in await asking] == ["garden", "lobby"]


async def test_a_name_can_be_changed(server: ScriptedServer) -> None:
    async with met(server) as (client, peer):
        renaming = asyncio.create_task(client.rename("bob"))
        frame = await peer.read("hello")
        await peer.send(welcome(frame["id"], username="Bob"))
        assert await renaming == "Bob"
        assert client.username == "Bob"


async def test_the_key_is_kept_under_each_name_that_it_gets(
    server: ScriptedServer, tmp_path: Path
) -> None:
    keys = KeyStore(tmp_path)
    in_vain = keys.find_or_make(server.url, "Bob")
    async with causerie.connect(server.url, "Alice", keys=keys, wait=False) as client:
        peer = await server.meet()
        await client.wait_connected()
        renaming = asyncio.create_task(client.rename("bob"))
        frame = await peer.read("hello")
        await peer.send(welcome(frame["id"], username="Bob"))
        await renaming
        key = keys.find(server.url, "Alice")
        assert keys.find(server.url, "Bob") == key != in_vain
        await peer.send(welcome(None, username="Carol"))  # by another device
        await next_event(client, Renamed)
        await next_event(client, Renamed)
        assert keys.find(server.url, "Carol") == key


async def test_a_key_that_the_application_brought_is_kept_where_it_says(
    server: ScriptedServer, tmp_path: Path
) -> None:
    keys, home = KeyStore(tmp_path / "own"), KeyStore()
    for given in (None, keys):
        async with causerie.connect(server.url, "Alice", key=KEY, keys=given, wait=False) as client:
            hello = await (peer := await server.accept()).read("hello")
            await peer.send(welcome(hello["id"], username="Alicia"))
            await client.wait_connected()
        assert keys.find(server.url, "Alicia") == (None if given is None else KEY)
        assert home.find(server.url, "Alicia") is None


async def test_a_name_whose_key_cannot_be_kept_is_ones_own_all_the_same(
    server: ScriptedServer, tmp_path: Path
) -> None:
    folder = tmp_path / "keys"
    keys = KeyStore(folder)
    keys.find_or_make(server.url, "Bob")
    for file in folder.iterdir():
        file.write_text("torn")
    async with causerie.connect(server.url, "Alice", keys=keys, wait=False) as client:
        hello = await (peer := await server.accept()).read("hello")
        await peer.send(welcome(hello["id"], username="Bob"))
        await client.wait_connected()
        assert client.username == "Bob"


@pytest.mark.parametrize("returning", [False, True])
async def test_a_name_is_a_wish_or_the_one_had_last_as_one_says(
    server: ScriptedServer, *, returning: bool
) -> None:
    options: dict[str, Any] = {"returning": True} if returning else {}
    async with causerie.connect(server.url, "Alice", key=KEY, wait=False, **options) as client:
        peer = await server.accept()
        hello = await peer.read("hello")
        assert hello.get("returning", False) is returning
        await peer.send(welcome(hello["id"], username="Alicia"))
        await client.wait_connected()
        assert client.username == "Alicia"


# Being told.


async def test_events_are_told_in_order_and_the_iteration_ends_with_the_client(
    server: ScriptedServer,
) -> None:
    async with met(server) as (client, peer):
        await in_lobby(client, peer)
        await peer.send(message(1), Typing(room="lobby", username="Bob", is_typing=True))
        await peer.send(message(2))
        assert await next_event(client, Message) == message(1)
        assert await next_event(client, Message) == message(2)
        await client.close()
        rest = [type(event) async for event in client]
        assert rest[-1] is StateChanged


async def test_who_types_can_be_asked(server: ScriptedServer) -> None:
    async with met(server) as (client, peer):
        await in_lobby(client, peer)
        await peer.send(
            Typing(room="lobby", username="Bob", is_typing=True), message(1, username="C")
        )
        await next_event(client, Message)
        assert client.typists("lobby") == ("Bob",)


async def test_who_is_sent_away_hears_why(server: ScriptedServer) -> None:
    async with met(server) as (client, peer):
        sending = asyncio.create_task(client.send("hi"))
        await peer.read("message")
        await peer.close(1008, "banned")
        with pytest.raises(InDoubt, match="banned"):
            await sending
        with pytest.raises(EndedByServer, match="banned"):
            async for _ in client:
                pass
        for call in (client.wait_connected(), client.drain(), client.send("more")):
            with pytest.raises(EndedByServer):
                await call


async def test_who_closes_ends_what_still_waits(server: ScriptedServer) -> None:
    async with client_of(server) as client:
        sending = asyncio.create_task(client.send("hi"))
        joining = asyncio.create_task(client.join())
        await asyncio.wait([sending, joining], timeout=0)
        await client.close()
        for task in (sending, joining):
            with pytest.raises(Ended):
                await task


async def test_states_tell_when_the_next_attempt_is_made() -> None:
    async with scripted_server() as server:
        url = server.url
    async with causerie.connect(url, "Alice", key=KEY, wait=False) as client:
        event = await next_event(client, StateChanged)
        assert isinstance(event, StateChanged)
        assert isinstance(event.state, Disconnected)
        assert event.state.attempt == 2
        if isinstance(client.state, Disconnected):
            retry_in = client.retry_in
            assert retry_in is not None
            assert 0.0 <= retry_in <= 1.0
