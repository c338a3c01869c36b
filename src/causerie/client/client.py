"""The client for asyncio: a shell around the machine.

It does nothing clever. One task opens the connection and reads it, one writes, one timer calls
`tick`; after every step the shell dispatches the machine's events, wakes the writer, and sets the
timer anew.
"""

import asyncio
import logging
import random
import secrets
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Final, TypeVar

from causerie.client.address import DEFAULT_URL, websocket_url
from causerie.client.errors import Ended
from causerie.client.event_queue import EventQueue
from causerie.client.keys import KeyStore
from causerie.client.machine import AppCommand, Machine, Settings
from causerie.client.machine.events import (
    Acked,
    Answer,
    Answered,
    Event,
    Failed,
    History,
    PresenceChanged,
    Receipt,
    SendFailed,
    StateChanged,
)
from causerie.client.machine.states import Closed, Connected, Disconnected, State
from causerie.client.transport import Lost, Transport, open_transport
from causerie.wire.codes import CloseCode
from causerie.wire.commands import (
    Cursor,
    GetHistory,
    Hello,
    Join,
    Leave,
    Members,
    SendMessage,
    SendPrivate,
    SetTyping,
)
from causerie.wire.commands import Rooms as ListRooms
from causerie.wire.replies import Joined, Left, MembersPage, RoomsPage, RoomSummary, Welcome

WATCHED_EVERY: Final = 5.0
"""Seconds between two looks at the clock on the wall, which runs on while the computer sleeps."""

SLEPT: Final = 5.0
"""Seconds by which that clock may run ahead before the client takes it for sleep."""

HELD_TOO_LONG: Final = 10.0
"""Seconds after which an application is warned that it reads no events."""

OPEN_TIMEOUT: Final = 10.0
"""Seconds that an attempt to open a connection may take."""

ID_BYTES: Final = 16
"""128 bits: nobody else ever has the same id."""

_log = logging.getLogger("causerie.client")

_Reply = TypeVar("_Reply", bound=Answer | Receipt)


