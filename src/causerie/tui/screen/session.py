"""One person's stay in the chat: the library's client, and the state that the screen shows of it.

The only file of the screen that drives the client. It knows no terminal: what is on the screen is
told when something has changed (`Face`), and asks for what a key or a click means.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Final, Protocol, assert_never

from causerie.client.client import Client
from causerie.client.errors import (
    ClientError,
    Ended,
    InvalidCommand,
    NotJoined,
    OutboxFull,
    RecipientUnknown,
)
from causerie.client.machine.events import (
    LatencyMeasured,
    Receipt,
    RoomLost,
    SendFailed,
    ServerError,
    StateChanged,
)
from causerie.client.machine.states import Closed, Connected, Disconnected
from causerie.client.sending import ClientEvent
from causerie.language import Words
from causerie.tui.answers import member_lines
from causerie.tui.chat import BACK_WITHIN, SAID_AGAIN_AFTER, Source, Typed, list_rooms
from causerie.tui.commands import (
    Help,
    JoinRoom,
    LeaveRoom,
    ListRooms,
    Misused,
    Nothing,
    Quit,
    Say,
    ShowHistory,
    TakeName,
    Tell,
    UnknownCommand,
    Who,
    parse,
)
from causerie.tui.lines import Line, Style, line
from causerie.tui.sanitise import sanitise_name
from causerie.tui.screen.chat_state import ChatState, Notify, Room, SeeCompany, present
from causerie.tui.screen.memory import Memory
from causerie.tui.screen.timeline import Pending
from causerie.tui.standing import Standing
from causerie.tui.typed_lines import TypedLines
from causerie.tui.wording import (
    NOTHING_GIVEN,
    excerpt,
    explain_close,
    explain_error,
    explain_length,
    explain_mistake,
)
from causerie.wire.commands import SendMessage
from causerie.wire.replies import Message, Private

PAGE: Final = 50
"""Entries asked for at a time."""

LARGEST_PAGE: Final = 100
"""Entries of history that the protocol lets one ask for at once."""


class Face(Protocol):
    """What shows a session."""

    def changed(self) -> None:
        """Something may read differently now."""

    def show(self, lines: Sequence[Line]) -> None:
        """Shows what answers the person."""

    def called(self) -> None:
        """Something calls for the person."""

    def help(self) -> None:
        """Shows what keys and commands there are."""


class Session(TypedLines):
    """A stay in the chat; it is also where the lines come from that are typed (`Source`)."""

    def __init__(
        self,
        words: Words,
        face: Face,
        *,
        room: str,
        max_attempts: int | None,
        memory: Memory,
    ) -> None:
        super().__init__()
        self.chat = ChatState("")
        self.standing = Standing(words, max_attempts=max_attempts)
        self.refused = 0
        self.has_quit = False
        self.is_admitted = False
        self.trouble: Line = ()
        """Why there is no connection, while there is none."""
        self._words = words
        self._face = face
        self._room = room
        self._memory = memory
        self._loop = asyncio.get_running_loop()
        self._client: Client | None = None
        # Where one was when one typed a line, and which message it answers.
        self._addressed: dict[int, tuple[Room, str]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        # Rooms whose earlier messages are being loaded, and how many more of them are wanted.
        self._loading: dict[Room, int] = {}
        self._learning: asyncio.Task[None] | None = None
        self._back_by = float("-inf")
        self.chat.seen_before = {name: place.seq for name, place in memory.seen.items()}
        self.chat.show(self.chat.open(room))

    # What a stay asks.

    @property
    def username(self) -> str:
        """One's name, as far as is known."""
        return self.chat.username

    @username.setter
    def username(self, name: str) -> None:
        self.chat.username = name

    @property
    def waiting(self) -> Sequence[str]:
        """The messages that are not durable yet."""
        return [
            pending.content
            for room in self.chat.rooms
            for pending in room.timeline.pending
            if pending.state == "sending"
        ]

    async def run(self, client: Client, lines: Source) -> None:
        """Says what comes, and shows what happens, until the lines end and all is delivered.

        Raises:
            Ended: the client did.
            CommandRefused: one may not be in the room one was to begin in.
        """
        self._client = client
        follow = asyncio.create_task(self._follow(client))
        work = asyncio.create_task(self._work(client, lines))
        try:
            await asyncio.wait({follow, work}, return_when=asyncio.FIRST_COMPLETED)
            if follow.done():
                await follow
            await work
        finally:
            learning = [] if self._learning is None else [self._learning]
            tasks = [follow, work, *learning, *self._tasks]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._remember()

    # What the person does.

    @property
    def now(self) -> float:
        """Seconds, monotonic."""
        return self._loop.time()

    def submit(self, text: str, room: Room | None = None) -> bool:
        """Takes what was typed; answers whether it is to be taken away.

        `room` is where it was typed: the current room, unless it is told. A text that is too long
        stays, to be shortened. A command that is none goes; like any line it comes back with the
        arrow keys.
        """
        room = room or self.chat.current
        match command := parse(text):
            case Nothing():
                return True
            case UnknownCommand() | Misused():
                self._complain(explain_mistake(self._words, command))
                return True
            case Say(text=content) | Tell(text=content):
                welcome = self._client.welcome if self._client is not None else None
                if objection := explain_length(self._words, content, welcome):
                    self._complain(objection)
                    return False
                if isinstance(command, Say) and room not in self.chat.rooms:
                    self._complain(self._no_room(room))
                    return False
            case Quit():
                self.end()
                return True
            case _:
                pass
        number = self.add(text)
        if room is not None:
            self._addressed[number] = (room, room.reply_to)
            room.reply_to = ""
        return True

    def show(self, room: Room) -> None:
        """Looks at a room."""
        self.chat.show(room)
        self._face.changed()

    def talk_to(self, name: str) -> None:
        """Looks at the private conversation with somebody, which may not have begun."""
        self.show(self.chat.conversation(name))

    def watch(self, *, is_watching: bool) -> None:
        """Whether the person sees what comes to the current room."""
        if is_watching != self.chat.is_watching:
            self.chat.is_watching = is_watching
            self.chat.see()
            self._face.changed()

    def typing(self, text: str) -> None:
        """The text that is being written in the current room is now this."""
        room = self.chat.current
        if self._client is not None and room is not None and not room.is_draft:
            is_typing = isinstance(parse(text), Say)
            with suppress(Ended):  # `run` tells
                self._client.typing(room.name, is_typing=is_typing)

    def retry(self, id: str) -> None:
        """Says once more what was not taken."""
        self._say_again(lambda pending: pending.id == id and pending.state == "failed")

    def discard(self, id: str) -> None:
        """Gives up what was not taken."""
        for room in self.chat.rooms:
            room.timeline.settle(id)
        self._face.changed()

    def load_earlier(self, room: Room, count: int = PAGE) -> None:
        """Loads so much of what was said before the first message that is loaded. What is on its
        way already counts.
        """
        if self._client is None or not room.timeline.has_earlier or room.is_draft:
            return
        is_under_way = room in self._loading
        self._loading[room] = max(count, self._loading.get(room, 0))
        if not is_under_way:
            self._start(self._load_earlier(self._client, room))

    def fill(self, room: Room, seq: int) -> None:
        """Loads what is missing before an entry."""
        if self._client is not None:
            self._start(self._fill(self._client, room, seq))

    def leave(self, room: Room) -> None:
        """Leaves a room; a private conversation is put out of sight."""
        if self._client is not None:
            self._start(self._leave(self._client, room))

    def try_now(self) -> None:
        """Tries to connect at once."""
        if self._client is not None:
            with suppress(Ended):  # `run` tells
                self._client.wake()

    def names(self) -> tuple[str, ...]:
        """Whom one may want to name: those who are in the current room, as far as is known."""
        room = self.chat.current
        return () if room is None else (*room.company.names, *([room.peer] if room.peer else []))

    # Events.

    async def _follow(self, client: Client) -> None:
        async for event in client:
            self._told(client, event)
            self._face.changed()

    def _told(self, client: Client, event: ClientEvent) -> None:
        now = self._loop.time()
        match event:
            case StateChanged(state=state):
                self.standing.changed(state, now)
                if isinstance(state, Disconnected):
                    why = explain_close(self._words, state.code, state.reason)
                    told = self._words("no-connection", reason=why)
                    self.trouble = line(told, Style.BAD) if why else ()
                if isinstance(state, Connected):
                    self.trouble = ()
                    if self.is_admitted:
                        self._back_by = now + BACK_WITHIN
                    self.is_admitted = True
                    self.chat.username = client.username
                    self._learn_names(client)
            case LatencyMeasured(rtt_ms=rtt_ms):
                self.standing.measured(rtt_ms)
            case Message() | Private():
                self._recall(event)
            case SendFailed():
                self._failed(client, event, now)
            case ServerError(error=error):
                reason = explain_error(self._words, error)
                self._complain(self._words("server-error", reason=reason))
            case RoomLost(room=name, error=error):
                reason = explain_error(self._words, error)
                lost = self._words("room-lost", room=sanitise_name(name), reason=reason)
                self._complain(lost)
            case _:
                pass
        for wish in self.chat.told(event, now * 1000):
            match wish:
                case SeeCompany(room=name):
                    self.chat.company(name, present(*client.present(name)))
                case Notify():
                    self._face.called()
                case _:
                    assert_never(wish)

    def _learn_names(self, client: Client) -> None:
        """Asks with whom one's conversations are: the names of others, or one's own, may be others
        than when something was said.
        """
        if self._learning is not None:
            self._learning.cancel()
        self._learning = self._loop.create_task(self._learn(client))

    async def _learn(self, client: Client) -> None:
        with suppress(ClientError):  # `run` tells
            rooms = await client.rooms()
            self.chat.summarised({one.room: one.peer for one in rooms if one.peer})
            self._face.changed()

    def _recall(self, entry: Message | Private) -> None:
        """Forgets what an earlier stay has seen, where it was in another log."""
        place, room = self._memory.seen.get(entry.room), self.chat.room(entry.room)
        if room is None or place is None or place.seq != entry.seq:
            return
        if place.id != entry.id:
            room.seen = 0
            room.seen_before = None

    def _remember(self) -> None:
        """Writes down what was seen."""
        for room in self.chat.rooms:
            for entry in reversed(room.timeline.entries):
                if entry.seq <= room.seen:
                    self._memory.see(room.name, entry.seq, entry.id)
                    break
        self._memory.keep()

    def _failed(self, client: Client, event: SendFailed, now: float) -> None:
        """What one said was not taken. To somebody who was perhaps cut off like oneself, and comes
        back a moment later, it is said once more.
        """
        if isinstance(client.state, Closed):
            return  # it stays among those that wait; the screen is about to go, and `run` tells
        if isinstance(event.error, RecipientUnknown) and now <= self._back_by:
            self._start(self._say_again_later(event.id))
            return
        command = event.command
        if isinstance(command, SendMessage):
            given = {"room": command.room, "content": command.content}
        else:
            given = {"to": command.to, "content": command.content}
        reason = explain_error(self._words, event.error, given)
        if not self.chat.failed(event.id, reason):
            self._not_sent(command.content, reason)

    async def _say_again_later(self, id: str) -> None:
        await asyncio.sleep(SAID_AGAIN_AFTER)
        self._say_again(lambda pending: pending.id == id)

    def _say_again(self, is_meant: Callable[[Pending], bool]) -> None:
        """Says once more, under new ids, what one has said and what is in no log."""
        for room in self.chat.rooms:
            for pending in filter(is_meant, room.timeline.pending):
                room.timeline.settle(pending.id)
                self._say(room, pending.content, pending.reply_to)

    # Lines.

    async def _work(self, client: Client, lines: Source) -> None:
        # What a client could not say that was not let in under its name.
        self._say_again(lambda _: True)
        entering = asyncio.create_task(self._enter(client))
        self._tasks.add(entering)
        entering.add_done_callback(self._tasks.discard)
        reading = asyncio.create_task(self._read(client, lines))
        try:
            await asyncio.wait({entering, reading}, return_when=asyncio.FIRST_COMPLETED)
            if entering.done():
                await entering
            await reading
        finally:
            reading.cancel()
        while self._tasks:
            await asyncio.wait(self._tasks)
            if entering.done():
                await entering

    async def _read(self, client: Client, lines: Source) -> None:
        while typed := await lines.next():
            self._do(client, typed)

    def _do(self, client: Client, typed: Typed) -> None:
        """Does what a line says."""
        room, reply_to = self._addressed.pop(typed.number, (None, ""))
        attempt = partial(self._attempt, client, typed)
        match command := parse(typed.text):
            case Say(text=text):
                assert room is not None, "`submit` takes no text where there is no room"
                self._say(room, text, reply_to)
            case Tell(to=to, text=text):
                self.talk_to(to)
                self._say(self.chat.conversation(to), text)
            case JoinRoom(room=name):
                given = {"room": name}
                self._start(attempt(self._join(client, name.removeprefix("#"), look=True), given))
            case LeaveRoom() | Who() | ShowHistory():
                self._do_in_room(client, typed, command, room)
            case ListRooms():
                self._start(attempt(self._list_rooms(client)))
            case TakeName(name=name):
                self._start(attempt(client.rename(name), {"username": name}))
            case Help():
                self._face.help()
            case Nothing() | Quit() | UnknownCommand() | Misused():
                raise AssertionError("`submit` keeps these to itself")
            case _:
                assert_never(command)

    def _do_in_room(
        self,
        client: Client,
        typed: Typed,
        command: LeaveRoom | Who | ShowHistory,
        room: Room | None,
    ) -> None:
        """Does what concerns a room that one is in: the one named, or the one one looked at."""
        complaint = self._words("no-room")
        if isinstance(command, LeaveRoom) and command.room is not None:
            folded = command.room.casefold()
            room = next((one for one in self.chat.rooms if one.title.casefold() == folded), None)
            complaint = self._words("not-there", room=sanitise_name(command.room))
        if room is None:
            self._complain(complaint)
            return
        match command:
            case LeaveRoom():
                self.leave(room)
            case Who():
                self._start(self._attempt(client, typed, self._who(client, room)))
            case ShowHistory(count=count):
                self.load_earlier(room, count)
            case _:
                assert_never(command)

    def _say(self, room: Room, content: str, reply_to: str = "") -> None:
        """Says something; what becomes of it, events tell."""
        assert self._client is not None, "one says nothing before there is a client"
        client, reply = self._client, reply_to or None
        if room.peer is None:
            saying = client.send(content, room.name, reply_to=reply)
        else:
            saying = client.private(room.peer, content, reply_to=reply)
        self.typing("")
        self._start(self._deliver(saying, content))

    async def _deliver(self, saying: Awaitable[Receipt], content: str) -> None:
        try:
            await saying
        except (InvalidCommand, OutboxFull) as error:
            # It never was on its way, so no event tells of it.
            self._not_sent(content, explain_error(self._words, error))
        except ClientError:
            pass  # `SendFailed` tells, or, if the client has ended, `run`
        finally:
            self._face.changed()

    # Commands.

    async def _attempt(
        self,
        client: Client,
        typed: Typed,
        doing: Coroutine[Any, Any, object],
        given: Mapping[str, str] = NOTHING_GIVEN,
    ) -> None:
        """Carries out a command, and says so if it is refused, or if it has to wait."""
        if self.is_admitted and not isinstance(client.state, Connected):
            later = self._words("goes-out-later", command=excerpt(typed.text))
            self._face.show([line(later, Style.WAITING)])
        try:
            await doing
        except Ended:
            pass  # `run` tells
        except ClientError as error:
            self._complain(self._words("refused", reason=explain_error(self._words, error, given)))

    async def _enter(self, client: Client) -> None:
        """Joins the room that one begins in."""
        with suppress(NotJoined):  # it was left before it was joined
            await self._join(client, self._room, look=False)

    async def _join(self, client: Client, name: str, *, look: bool) -> None:
        joined = await client.join(name, limit=PAGE)
        asked = self.chat.room(name)
        room = self.chat.open(joined.room)
        if asked is not None and asked is not room:
            self.chat.merge(asked, room)  # it is written otherwise
        if look:
            self.chat.show(room)
        if joined.head.seq == 0:
            room.timeline.has_earlier = False
        self.chat.company(room.name, present(*client.present(room.name)))
        self._face.changed()

    async def _leave(self, client: Client, room: Room) -> None:
        self.chat.close(room.name)
        self._face.changed()
        if not room.is_private:
            with suppress(ClientError):  # one is not there any more, in any case
                await client.leave(room.name)

    async def _who(self, client: Client, room: Room) -> None:
        names = await client.members(room.name)
        self._face.show(member_lines(self._words, room.title, names))

    async def _list_rooms(self, client: Client) -> None:
        current = self.chat.current.name if self.chat.current is not None else None
        self._face.show(await list_rooms(client, self._words, current))

    async def _load_earlier(self, client: Client, room: Room) -> None:
        timeline = room.timeline
        try:
            while (count := self._loading[room]) > 0 and timeline.has_earlier:
                before = timeline.first
                page = await client.history(
                    room.name, before=before or None, limit=min(count, LARGEST_PAGE)
                )
                timeline.prepend(page.entries, before=before, more=page.more)
                self._loading[room] -= len(page.entries)
                if not page.entries:
                    break
        except Ended:
            pass  # `run` tells
        except ClientError as error:
            self._complain(explain_error(self._words, error))
        finally:
            del self._loading[room]
            self._face.changed()

    async def _fill(self, client: Client, room: Room, seq: int) -> None:
        try:
            while (hole := room.timeline.hole_before(seq)) is not None:
                page = await client.history(room.name, after=hole.after, limit=LARGEST_PAGE)
                room.timeline.fill(seq, page.entries, after=hole.after)
                self._face.changed()
        except Ended:
            pass  # `run` tells
        except ClientError as error:
            self._complain(explain_error(self._words, error))

    def _start(self, doing: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(doing)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _no_room(self, room: Room | None) -> str:
        """Why nothing can be said in a room that has just been closed, or where there is none."""
        if room is None:
            return self._words("no-room-to-speak")
        return self._words("not-there", room=sanitise_name(room.title))

    def _not_sent(self, content: str, reason: str) -> None:
        self._complain(self._words("not-sent", text=excerpt(content), reason=reason))

    def _complain(self, sentence: str) -> None:
        self._face.show([line(sentence, Style.BAD)])
