"""One person's chat: typed lines become commands, events become lines that are shown.

Where the lines come from and where they are shown is somebody else's: a pipe, a prompt, a screen.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Final, Protocol, assert_never

import msgspec

from causerie.client.client import Client
from causerie.client.errors import ClientError, Ended, RecipientUnknown
from causerie.client.machine.events import History, Receipt, StateChanged, Unknown
from causerie.client.machine.states import Connected
from causerie.language import Words
from causerie.tui.answers import help_lines, member_lines, room_lines, sharing_a_name
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
from causerie.tui.view import View
from causerie.tui.wording import (
    NOTHING_GIVEN,
    excerpt,
    explain_error,
    explain_length,
    explain_mistake,
)
from causerie.wire.replies import Message, Private

UNDER_WAY: Final = 256
"""Lines that may wait for the server at once; more are not read meanwhile."""

PAGE: Final = 100
"""Entries of history that the protocol lets one ask for at once."""

SHOWN_WITHIN: Final = 1.0
"""Seconds in which what one has said should also be shown, before the chat ends."""


BACK_WITHIN: Final = 10.0
"""Seconds after a cut in which others, who were cut off too, are expected back."""

SAID_AGAIN_AFTER: Final = 0.5
"""Seconds until something is said again to somebody who is not back yet."""

Saying = Callable[[], Awaitable[Receipt]]


class Typed(msgspec.Struct, frozen=True):
    """A line that was typed, or came through a pipe."""

    text: str
    number: int
    """Which line it is, from 1."""
    fault: str = ""
    """Why it cannot even be read."""


class Source(Protocol):
    """Where lines come from."""

    ended: asyncio.Event
    """No more will be there than are now."""

    async def next(self) -> Typed | None:
        """Waits for the next line; None: there will be no more. Cancelling it loses nothing."""

    @property
    def unread(self) -> int:
        """The lines that are there and have not been asked for."""

    def end(self) -> None:
        """No more lines are wanted than are there by now."""


class Surface(Protocol):
    """Where a chat is shown."""

    def show(self, lines: Sequence[Line]) -> None:
        """Shows lines below the ones before."""

    def failed(self, typed: Typed, reason: str, content: str) -> None:
        """A line was not taken, and never will be. `content` is what of it was to be said, if it
        was a message.
        """

    def changed(self) -> None:
        """Something that is not a line may read differently now: `Chat.status`, `Chat.waiting`."""


class Chat:
    """What one says and sees. `run` it with a client.

    `room` is where one begins, `earlier` how many of a room's messages are shown to whoever comes.
    """

    def __init__(self, view: View, surface: Surface, *, room: str, earlier: int) -> None:
        self.view = view
        self.delivered = 0
        """Messages that are durable."""
        self.refused = 0
        """Lines that were not taken."""
        self.has_quit = False
        """One has said so, and what comes after it is not to be said."""
        self._surface = surface
        self._room = room
        self._earlier = earlier
        self._client: Client | None = None
        self._loop = asyncio.get_running_loop()
        # Messages that wait for the server, by the number of their line.
        self._waiting: dict[int, str] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._under_way = asyncio.Semaphore(UNDER_WAY)
        self._back_by = float("-inf")
        # Of each room, the seq of what one said last, and of what was shown last.
        self._said: dict[str, int] = {}
        self._shown: dict[str, int] = {}
        self._all_shown = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None

    # What a surface or a stay asks.

    @property
    def username(self) -> str:
        """One's name, as far as is known."""
        return self.view.username

    @username.setter
    def username(self, name: str) -> None:
        self.view.username = name

    @property
    def is_admitted(self) -> bool:
        """The server has let one in, now or before."""
        return self.view.began_at is not None

    @property
    def waiting(self) -> Sequence[str]:
        """The messages that are not durable yet, as typed, in that order."""
        return tuple(self._waiting.values())

    def status(self, *, queued: int = 0) -> Line:
        """The line that says how things stand; `queued` lines have not been given to it yet."""
        return self.view.status(self._loop.time(), waiting=len(self._waiting) + queued)

    def names(self) -> tuple[str, ...]:
        """Who is in the current room, as far as is known."""
        if self._client is None or self.view.current is None:
            return ()
        return self._client.present(self.view.current)[1]

    def objection(self, text: str) -> str:
        """Says why a line would surely not be taken; nothing, if it may be."""
        match parse(text):
            case UnknownCommand() | Misused() as mistake:
                return explain_mistake(self.view.words, mistake)
            case Say(text=content) | Tell(text=content):
                return self._objection_to(content)
            case _:
                return ""

    def typing(self, text: str) -> None:
        """The line that is being typed is now this."""
        if self._client is None or self.view.current is None:
            return
        is_typing = isinstance(parse(text), Say)
        with suppress(Ended):  # `run` tells
            self._client.typing(self.view.current, is_typing=is_typing)

    # The chat.

    async def run(self, client: Client, lines: Source) -> None:
        """Says what comes, and shows what happens, until the lines end and all is delivered.

        When it is cancelled, or has raised, `waiting` is what was not delivered, and no line that
        `lines` have not given yet was taken. It can be run again with another client if one was
        never connected.

        Raises:
            Ended: the client did.
            CommandRefused: one may not be in the room one was to begin in.
        """
        self._client = client
        self._surface.show(self.view.show(StateChanged(state=client.state), self._loop.time()))
        follow = asyncio.create_task(self._follow(client))
        work = asyncio.create_task(self._work(client, lines))
        try:
            await asyncio.wait({follow, work}, return_when=asyncio.FIRST_COMPLETED)
            if follow.done():
                await follow
            await work
        finally:
            tasks = [follow, work, *self._tasks]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            if self._timer is not None:
                self._timer.cancel()

    # Events.

    async def _follow(self, client: Client) -> None:
        async for event in client:
            if isinstance(event, StateChanged) and isinstance(event.state, Connected):
                assert client.welcome is not None, "nobody is connected without a welcome"
                if self.view.began_at is not None:
                    self._back_by = self._loop.time() + BACK_WITHIN
                self._surface.show(self.view.welcomed(client.welcome))
            self._surface.show(self.view.show(event, self._loop.time()))
            if isinstance(event, Message | Private | Unknown):
                self._shown[event.room] = event.seq
                self._look_whether_shown()
            self._surface.changed()
            self._arm()

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        deadline = self.view.deadline()
        if deadline is not None:
            self._timer = self._loop.call_at(deadline, self._tick)

    def _tick(self) -> None:
        self._surface.show(self.view.tick(self._loop.time()))
        self._arm()

    # Lines.

    async def _work(self, client: Client, lines: Source) -> None:
        await self._join(client, self._room)
        while typed := await lines.next():
            await self._do(client, typed)
            if self.has_quit:
                break
        while self._tasks:
            await asyncio.wait(self._tasks)
        self._look_whether_shown()
        with suppress(TimeoutError):  # it is durable all the same
            async with asyncio.timeout(SHOWN_WITHIN):
                await self._all_shown.wait()

    async def _do(self, client: Client, typed: Typed) -> None:
        """Does what a line says."""
        if typed.fault:
            self._fail(typed, typed.fault)
            return
        match command := parse(typed.text):
            case Nothing():
                pass
            case Say(text=text):
                if self.view.current is None:
                    self._fail(typed, self.view.words("no-room-to-speak"), text)
                else:
                    say = partial(client.send, text, self.view.current)
                    given = {"room": self.view.current, "content": text}
                    await self._say(typed, say, given)
            case Tell(to=to, text=text):
                say = partial(client.private, to, text)
                await self._say(typed, say, {"to": to, "content": text})
            case JoinRoom(room=room):
                await self._attempt(client, typed, self._join(client, room), {"room": room})
            case LeaveRoom() | Who() | ShowHistory():
                await self._do_in_room(client, typed, command)
            case ListRooms():
                self._start(self._attempt(client, typed, self._list_rooms(client)))
            case TakeName(name=name):
                await self._attempt(client, typed, client.rename(name), {"username": name})
            case Help():
                self._surface.show(help_lines(self.view.words))
            case Quit():
                self.has_quit = True
            case UnknownCommand() | Misused():
                self._fail(typed, explain_mistake(self.view.words, command))
            case _:
                assert_never(command)

    async def _do_in_room(
        self, client: Client, typed: Typed, command: LeaveRoom | Who | ShowHistory
    ) -> None:
        """Does what concerns a room that one is in: the one named, or the current one."""
        words, room = self.view.words, self.view.current
        complaint = words("no-room")
        if isinstance(command, LeaveRoom) and command.room is not None:
            folded = command.room.casefold()
            room = next((one for one in self.view.rooms if one.casefold() == folded), None)
            complaint = words("not-there", room=sanitise_name(command.room))
        if room is None:
            self._fail(typed, complaint)
            return
        match command:
            case LeaveRoom():
                # Without a connection one has left at once, save for what is under way.
                leaving = self._leave(client, room)
                await self._attempt(client, typed, leaving, waits=bool(self._tasks))
            case Who():
                self._start(self._attempt(client, typed, self._who(client, room)))
            case ShowHistory(count=count):
                self._start(self._attempt(client, typed, self._history(client, room, count)))

    async def _say(self, typed: Typed, say: Saying, given: Mapping[str, str]) -> None:
        """Begins to say something, as soon as less than so much is under way."""
        if objection := self._objection_to(given["content"]):
            self._fail(typed, objection, given["content"])
            return
        self._waiting[typed.number] = typed.text
        self._surface.changed()
        await self._under_way.acquire()
        # Tasks begin in the order in which they are made, and so do the messages.
        self._start(self._deliver(typed, say, given))

    async def _deliver(self, typed: Typed, say: Saying, given: Mapping[str, str]) -> None:
        try:
            receipt = await self._say_patiently(say)
        except Ended:
            return  # it stays among those that wait; `run` tells
        except ClientError as error:
            del self._waiting[typed.number]
            reason = explain_error(self.view.words, error, given)
            self._fail(typed, reason, given["content"])
        else:
            del self._waiting[typed.number]
            self.delivered += 1
            self._said[receipt.room] = max(receipt.seq, self._said.get(receipt.room, 0))
        finally:
            self._under_way.release()
            self._surface.changed()

    async def _say_patiently(self, say: Saying) -> Receipt:
        """Says something; to somebody who was perhaps cut off like oneself, and comes back a moment
        later, once more.
        """
        while True:
            try:
                return await say()
            except RecipientUnknown:
                # It was refused, and so is in no log: said again, it is said once.
                if self._loop.time() > self._back_by:
                    raise
                await asyncio.sleep(SAID_AGAIN_AFTER)

    def _start(self, doing: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(doing)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _attempt(
        self,
        client: Client,
        typed: Typed,
        doing: Coroutine[Any, Any, object],
        given: Mapping[str, str] = NOTHING_GIVEN,
        *,
        waits: bool = True,
    ) -> None:
        """Carries out a command, and says so if it is refused, or if it has to wait: which it does
        without a connection, if it `waits`.
        """
        words = self.view.words
        is_cut_off = self.view.began_at is not None and not isinstance(client.state, Connected)
        if waits and is_cut_off:
            later = words("goes-out-later", command=excerpt(typed.text))
            self._surface.show([line(later, Style.WAITING)])
        try:
            await doing
        except Ended:
            pass  # `run` tells
        except ClientError as error:
            reason = explain_error(words, error, given)
            self._fail(typed, words("refused", reason=reason))

    def _fail(self, typed: Typed, reason: str, content: str = "") -> None:
        self.refused += 1
        self._surface.failed(typed, reason, content)

    def _objection_to(self, content: str) -> str:
        welcome = self._client.welcome if self._client is not None else None
        return explain_length(self.view.words, content, welcome)

    def _look_whether_shown(self) -> None:
        if all(self._shown.get(room, 0) >= seq for room, seq in self._said.items()):
            self._all_shown.set()
        else:
            self._all_shown.clear()

    # Commands.

    async def _join(self, client: Client, room: str) -> None:
        rooms = self.view.rooms
        joined = await client.join(room, limit=self._earlier)
        self.view.current = joined.room
        if joined.room in rooms:
            self._surface.show([self.view.whereto()])
        self._surface.changed()

    async def _leave(self, client: Client, room: str) -> None:
        while self._tasks:  # what was said there before is to arrive there
            await asyncio.wait(self._tasks)
        await client.leave(room)
        self._surface.show(self.view.left(room))
        self._surface.changed()

    async def _who(self, client: Client, room: str) -> None:
        names = await client.members(room)
        self._surface.show(member_lines(self.view.words, room, names))

    async def _list_rooms(self, client: Client) -> None:
        self._surface.show(await list_rooms(client, self.view.words, self.view.current))

    async def _history(self, client: Client, room: str, count: int) -> None:
        pages = deque[History]()
        before: int | None = None
        while count > 0:
            page = await client.history(room, before=before, limit=min(count, PAGE))
            pages.appendleft(page)
            if not (page.more and page.entries):
                break
            before = page.entries[0].seq
            count -= len(page.entries)
        self._surface.show(self.view.history(pages))


async def list_rooms(client: Client, words: Words, current: str | None) -> list[Line]:
    """Asks for one's rooms and private conversations, and returns a line for each.

    Raises:
        Ended: the client has.
    """
    rooms = await client.rooms()
    talked_at = {room.room: await _talked_at(client, room.room) for room in sharing_a_name(rooms)}
    return room_lines(words, rooms, current, talked_at)


async def _talked_at(client: Client, room: str) -> int:
    """When something was said last in a conversation."""
    page = await client.history(room, limit=1)
    return page.entries[-1].timestamp if page.entries else 0


def refusal_line(words: Words, reason: str, content: str) -> Line:
    """The line that tells whoever typed something why it was not taken."""
    if content:
        return line(words("not-sent", text=excerpt(content), reason=reason), Style.BAD)
    return line(reason, Style.BAD)