class Client:
    """One person's connection to a server, kept up for as long as it is wanted.

    Made by `connect`. Its methods belong to the event loop in which it was made. What is asked of
    it while there is no connection waits for the next one; all raise `Ended` when there will be
    none.

    As an asynchronous iterator it yields the events (`causerie.client.machine.events`), each once.
    The iteration ends when the application closes the client, and raises `Ended` when it ends
    otherwise. Whoever reads no events should know: from `queue` of them on, nothing more is read
    from the server until some are, save while a call waits for its answer. Then up to eight times
    as many are kept; beyond that the entries of each room become one `Gap`.
    """

    def __init__(self, url: str, machine: Machine, *, queue: int) -> None:
        self._url = url
        self._machine = machine
        self._loop = asyncio.get_running_loop()
        self._queue = EventQueue(queue, self._presence_snapshot)
        # Calls that wait for an answer, by the id of their command.
        self._calls: dict[str, asyncio.Future[Answer | Receipt]] = {}
        self._transport: Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._drift = self._clock_drift()
        # When the application began to hold up the reader; None once it was warned.
        self._held_since: float | None = None
        # Set whenever the reader, the writer or a waiting call should look again.
        self._to_write = asyncio.Event()
        self._may_read = asyncio.Event()
        self._moved = asyncio.Event()
        self._fault: BaseException | None = None
        self._keeper = asyncio.create_task(self._keep_connection(), name="causerie client")
        self._keeper.add_done_callback(self._keeper_ended)

    # What one can see.

    @property
    def state(self) -> State:
        """Where the client is in its life: `Connecting`, `Connected`, and so on."""
        return self._machine.state

    @property
    def rtt_ms(self) -> int | None:
        """The last measured round trip; None while one is not connected."""
        return self._machine.rtt_ms

    @property
    def retry_in(self) -> float | None:
        """Seconds until the next attempt; None where none waits for its time."""
        state = self._machine.state
        if not isinstance(state, Disconnected):
            return None
        return max(0.0, state.retry_at - self._loop.time())

    @property
    def username(self) -> str:
        """One's name, as the server writes it."""
        return self._machine.username

    @property
    def url(self) -> str:
        """Where the server is."""
        return self._url

    @property
    def welcome(self) -> Welcome | None:
        """What the server said last when it let one in: its limits among other things."""
        return self._machine.welcome

    def present(self, room: str) -> tuple[int, tuple[str, ...]]:
        """How many are in a joined room, and the names of those who are known (all, up to 200)."""
        return self._machine.members(room)

    def typists(self, room: str) -> tuple[str, ...]:
        """Who else is typing in a room, the first to begin first."""
        return self._machine.typing(room)

    def position(self, room: str) -> tuple[str | None, Cursor | None]:
        """The epoch and the cursor of what was shown of a room; `join` can go on there later."""
        return self._machine.position(room)

    # What one can do.

    async def join(
        self,
        room: str = "lobby",
        *,
        limit: int = 0,
        since: Cursor | None = None,
        epoch: str | None = None,
    ) -> Joined:
        """Joins a room, and stays in it across reconnects.

        Args:
            room: Its name.
            limit: How many of its newest entries to begin with, marked as replay.
            since: Where to go on instead, with `epoch`: what `position` said.
            epoch: See `since`.

        Raises:
            CommandRefused: The server does not let one in.
            Ended: The client has.
        """
        command = Join(room=room, limit=limit or None, since=since, epoch=epoch)
        return await self._call(command, Joined)

    async def leave(self, room: str) -> None:
        """Leaves a room.

        Raises:
            Ended: The client has.
        """
        await self._call(Leave(room=room), Left)

    async def send(
        self, content: str, room: str = "lobby", *, reply_to: str | None = None
    ) -> Receipt:
        """Says something in a room; returns when it is durable, however often the connection is
        lost on the way.

        When it is cancelled before the message was sent for the first time, the message never will
        be; later it may or may not become durable, and an `Acked` or `SendFailed` tells.

        Raises:
            CommandRefused: The server does not take it.
            OutboxFull: Too much waits already.
            Ended: The client has.
            InDoubt: It was sent, and the server may have taken it, but it does not say so.
        """
        command = SendMessage(room=room, content=content, reply_to=reply_to)
        return await self._call(command, Receipt)

    async def private(self, to: str, content: str, *, reply_to: str | None = None) -> Receipt:
        """Says something to one person; otherwise as `send`. The receipt's `room` is the name of
        the conversation.
        """
        command = SendPrivate(to=to, content=content, reply_to=reply_to)
        return await self._call(command, Receipt)

    def typing(self, room: str = "lobby", *, is_typing: bool = True) -> None:
        """Says that a key was pressed, or that one types no more; the others are told as often as
        they need it. To be called at every key.
        """
        self._step(lambda now: self._machine.send(SetTyping(room=room, is_typing=is_typing), now))

    async def history(
        self,
        room: str = "lobby",
        *,
        before: int | None = None,
        after: int | None = None,
        limit: int = 50,
    ) -> History:
        """Reads a page of a room's log: the newest entries, those before a seq, or those after one.

        Raises:
            CommandRefused: One may not.
            Ended: The client has.
        """
        command = GetHistory(room=room, before=before, after=after, limit=limit)
        return await self._call(command, History)

    async def members(self, room: str = "lobby") -> list[str]:
        """The names of all who are in a room, asked of the server page by page.

        Raises:
            CommandRefused: One may not know.
            Ended: The client has.
        """
        names: list[str] = []
        while True:
            after = names[-1] if names else None
            page = await self._call(Members(room=room, after=after), MembersPage)
            names += page.names
            if not (page.more and page.names):
                return names

    async def rooms(self) -> list[RoomSummary]:
        """The rooms one is in and one's private conversations.

        Raises:
            Ended: The client has.
        """
        rooms: list[RoomSummary] = []
        while True:
            after = rooms[-1].room if rooms else None
            page = await self._call(ListRooms(after=after), RoomsPage)
            rooms += page.rooms
            if not (page.more and page.rooms):
                return rooms

    async def rename(self, username: str) -> str:
        """Takes another name; returns it as the server writes it.

        Raises:
            CommandRefused: The name is not to be had.
            Ended: The client has.
        """
        welcome = await self._call(Hello(username=username), Welcome)
        return welcome.username

    def wake(self) -> None:
        """Says that the network may be another, or has come back: a connection is probed at once,
        and an attempt that waits for its time is made now. That the computer has slept the client
        finds out by itself.
        """
        self._step(self._machine.woke)

    async def wait_connected(self) -> None:
        """Waits until one is connected.

        Raises:
            Ended: One never will be.
        """
        while not isinstance(self._machine.state, Connected):
            if isinstance(self._machine.state, Closed):
                raise self._machine.state.error
            await self._wait_for_movement()

    async def drain(self) -> None:
        """Waits until nothing waits for an answer any more.

        Raises:
            Ended: It will not be answered.
        """
        while self._machine.waiting:
            await self._wait_for_movement()
        if isinstance(self._machine.state, Closed):
            raise self._machine.state.error

    async def close(self) -> None:
        """Says goodbye, and ends the client. What still waits for an answer fails."""
        transport, self._transport = self._transport, None
        self._step(lambda _: self._machine.close())
        if transport is not None:
            await transport.close()
        self._keeper.cancel()
        await asyncio.gather(self._keeper, return_exceptions=True)

    def __aiter__(self) -> AsyncIterator[Event]:
        return self

    async def __anext__(self) -> Event:
        try:
            return await self._queue.get()
        except Ended as error:
            if type(error) is Ended:
                raise StopAsyncIteration from None
            raise
        finally:
            self._let_read()

    # The shell.

    def _step(self, drive: Callable[[float], object]) -> None:
        """Drives the machine, and does what it says."""
        drive(self._loop.time())
        for event in self._machine.events():
            self._dispatch(event)
        self._to_write.set()
        if not self._machine.wants_connection and self._transport is not None:
            self._drop(self._transport)
        self._moved.set()
        self._set_timer()

    def _dispatch(self, event: Event) -> None:
        match event:
            case Answered(id=id, reply=reply):
                self._settle(id, reply)
                return
            case Failed(id=id, error=error):
                self._settle(id, error)
                return
            case Acked(receipt=receipt):
                self._settle(receipt.id, receipt)
            case SendFailed(id=id, error=error):
                self._settle(id, error)
            case _:
                pass
        self._queue.put(event)
        if isinstance(event, StateChanged) and isinstance(event.state, Closed):
            self._queue.end(event.state.error)

    def _settle(self, id: str, outcome: Answer | Receipt | Exception) -> None:
        call = self._calls.get(id)
        if call is None or call.done():
            return  # nobody waits any longer
        if isinstance(outcome, Exception):
            call.set_exception(outcome)
        else:
            call.set_result(outcome)

    async def _call(self, command: AppCommand, kind: type[_Reply]) -> _Reply:
        if self._fault is not None:
            raise self._fault
        call: asyncio.Future[Answer | Receipt] = self._loop.create_future()
        id = self._machine.send(command, self._loop.time())
        self._calls[id] = call
        self._step(lambda _: None)
        self._let_read()
        try:
            reply = await call
        except asyncio.CancelledError:
            self._machine.withdraw(id)
            raise
        finally:
            del self._calls[id]
        assert isinstance(reply, kind), "the server answers each command with its own reply"
        return reply

    def _set_timer(self) -> None:
        deadline = self._machine.deadline()
        if deadline is not None:
            deadline = min(deadline, self._loop.time() + WATCHED_EVERY)
        if self._timer is not None:
            if deadline is not None and self._timer.when() <= deadline:
                return  # early does no harm
            self._timer.cancel()
            self._timer = None
        if deadline is not None:
            self._timer = self._loop.call_at(deadline, self._tick)

    def _tick(self) -> None:
        self._timer = None
        drift = self._clock_drift()
        slept, self._drift = drift - self._drift > SLEPT, drift
        if self._held:
            # Nothing was heard because nothing was read.
            self._machine.heard(self._loop.time())
            self._warn_of_unread_events()
        try:
            self._step(self._machine.woke if slept else self._machine.tick)
        except BaseException as error:
            self._fail(error)
            raise

    def _warn_of_unread_events(self) -> None:
        now = self._loop.time()
        if self._held_since is not None and now - self._held_since >= HELD_TOO_LONG:
            self._held_since = None  # once is enough
            _log.warning(
                "%d events wait to be read; until some are, nothing is read from %s",
                len(self._queue),
                self._url,
            )

    def _clock_drift(self) -> float:
        return time.time() - self._loop.time()

    @property
    def _held(self) -> bool:
        """Whether the application should first read some events."""
        return self._queue.full and not self._calls

    def _let_read(self) -> None:
        if not self._held:
            self._may_read.set()

    def _presence_snapshot(self, room: str) -> PresenceChanged:
        count, names = self._machine.members(room)
        return PresenceChanged(room=room, members=count, joined=names, left=(), snapshot=True)

    async def _wait_for_movement(self) -> None:
        if self._fault is not None:
            raise self._fault
        self._moved.clear()
        await self._moved.wait()

    async def _keep_connection(self) -> None:
        while not isinstance(self._machine.state, Closed):
            if not self._machine.wants_connection:
                await self._wait_for_movement()
                continue
            try:
                transport = await open_transport(self._url, within=OPEN_TIMEOUT)
            except Lost as lost:
                # Whom a server has let in once it will let in again, whatever stands before it now.
                code = lost.code if self._machine.welcome is None else CloseCode.TRY_AGAIN_LATER
                self._lost(code, lost.reason)
                continue
            await self._use(transport)

    async def _use(self, transport: Transport) -> None:
        self._transport = transport
        self._step(self._machine.connected)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._write(transport), name="causerie client, writing")
                await self._read(transport)
        except* Lost as group_of_one:
            lost = group_of_one.exceptions[0]
            assert isinstance(lost, Lost), "only the reader tells of it, and it once"
            if self._transport is transport:  # otherwise the machine has given it up itself
                self._transport = None
                self._lost(lost.code, lost.reason)
        finally:
            transport.abort()

    async def _read(self, transport: Transport) -> None:
        while True:
            text = await transport.receive()
            self._step(partial(self._machine.receive, text))
            self._held_since = self._loop.time() if self._held else None
            while self._held:
                self._may_read.clear()
                await self._may_read.wait()

    async def _write(self, transport: Transport) -> None:
        try:
            while True:
                self._to_write.clear()
                for frame in self._machine.frames_to_send():
                    await transport.send(frame)
                await self._to_write.wait()
        except Lost:
            pass  # the reader reads what has still come, and then tells

    def _lost(self, code: int, reason: str) -> None:
        self._step(lambda now: self._machine.disconnected(now, code, reason))

    def _drop(self, transport: Transport) -> None:
        self._transport = None
        transport.abort()

    def _keeper_ended(self, keeper: "asyncio.Task[None]") -> None:
        if not keeper.cancelled() and (error := keeper.exception()) is not None:
            self._fail(error)

    def _fail(self, error: BaseException) -> None:
        """A fault of ours must not leave anybody waiting."""
        self._fault = error
        self._queue.end(error)
        for call in self._calls.values():
            if not call.done():
                call.set_exception(error)
        self._moved.set()


