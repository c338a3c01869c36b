"""A session without a screen, with the scripted server of the client's tests."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import msgspec
import pytest
from tests.client.clients import ack, client_of
from tests.client.frames import joined, message, summary, welcome
from tests.client.scripted_server import Peer, ScriptedServer, scripted_server
from tests.tui.screen.entries import whisper

from causerie.client.client import Client
from causerie.client.errors import CommandRefused, EndedByServer
from causerie.language import Words
from causerie.tui.lines import Line, plain
from causerie.tui.screen import session as session_module
from causerie.tui.screen.memory import Memory
from causerie.tui.screen.session import Session
from causerie.wire.codec import encode
from causerie.wire.codes import ErrorCode
from causerie.wire.replies import Error, HistoryPage, Left, Notice, RoomsPage


class Face:
    """What shows a session: keeps what it was told."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.calls = 0
        self.helps = 0
        self.moved = asyncio.Event()

    def changed(self) -> None:
        self.moved.set()

    def show(self, lines: Sequence[Line]) -> None:
        self.lines += map(plain, lines)
        self.moved.set()

    def called(self) -> None:
        self.calls += 1

    def help(self) -> None:
        self.helps += 1
        self.moved.set()


class Stay:
    """A session, its face, and the server's end of its connection."""

    def __init__(
        self, session: Session, face: Face, client: Client, server: ScriptedServer
    ) -> None:
        self.session = session
        self.face = face
        self.client = client
        self.server = server
        self.peer: Peer
        self.running: asyncio.Task[None]

    async def until(self, holds: Callable[[], object]) -> None:
        async with asyncio.timeout(10):
            while not holds():
                self.face.moved.clear()
                if not holds():
                    await self.face.moved.wait()

    @property
    def states(self) -> list[str]:
        """The states of what one has said and not seen."""
        return [one.state for room in self.session.chat.rooms for one in room.timeline.pending]


@asynccontextmanager
async def staying(
    *, admitted: bool = True, head: int = 0, memory: Memory | None = None, **options: int
) -> AsyncIterator[Stay]:
    """Somebody who stays with a server that does what a test says."""
    async with scripted_server() as server, client_of(server, **options) as client:
        face = Face()
        session = Session(
            Words("en"), face, room="lobby", max_attempts=None, memory=memory or Memory()
        )
        session.username = "Alice"
        stay = Stay(session, face, client, server)
        stay.running = asyncio.create_task(session.run(client, session))
        try:
            if admitted:
                stay.peer = await server.meet()
                await stay.peer.admit(head=head)
                await stay.until(lambda: session.is_admitted)
            yield stay
        finally:
            stay.running.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await stay.running


async def test_what_is_typed_before_there_is_a_connection_waits_and_goes_out() -> None:
    async with staying(admitted=False) as stay:
        assert stay.session.submit("early")
        await stay.until(lambda: stay.states == ["sending"])
        assert list(stay.session.waiting) == ["early"]
        stay.peer = await stay.server.meet()
        await stay.peer.admit()
        frame = await ack(stay.peer)
        assert frame["content"] == "early"
        await stay.until(lambda: stay.states == ["sent"])
        await stay.peer.send(message(1, id=frame["id"], username="Alice", content="early"))
        await stay.until(lambda: stay.states == [])
        assert list(stay.session.waiting) == []


async def test_it_ends_when_all_is_delivered() -> None:
    async with staying() as stay:
        stay.session.submit("last")
        stay.session.submit("/quit")
        await stay.until(lambda: stay.states == ["sending"])
        assert not stay.running.done()
        await ack(stay.peer)
        async with asyncio.timeout(10):
            await stay.running
        assert stay.session.ended.is_set()


async def test_a_room_that_one_may_not_begin_in_ends_it() -> None:
    async with staying(admitted=False) as stay:
        stay.peer = await stay.server.meet()
        join = await stay.peer.read("join")
        await stay.peer.send(Error(id=join["id"], code=ErrorCode.FORBIDDEN, message="no"))
        with pytest.raises(CommandRefused):
            async with asyncio.timeout(10):
                await stay.running


