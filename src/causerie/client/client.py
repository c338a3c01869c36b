"""The client for asyncio: what a program can see and do of its place in a chat.

The machine (`causerie.client.machine`) decides all that there is to decide, the shell runs it; here
each wish of a program becomes a command, and its answer a value or an error.
"""

import random
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Final

from causerie.client.address import DEFAULT_URL, websocket_url
from causerie.client.errors import Ended, KeyDamaged
from causerie.client.keys import KeyStore
from causerie.client.machine import Machine, Reasons, Settings
from causerie.client.machine.events import History, Receipt
from causerie.client.machine.states import Closed, Connected, Disconnected, State
from causerie.client.sending import ClientEvent
from causerie.client.shell import Shell
from causerie.language import Words, known_language
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

ID_BYTES: Final = 16
"""128 bits: nobody else ever has the same id."""


class Client:
    """One person's connection to a server, kept up for as long as it is wanted.

    Made by `connect`. Its methods belong to the event loop in which it was made. What is asked of
    it while there is no connection waits for the next one; all raise `Ended` when there will be
    none.

    As an asynchronous iterator it yields the events (`causerie.client.machine.events`, and
    `Sending` for what one says oneself), each once. The iteration ends when the application closes
    the client, and raises `Ended` when it ends otherwise. Whoever reads no events should know: from
    `queue` of them on, nothing more is read from the server until some are, save while a call waits
    for its answer. Then up to eight times as many are kept; beyond that the entries of each room
    become one `Gap`, and of what a call has returned or raised already (a `Sending`, an `Acked`, a
    `SendFailed`) the event is left out.
    """

    def __init__(
        self,
        url: str,
        machine: Machine,
        *,
        words: Words,
        queue: int,
        renamed: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._machine = machine
        self._shell = Shell(url, machine, words=words, queue=queue, renamed=renamed)

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
        return max(0.0, state.retry_at - self._shell.now())

    @property
    def username(self) -> str:
        """One's name, as the server writes it."""
        return self._machine.username

    @property
    def waits_for_name(self) -> bool:
        """Whether there is a connection, but somebody else has the name: who comes back waits for
        it, or takes another (`rename`).
        """
        return self._machine.waits_for_name

    @property
    def url(self) -> str:
        """Where the server is."""
        return self._shell.url

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

        When it is cancelled, one is still in the room as soon as the server lets one in, and a
        `Joined` tells; `leave` takes the wish back.

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
        return await self._shell.call(command, Joined)

    async def leave(self, room: str) -> None:
        """Leaves a room.

        Raises:
            Ended: The client has.
        """
        await self._shell.call(Leave(room=room), Left)

    async def send(
        self, content: str, room: str = "lobby", *, reply_to: str | None = None
    ) -> Receipt:
        """Says something in a room; returns when it is durable, however often the connection is
        lost on the way. An event `Sending` tells that it is kept, and under which id.

        When it is cancelled before the message was sent for the first time, the message never will
        be; later it may or may not become durable, and an `Acked` or `SendFailed` tells.

        Raises:
            CommandRefused: The server does not take it.
            OutboxFull: Too much waits already.
            Ended: The client has.
            InDoubt: It was sent, and the server may have taken it, but it does not say so.
        """
        command = SendMessage(room=room, content=content, reply_to=reply_to)
        return await self._shell.call(command, Receipt)

    async def private(self, to: str, content: str, *, reply_to: str | None = None) -> Receipt:
        """Says something to one person; otherwise as `send`. The receipt's `room` is the name of
        the conversation.
        """
        command = SendPrivate(to=to, content=content, reply_to=reply_to)
        return await self._shell.call(command, Receipt)

    def typing(self, room: str = "lobby", *, is_typing: bool = True) -> None:
        """Says that a key was pressed, or that one types no more; the others are told as often as
        they need it. To be called at every key.
        """
        self._shell.step(
            lambda now: self._machine.send(SetTyping(room=room, is_typing=is_typing), now)
        )

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
        return await self._shell.call(command, History)

    async def members(self, room: str = "lobby") -> list[str]:
        """The names of all who are in a room, asked of the server page by page.

        Raises:
            CommandRefused: One may not know.
            Ended: The client has.
        """
        names: list[str] = []
        while True:
            after = names[-1] if names else None
            page = await self._shell.call(Members(room=room, after=after), MembersPage)
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
            page = await self._shell.call(ListRooms(after=after), RoomsPage)
            rooms += page.rooms
            if not (page.more and page.rooms):
                return rooms

    async def rename(self, username: str) -> str:
        """Takes another name; returns it as the server writes it, when the key is kept under that
        name too (see `connect`). While the client `waits_for_name`, it goes on under the other.

        Raises:
            CommandRefused: The name is not to be had.
            Ended: The client has.
        """
        welcome = await self._shell.call(Hello(username=username), Welcome)
        return welcome.username

    def wake(self) -> None:
        """Says that the network may be another, or has come back: a connection is probed at once,
        and an attempt that waits for its time is made now. That the computer has slept the client
        finds out by itself.
        """
        self._shell.step(self._machine.woke)

    async def wait_connected(self) -> None:
        """Waits until one is connected.

        Raises:
            Ended: One never will be.
        """
        while not isinstance(self._machine.state, Connected):
            if isinstance(self._machine.state, Closed):
                raise self._machine.state.error
            await self._shell.wait_for_step()

    async def drain(self) -> None:
        """Waits until nothing waits for an answer any more.

        Raises:
            Ended: It will not be answered.
        """
        while self._machine.waiting:
            await self._shell.wait_for_step()
        if isinstance(self._machine.state, Closed):
            raise self._machine.state.error

    async def close(self) -> None:
        """Says goodbye, and ends the client. What still waits for an answer fails."""
        await self._shell.close()

    def __aiter__(self) -> AsyncIterator[ClientEvent]:
        return self

    async def __anext__(self) -> ClientEvent:
        try:
            return await self._shell.next_event()
        except Ended as error:
            if type(error) is Ended:
                raise StopAsyncIteration from None
            raise


@asynccontextmanager
async def connect(
    url: str = DEFAULT_URL,
    username: str = "",
    *,
    key: str | None = None,
    token: str | None = None,
    keys: KeyStore | None = None,
    returning: bool = False,
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
        keys: Where keys are kept: in the user's data folder unless told otherwise. Under each other
            name that one gets the key is kept there, too; a `key` that was given only if `keys` are
            as well.
        returning: The username is the one had last, in an earlier run, and no wish: where it has
            become another meanwhile, by a rename on another device, that is told as `Renamed`.
        locale: The language of the server's sentences, and of the reasons why there is no
            connection, which are in English where there are none in that language.
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
        KeyDamaged: The file that keeps the name's key holds none.
        HelloRefused: The server does not take the name, key or token.
        EndedByServer: The server is not to be had at this url, or does not want one.
        GaveUp: So many attempts have failed.
    """
    address = websocket_url(url)
    if key is None and token is None:
        keys = keys or KeyStore()
        key = keys.find_or_make(url, username)
    words = Words(known_language(locale))
    machine = Machine(
        username,
        key=key,
        token=token,
        new_id=partial(secrets.token_urlsafe, ID_BYTES),
        chance=random.random,
        settings=Settings(
            locale=locale,
            returning=returning,
            max_attempts=max_attempts,
            outbox=outbox,
            catch_up=catch_up,
            private_replay=private_replay,
            reasons=Reasons(no_welcome=words("lost-no-welcome"), silent=words("lost-silent")),
        ),
    )

    def renamed(name: str) -> None:
        if keys is not None and key is not None:
            # There may be no place, or what is in it is damaged: then it is one's own for now only.
            with suppress(OSError, KeyDamaged):
                keys.replace(url, name, key)

    client = Client(address, machine, words=words, queue=queue, renamed=renamed)
    try:
        if wait:
            await client.wait_connected()
        yield client
    finally:
        await client.close()