@asynccontextmanager
async def connect(
    url: str = DEFAULT_URL,
    username: str = "",
    *,
    key: str | None = None,
    token: str | None = None,
    keys: KeyStore | None = None,
    locale: str = "en",
    max_attempts: int | None = None,
    catch_up: int = 1_000,
    private_replay: int = 50,
    outbox: int = 1_000,
    queue: int = 1_000,
    wait: bool = True,
) -> AsyncIterator[Client]:
    """Connects to a server, and stays connected, through any number of cuts, until the context
    ends.

    Args:
        url: Where the server is: `ws://host:port`, `https://host`, `host:port` …
        username: The name one wants.
        key: What holds the name; without one (and without a token) it comes from `keys`, and is
            made there the first time.
        token: Says who one is, where a server asks for tokens.
        keys: Where keys are kept: in the user's data folder unless told otherwise.
        locale: The language of the server's sentences.
        max_attempts: How many attempts in a row may fail before the client gives up; None: it never
            does.
        catch_up: Entries of a room that are asked for after a cut; what is beyond is told as a
            `Gap`.
        private_replay: Entries of each private conversation that are asked for at first. A program
            that answers messages wants 0.
        outbox: Commands that may wait for the server.
        queue: Events that may wait for the application.
        wait: Enter the context only when one is connected. The first attempts are repeated, too:
            see `max_attempts`, or put a timeout around it.

    Raises:
        ValueError: The url is none, or a number is out of bounds.
        HelloRefused: The server does not take the name, key or token.
        EndedByServer: The server is not to be had at this url, or does not want one.
        GaveUp: So many attempts have failed.
    """
    address = websocket_url(url)
    if key is None and token is None:
        key = (keys or KeyStore()).find_or_make(url, username)
    machine = Machine(
        username,
        key=key,
        token=token,
        new_id=partial(secrets.token_urlsafe, ID_BYTES),
        chance=random.random,
        settings=Settings(
            locale=locale,
            max_attempts=max_attempts,
            outbox=outbox,
            catch_up=catch_up,
            private_replay=private_replay,
        ),
    )
    client = Client(address, machine, queue=queue)
    try:
        if wait:
            await client.wait_connected()
        yield client
    finally:
        await client.close()