async def test_to_somebody_who_was_cut_off_too_it_is_said_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(session_module, "SAID_AGAIN_AFTER", 0.01)
    async with staying() as stay:
        stay.session.submit("/msg Bob first")
        refused = await stay.peer.read("private")
        unknown = Error(id=refused["id"], code=ErrorCode.RECIPIENT_UNKNOWN, message="who?")
        await stay.peer.send(unknown)
        await stay.until(lambda: stay.states == ["failed"])
        await stay.peer.close(1012)
        await stay.until(lambda: stay.session.trouble)
        assert plain(stay.session.trouble) == "No connection: the server is restarting"
        stay.session.try_now()
        stay.peer = await stay.server.meet()
        await stay.peer.admit()
        await stay.until(lambda: not stay.session.trouble)
        stay.session.submit("/msg Bob second")
        refused = await stay.peer.read("private")
        await stay.peer.send(
            Error(id=refused["id"], code=ErrorCode.RECIPIENT_UNKNOWN, message="who?")
        )
        frame = await ack(stay.peer, kind="private")
        assert (frame["content"], frame["id"] != refused["id"]) == ("second", True)


async def test_what_was_not_taken_is_said_once_more_or_given_up() -> None:
    async with staying() as stay:
        stay.session.submit("hi")
        refused = await stay.peer.read("message")
        await stay.peer.send(Error(id=refused["id"], code=ErrorCode.FORBIDDEN, message="no"))
        await stay.until(lambda: stay.states == ["failed"])
        stay.session.retry("none such")
        stay.session.retry(refused["id"])
        again = await stay.peer.read("message")
        assert again["content"] == "hi"
        await stay.peer.send(Error(id=again["id"], code=ErrorCode.FORBIDDEN, message="no"))
        await stay.until(lambda: stay.states == ["failed"])
        stay.session.discard(again["id"])
        assert stay.states == []


async def test_when_too_much_waits_one_is_told() -> None:
    async with staying(admitted=False, outbox=1) as stay:
        stay.session.submit("one")
        stay.session.submit("two")
        await stay.until(lambda: stay.face.lines)
        assert stay.face.lines == ["Not sent: “two”: 1 command waits for the server already"]


async def test_a_command_without_a_connection_says_that_it_goes_out_later() -> None:
    async with staying() as stay:
        await stay.peer.close(1012)
        await stay.until(lambda: stay.session.trouble)
        stay.session.submit("/rooms")
        await stay.until(lambda: stay.face.lines)
        assert stay.face.lines == [
            "Not connected: /rooms goes out as soon as you are connected again"
        ]


async def test_the_server_has_its_say_and_its_complaints() -> None:
    async with staying() as stay:
        await stay.peer.send(
            Notice(room="lobby", message="going down"),
            Error(code=ErrorCode.UNAVAILABLE, message="oh"),
            Error(code=ErrorCode.FORBIDDEN, message="oh"),
        )
        await stay.until(lambda: len(stay.face.lines) == 2)
        assert stay.face.lines[0].startswith("The server says: messages can be neither")
        assert stay.session.chat.rooms[0].notices == ("going down",)


async def test_more_that_is_asked_for_while_a_page_is_on_its_way_is_loaded_after_it() -> None:
    async with staying(head=300) as stay:
        await stay.peer.send(message(300, prev=299, replay=True))
        room = stay.session.chat.rooms[0]
        await stay.until(lambda: room.timeline.entries)
        stay.session.load_earlier(room, 40)
        asked = await stay.peer.read("history")
        assert (asked["before"], asked["limit"]) == (300, 40)
        stay.session.load_earlier(room, 120)
        entries = [msgspec.Raw(encode(message(seq))) for seq in range(260, 300)]
        page = HistoryPage(id=asked["id"], room="lobby", epoch="e", entries=entries, more=True)
        await stay.peer.send(page)
        asked = await stay.peer.read("history")
        assert (asked["before"], asked["limit"]) == (260, 80)


async def test_what_calls_is_told() -> None:
    async with staying() as stay:
        stay.session.watch(is_watching=False)
        stay.session.watch(is_watching=False)
        await stay.peer.send(message(1, content="Alice?"))
        await stay.until(lambda: stay.face.calls)
        assert stay.face.calls == 1
        stay.session.watch(is_watching=True)
        assert stay.session.chat.unread.all == 0


async def test_what_cannot_be_loaded_says_so() -> None:
    async with staying(head=9) as stay:
        await stay.peer.send(message(9, prev=5, replay=True))
        room = stay.session.chat.rooms[0]
        await stay.until(lambda: room.timeline.entries)
        stay.session.load_earlier(room)
        stay.session.load_earlier(room)
        asked = await stay.peer.read("history")
        assert asked["before"] == 9
        await stay.peer.send(Error(id=asked["id"], code=ErrorCode.FORBIDDEN, message="no"))
        await stay.until(lambda: stay.face.lines == ["you may not do this"])
        await stay.until(lambda: not stay.session._loading)
        stay.session.load_earlier(room)
        asked = await stay.peer.read("history")
        page = HistoryPage(id=asked["id"], room="lobby", epoch="e", entries=[], more=True)
        await stay.peer.send(page)
        await stay.until(lambda: not stay.session._loading)
        room.timeline.tear(9, 3)
        room.timeline.add(message(13))
        stay.session.fill(room, 13)
        asked = await stay.peer.read("history")
        assert asked["after"] == 9
        await stay.peer.send(Error(id=asked["id"], code=ErrorCode.FORBIDDEN, message="no"))
        await stay.until(lambda: len(stay.face.lines) == 2)


async def test_a_room_is_joined_under_the_name_that_the_server_has_for_it_and_left() -> None:
    async with staying() as stay:
        stay.session.submit("/join #Garden")
        join = await stay.peer.read("join")
        assert join["room"] == "Garden"
        await stay.peer.send(joined(join["id"], "garden", 0))
        await stay.until(lambda: stay.session.chat.current is stay.session.chat.room("garden"))
        stay.session.submit("/leave")
        left = await stay.peer.read("leave")
        await stay.peer.send(Left(id=left["id"], room="garden"))
        await stay.until(lambda: stay.session.chat.room("garden") is None)


async def test_another_name_is_taken_if_it_is_to_be_had() -> None:
    async with staying() as stay:
        stay.session.submit("/name Bob")
        asked = await stay.peer.read("hello")
        assert asked["username"] == "Bob"
        refused = Error(id=asked["id"], code=ErrorCode.NAME_TAKEN, message="no", field="username")
        await stay.peer.send(refused)
        await stay.until(lambda: stay.face.lines)
        (line,) = stay.face.lines
        assert line.startswith("Not done: this name, or one that looks like it, is taken")
        stay.session.submit("/name Zoé")
        asked = await stay.peer.read("hello")
        await stay.peer.send(welcome(asked["id"], "Zoé"))
        await stay.until(lambda: stay.session.username == "Zoé")


async def test_each_connection_asks_with_whom_ones_conversations_are() -> None:
    async with staying() as stay:
        for name in ("Bob", "Robert"):
            said = whisper(1, replay=True)
            stay.session.chat.told(said, 0)
            for _ in range(2):  # the library asks, too
                asked = await stay.peer.read("rooms")
                rooms = [summary(said.room, peer=name, head=1)]
                await stay.peer.send(RoomsPage(id=asked["id"], rooms=rooms, more=False))
            room = stay.session.chat.room(said.room)
            assert room is not None
            await stay.until(lambda: room.title == name)  # noqa: B023 - it ends before the next
            stay.peer.cut()
            stay.peer = await stay.server.meet()


async def test_a_room_that_one_leaves_right_after_speaking_there_does_not_come_back() -> None:
    async with staying() as stay:
        stay.session.submit("bye")
        stay.session.submit("/leave")
        said = await stay.peer.read("message")
        await stay.peer.send(Error(id=said["id"], code=ErrorCode.FORBIDDEN, message="no"))
        await stay.until(lambda: stay.face.lines)
        assert stay.face.lines == ["Not sent: “bye”: you may not do this"]
        assert stay.session.chat.rooms == []


async def test_who_leaves_the_first_room_before_it_is_joined_stays() -> None:
    async with staying(admitted=False) as stay:
        stay.session.submit("/leave")
        await stay.until(lambda: stay.session.chat.rooms == [])
        stay.session.submit("/join garden")
        stay.peer = await stay.server.meet()
        join = await stay.peer.read("join")
        await stay.peer.send(joined(join["id"], "garden", 0))
        await stay.until(lambda: stay.session.chat.room("garden"))
        assert (join["room"], stay.face.lines) == ("garden", [])


async def test_what_means_nothing_is_not_kept_and_mistakes_are_explained() -> None:
    async with staying() as stay:
        assert stay.session.submit("   ")
        assert stay.session.submit("/nope")
        assert stay.session.submit("/msg Bob")
        assert stay.session.unread == 0
        assert len(stay.face.lines) == 2
        assert stay.session.submit("/help")
        await stay.until(lambda: stay.face.helps)


async def test_one_may_name_those_who_are_there_and_whom_one_talks_to() -> None:
    async with staying() as stay:
        stay.session.talk_to("Bob")
        assert stay.session.names() == ("Bob",)
        stay.session.typing("not to anybody yet")
        stay.session.load_earlier(stay.session.chat.conversation("Bob"))
        for room in stay.session.chat.rooms:
            stay.session.chat.close(room.name)
        assert stay.session.names() == ()
        stay.session.submit("/who")
        await stay.until(lambda: stay.face.lines)
        assert stay.face.lines == ["You are in no room; /join ROOM takes you into one"]
        assert not stay.session.submit("hello?")


async def test_before_there_is_a_client_nothing_is_asked_of_it() -> None:
    session = Session(Words("en"), Face(), room="lobby", max_attempts=None, memory=Memory())
    (room,) = session.chat.rooms
    session.load_earlier(room)
    session.fill(room, 1)
    session.leave(room)
    session.try_now()
    session.typing("x")
    assert session.chat.rooms == [room]
    session.end()
    assert await session.next() is None


async def test_what_one_client_could_not_say_the_next_one_says() -> None:
    async with staying(admitted=False) as stay:
        stay.session.submit("early")
        await stay.until(lambda: stay.states == ["sending"])
        stay.running.cancel()
        await asyncio.gather(stay.running, return_exceptions=True)
        async with client_of(stay.server) as other:
            running = asyncio.create_task(stay.session.run(other, stay.session))
            first = await stay.server.accept()
            second = await stay.server.accept()
            for peer in (first, second):
                await peer.greet()
            frame = None
            for peer in (first, second):
                with suppress(TimeoutError):
                    async with asyncio.timeout(0.5):
                        await peer.admit()
                        frame = await ack(peer)
            assert frame is not None
            assert frame["content"] == "early"
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


async def test_what_was_written_in_a_room_goes_with_it_to_its_other_name() -> None:
    async with staying(admitted=False) as stay:
        stay.session.submit("early")
        await stay.until(lambda: stay.states == ["sending"])
        stay.session.chat.rooms[0].draft = "draft"
        stay.peer = await stay.server.meet()
        join = await stay.peer.read("join")
        await stay.peer.send(joined(join["id"], "Lobby", 0))
        await stay.until(lambda: stay.session.chat.room("Lobby") is not None)
        (room,) = stay.session.chat.rooms
        assert (room.name, room.draft, stay.states) == ("Lobby", "draft", ["sending"])
        assert stay.session.chat.current is room


async def test_who_is_sent_away_hears_why_and_what_waits_stays_among_what_waits() -> None:
    async with staying() as stay:
        stay.session.submit("hi")
        await stay.until(lambda: stay.states == ["sending"])
        room = stay.session.chat.rooms[0]
        room.timeline.has_earlier = True
        stay.session.load_earlier(room)
        await stay.peer.close(4500)
        async with asyncio.timeout(10):
            with pytest.raises(EndedByServer):
                await stay.running
        assert list(stay.session.waiting) == ["hi"]
        stay.session.try_now()
        stay.session.typing("x")


async def test_what_an_earlier_stay_has_seen_in_another_log_was_not_seen_here(
    tmp_path: Path,
) -> None:
    memory = Memory(tmp_path / "seen.json")
    memory.see("lobby", 2, "of another log")
    async with staying(head=2, memory=memory) as stay:
        stay.session.watch(is_watching=False)
        (room,) = stay.session.chat.rooms
        assert (room.seen, room.seen_before) == (2, 2)
        await stay.peer.send(message(1, replay=True), message(2, replay=True), message(3))
        await stay.until(lambda: room.timeline.last == 3)
        assert (room.seen, room.seen_before, room.unread) == (0, None, 1)
        stay.session.watch(is_watching=True)
    assert Memory(tmp_path / "seen.json").seen["lobby"].id == "m3"
