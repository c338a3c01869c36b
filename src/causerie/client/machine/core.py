"""The client, without its socket and its clock.

A shell drives it: tells it what has happened (`connected`, `receive`, `disconnected`, `tick`,
`woke`), gives it the application's commands (`send`), and after each of these calls does four
things: it dispatches `events()`, writes `frames_to_send()`, opens or closes a connection so that
there is one if and only if `wants_connection`, and calls `tick` no later than `deadline()`.

`now` is always in seconds, monotonic, and never goes back. Chance and ids come in as callables.
"""

from collections.abc import Callable
from typing import assert_never

import msgspec

from causerie.client.errors import ClientError, Ended, InDoubt, InvalidCommand, refusal
from causerie.client.machine.company import Company
from causerie.client.machine.events import (
    Acked,
    Answer,
    Answered,
    Entry,
    Event,
    Failed,
    History,
    Receipt,
    RoomLost,
    SendFailed,
    ServerError,
    Unknown,
)
from causerie.client.machine.link import Credentials, Greeted, Link, NoConnection
from causerie.client.machine.outbox import Item, Lane, Outbox, Question, Saying
from causerie.client.machine.output import Output
from causerie.client.machine.reading import read_entry, read_frame
from causerie.client.machine.rooms import Rooms
from causerie.client.machine.states import Closed, Connected, State
from causerie.client.machine.typing import OwnTyping
from causerie.wire.codec import encode
from causerie.wire.codes import ErrorCode
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
from causerie.wire.replies import (
    Ack,
    AnyServerFrame,
    Error,
    HistoryPage,
    Joined,
    Left,
    MembersPage,
    Message,
    Notice,
    Pong,
    Presence,
    Private,
    RoomsPage,
    Typing,
    Welcome,
)

RETRY_AFTER = 1.0
"""Seconds to wait where a server asks to try again, but not when."""

LARGEST_CATCH_UP = 10_000
"""Entries; what the protocol allows a join to ask for."""

AppCommand = (
    Join | Leave | SendMessage | SendPrivate | SetTyping | GetHistory | Members | ListRooms | Hello
)
"""What an application may give to `send`."""


class Settings(
    msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True
):
    """What a client can be told to do otherwise."""

    locale: str = "en"
    """The language of the server's sentences."""
    max_attempts: int | None = None
    """How many attempts in a row may fail before the client gives up; None: it never does."""
    outbox: int = 1_000
    """Commands that may wait for the server."""
    catch_up: int = 1_000
    """Entries of a room that are asked for after a cut, 1 to 10,000. What is beyond is told as a
    gap.
    """
    private_replay: int = 50
    """Entries of each private conversation that are asked for by a client that has seen none of
    it.
    """


class Machine:
    """One client: what it is, where it stands in its rooms, what it still has to say.

    `new_id` answers a new random id (128 bits, at most 64 characters), `chance` numbers in [0, 1).
    A key or a token is needed: without one, the server could not know what is sent again.
    """

    __slots__ = (
        "_company",
        "_link",
        "_listing",
        "_new_id",
        "_out",
        "_outbox",
        "_own_typing",
        "_rooms",
    )

    def __init__(
        self,
        username: str,
        *,
        key: str | None = None,
        token: str | None = None,
        new_id: Callable[[], str],
        chance: Callable[[], float],
        settings: Settings | None = None,
    ) -> None:
        if key is None and token is None:
            raise ValueError("a client needs a key or a token")
        chosen = settings or Settings()
        if not 1 <= chosen.catch_up <= LARGEST_CATCH_UP:
            raise ValueError(f"catch_up must be 1 to {LARGEST_CATCH_UP}")
        self._new_id = new_id
        self._out = Output()
        self._link = Link(
            username,
            Credentials(key=key, token=token, locale=chosen.locale),
            max_attempts=chosen.max_attempts,
            new_id=new_id,
            chance=chance,
            out=self._out,
        )
        self._outbox = Outbox(chosen.outbox)
        self._rooms = Rooms(most=chosen.catch_up, private_replay=chosen.private_replay)
        self._company = Company()
        self._own_typing = OwnTyping()
        # The id of the question for one's private conversations, until all are known.
        self._listing: str | None = None

    # What comes out.

    def events(self) -> list[Event]:
        """What the application is to be told, in this order; each is answered once."""
        return self._out.take_events()

    def frames_to_send(self) -> list[bytes]:
        """The text messages to be written, in this order, JSON in UTF-8; each is answered once."""
        return self._out.take_frames()

    def deadline(self) -> float | None:
        """When `tick` is to be called, at the latest; None: not before something else happens."""
        times = [self._link.deadline()]
        if isinstance(self._link.connection, Greeted):
            times += [
                self._own_typing.deadline(),
                self._company.deadline(),
                self._next_command_at(self._link.connection),
            ]
        return min((time for time in times if time is not None), default=None)

    @property
    def state(self) -> State:
        """Where the client is in its life."""
        return self._link.state

    @property
    def wants_connection(self) -> bool:
        """Whether there is to be a connection, or an attempt to open one."""
        return self._link.wanted

    @property
    def username(self) -> str:
        """One's name, as the server writes it once it has said welcome."""
        return self._link.username

    @property
    def welcome(self) -> Welcome | None:
        """The server's last welcome: its limits among other things."""
        return self._link.welcome

    @property
    def rtt_ms(self) -> int | None:
        """The last measured round trip; None while one is not connected."""
        return self._link.rtt_ms if isinstance(self.state, Connected) else None

    @property
    def waiting(self) -> int:
        """How many commands wait for their answer."""
        return len(self._outbox)

    def members(self, room: str) -> tuple[int, tuple[str, ...]]:
        """How many are in a joined room, and the names of those who are known (all, up to 200)."""
        return self._company.members(self._rooms.resolve(room))

    def position(self, room: str) -> tuple[str | None, Cursor | None]:
        """The epoch and the cursor of what was shown of a room: a `Join` with them goes on there,
        in another client, too.
        """
        view = self._rooms.find(room)
        return (view.epoch, view.cursor) if view else (None, None)

    def typing(self, room: str) -> tuple[str, ...]:
        """Who else is typing in a room, the first to begin first."""
        return self._company.typing(self._rooms.resolve(room))

    # What goes in: the connection.

    def connected(self, now: float) -> None:
        """A connection has been opened. The server's v1 profile must have been agreed upon."""
        self._link.opened(now)

    def disconnected(self, now: float, code: int, reason: str = "") -> None:
        """The connection was closed, was lost, or could not be opened.

        `code` is the close frame's, 1005 where it named none, 1006 where there was none. A
        connection that the shell has closed because the machine wanted none need not be told.
        """
        if self.wants_connection:
            self._link.lost(now, code, reason)
            self._cut()

    def receive(self, text: str | bytes, now: float) -> None:
        """A text message came."""
        self._link.heard(now)
        frame = read_frame(text)
        if frame is not None and not isinstance(self._link.connection, NoConnection):
            self._dispatch(frame, now)
        self._pump(now)

    def heard(self, now: float) -> None:
        """The silence since the last message is not the server's: nobody has read."""
        self._link.heard(now)

    def tick(self, now: float) -> None:
        """Time has passed."""
        before = self._link.connection
        self._link.tick(now)
        if before != self._link.connection == NoConnection():
            self._cut()
        if isinstance(self._link.connection, Greeted):
            for room in self._own_typing.tick(now):
                self._tell_own_typing(self._link.connection, room, is_typing=False, now=now)
        self._tell(*self._company.tick(now))
        self._pump(now)

    def woke(self, now: float) -> None:
        """The computer was asleep, or the network is another: whether there is still a connection
        is found out at once, and an attempt that waits for its time is made now.
        """
        self._link.woke(now)
        self.tick(now)

    # What goes in: the application.

    def send(self, command: AppCommand, now: float) -> str:
        """Takes a command, and answers its id (its own, or a new one).

        A message or private message ends in one `Acked` or `SendFailed`; everything else but
        typing in one `Answered` or `Failed`. They come with `events()`. A message to a room that is
        left in the meantime may fail.

        Raises:
            OutboxFull: too much waits already; nothing was kept.
            InvalidCommand: it can never be sent.
            Ended: the client has.
        """
        if isinstance(self.state, Closed):
            raise self.state.error
        id = command.id or self._new_id()
        match command:
            case Join():
                self._join(command, id)
            case Leave(room=room):
                self._leave(self._rooms.resolve(room), id)
            case SetTyping(room=room, is_typing=is_typing):
                self._type(self._rooms.resolve(room), is_typing=is_typing, now=now)
            case SendMessage(room=room):
                self._keep(id, Lane("room", self._rooms.resolve(room)), command)
                self._own_typing.stop(self._rooms.resolve(room))
            case SendPrivate(to=to):
                self._keep(id, Lane("to", to), command)
            case GetHistory() | Members() | ListRooms():
                self._keep(id, Lane("ask", ""), command)
            case Hello(username=username):
                self._keep(id, Lane("ask", ""), self._link.credentials.hello(id, username))
            case _:
                assert_never(command)
        self._pump(now)
        return id

    def withdraw(self, id: str) -> bool:
        """Takes a command back: the application is no longer interested in its answer.

        Answers whether it surely has no effect. A message that the server may have taken is not
        taken back, and its `Acked` or `SendFailed` still comes.
        """
        item = self._outbox.withdraw(id)
        return item is not None and item.first_tried is None

    def close(self) -> None:
        """Ends the client. What waits for an answer fails.

        The shell closes the connection with 1000, which the server takes for a goodbye.
        """
        if not isinstance(self.state, Closed):
            self._link.end(Ended("the application has ended the client"))
            self._cut()

    def _join(self, command: Join, id: str) -> None:
        room = self._rooms.resolve(command.room)
        self._forget_leave(room)
        if self._rooms.want(command, id):
            joined = self._company.joined(room)
            assert joined is not None, "a room that is open was joined on this connection"
            self._tell(Answered(id=id, reply=joined))

    def _forget_leave(self, room: str) -> None:
        """Who comes back does not leave any more: a leave would go out after the join."""
        for item in self._outbox:
            if item.command == Leave(id=item.id, room=room):
                self._outbox.withdraw(item.id)
                self._answered(item, Left(room=room))

    def _leave(self, room: str, id: str) -> None:
        if self._rooms.find(room) is None or not isinstance(self._link.connection, Greeted):
            self._tell(Answered(id=id, reply=Left(room=room)))
        else:
            self._keep(id, Lane("room", room), Leave(room=room))
        self._own_typing.stop(room)
        self._tell(*self._company.leave(room))
        left = refusal(ErrorCode.NOT_JOINED, "the room was left before it was joined")
        for asker in self._rooms.leave(room):
            self._tell(Failed(id=asker, error=left))

    def _keep(self, id: str, lane: Lane, command: Saying | Question) -> None:
        command = msgspec.structs.replace(command, id=id)
        try:
            encode(command)
        except UnicodeEncodeError:
            raise InvalidCommand(ErrorCode.INVALID, "a lone surrogate is no text") from None
        self._outbox.add(id, lane, command)

    def _type(self, room: str, *, is_typing: bool, now: float) -> None:
        if isinstance(self._link.connection, Greeted) and self._rooms.is_joined(room):
            told = self._own_typing.key(room, now) if is_typing else self._own_typing.stop(room)
            if told:
                self._tell_own_typing(self._link.connection, room, is_typing=is_typing, now=now)

    def _tell_own_typing(self, link: Greeted, room: str, *, is_typing: bool, now: float) -> None:
        if link.pacer.take(now):  # or it is not worth telling any more
            self._out.write(SetTyping(room=room, is_typing=is_typing))

    # What goes out.

    def _tell(self, *events: Event) -> None:
        for event in events:
            self._out.tell(event)

    def _pump(self, now: float) -> None:
        """Sends what may be sent now: joins first, then what waits."""
        link = self._link.connection
        if not isinstance(link, Greeted):
            return
        while (view := self._rooms.next_join(now)) and link.pacer.take(now):
            self._out.write(self._rooms.join(view, self._new_id()))
        while (lane := self._outbox.ready(self._may_send, now)) and link.pacer.take(now):
            self._send_item(self._outbox.take(lane), link, now)

    def _next_command_at(self, link: Greeted) -> float | None:
        """When something may go out that cannot now, for its own sake or the pacer's."""
        times = (self._rooms.deadline(), self._outbox.deadline(self._may_send))
        ready_at = min((time for time in times if time is not None), default=None)
        return None if ready_at is None else max(ready_at, link.pacer.ready_at())

    def _may_send(self, lane: Lane) -> bool:
        return lane.kind != "room" or self._rooms.is_open(lane.name)

    def _send_item(self, item: Item, link: Greeted, now: float) -> None:
        command = item.command
        if item.first_tried is None:
            item.first_tried = link.server_time(now)
        elif isinstance(command, Saying):
            command = msgspec.structs.replace(command, at=item.first_tried)
        frame = encode(command)
        if len(frame) <= link.welcome.limits.frame:
            self._out.write_encoded(frame)
            return
        # The server would close the connection, and after every reconnect again.
        self._outbox.answered(item.id)
        too_large = f"{len(frame)} bytes, of at most {link.welcome.limits.frame}"
        self._fail(item, InvalidCommand(ErrorCode.INVALID, too_large))

    def _list_rooms(self, after: str | None) -> None:
        self._listing = self._new_id()
        question = ListRooms(id=self._listing, after=after)
        self._outbox.add(self._listing, Lane("ask", "rooms"), question, always=True)

    def _cut(self) -> None:
        """Forgets what belonged to a connection; at the end, everything."""
        if self._listing:
            self._outbox.withdraw(self._listing)
            self._listing = None
        for item in self._outbox:
            if isinstance(item.command, Leave):
                self._outbox.withdraw(item.id)
                self._answered(item, Left(room=item.command.room))
        self._outbox.cut()
        self._rooms.cut()
        self._own_typing.cut()
        self._tell(*self._company.cut())
        if isinstance(self.state, Closed):
            for item in self._outbox.clear():
                self._fail(item, self.state.error)
            for asker in self._rooms.end():
                self._tell(Failed(id=asker, error=self.state.error))

    # What comes in.

    def _dispatch(self, frame: AnyServerFrame | Unknown, now: float) -> None:
        match frame:
            case Message() | Private() | Unknown():
                self._entry(frame)
            case Typing():
                self._typed(frame, now)
            case Presence():
                self._tell(*self._company.presence(frame))
            case Notice():
                self._tell(frame)
            case Ack():
                self._acked(frame)
            case Error():
                self._refused(frame, now)
            case Welcome():
                self._welcomed(frame, now)
            case Joined():
                self._joined(frame)
            case Left():
                self._answered(self._outbox.answered(frame.id), frame)
                self._rooms.left(frame.room)
            case MembersPage():
                self._answered(self._outbox.answered(frame.id), frame)
            case HistoryPage():
                self._answered(self._outbox.answered(frame.id), _history(frame))
            case RoomsPage():
                self._listed(frame)
            case Pong():
                self._link.pong(frame, now)
            case _:
                assert_never(frame)

    def _entry(self, entry: Entry) -> None:
        if isinstance(entry, Private):
            self._rooms.meet(entry)
        followed, gap = self._rooms.follow(entry)
        if gap:
            self._tell(gap)
        if followed == "shown":
            self._tell(entry, *self._company.said(entry.room, entry.username))

    def _typed(self, typing: Typing, now: float) -> None:
        if typing.username != self.username and self._rooms.find(typing.room):
            self._tell(*self._company.typed(typing, now))

    def _welcomed(self, welcome: Welcome, now: float) -> None:
        if self._link.welcomed(welcome, now):
            self._list_rooms(after=None)
        elif isinstance(self._link.connection, Greeted):
            # It answers a rename, or tells of one by another connection of the same identity. That
            # of a rename which was withdrawn counts, too: the server has carried it out.
            self._link.known_as(welcome)
            self._answered(self._outbox.answered(welcome.id), welcome)

    def _joined(self, reply: Joined) -> None:
        if (joined := self._rooms.joined(reply)) is None:
            return
        view, gap, askers = joined
        self._forget_leave(view.name)
        self._company.enter(reply)
        if view.wanted:
            self._tell(reply)
        if gap:
            self._tell(gap)
        for asker in askers:
            self._tell(Answered(id=asker, reply=reply))

    def _listed(self, page: RoomsPage) -> None:
        item = self._outbox.answered(page.id)
        if item is None or item.id != self._listing:
            self._answered(item, page)
            return
        self._listing = None
        for summary in page.rooms:
            if summary.peer is not None:
                self._rooms.listed(summary)
        if page.more and page.rooms:
            self._list_rooms(after=page.rooms[-1].room)
        else:
            self._tell(*self._rooms.all_listed())

    def _acked(self, ack: Ack) -> None:
        if item := self._outbox.answered(ack.id):
            receipt = Receipt(id=item.id, room=ack.room, seq=ack.seq, timestamp=ack.timestamp)
            self._tell(Acked(receipt=receipt))

    def _answered(self, item: Item | None, reply: Answer) -> None:
        if item:
            self._tell(Answered(id=item.id, reply=reply))

    def _refused(self, error: Error, now: float) -> None:
        refused = refusal(
            error.code, error.message, field=error.field, retry_after=error.retry_after
        )
        again_at = _again_at(error, now)
        if error.id is None:
            self._tell(ServerError(error=refused))
        elif self._link.hello_refused(error.id, refused, again_at):
            if not self.wants_connection:
                self._cut()
        elif item := self._outbox.answered(error.id):
            if again_at is None or isinstance(item.command, Hello):
                self._fail(item, refused)
            else:
                self._outbox.again(item, again_at)
        elif (given_up := self._rooms.refused(error.id, again_at)) is not None:
            view, gap, askers = given_up
            if gap:
                self._tell(gap)
            if view.wanted:
                self._tell(RoomLost(room=view.name, error=refused))
                self._tell(*self._company.leave(view.name))
            for asker in askers:
                self._tell(Failed(id=asker, error=refused))

    def _fail(self, item: Item, error: ClientError) -> None:
        match item.command:
            case SendMessage() | SendPrivate() as command:
                error = InDoubt(error) if item.in_doubt else error
                self._tell(SendFailed(id=item.id, command=command, error=error))
            case GetHistory() | Hello() | Leave() | Members() | ListRooms():
                if item.id == self._listing:
                    self._listing = None
                else:
                    self._tell(Failed(id=item.id, error=error))
            case unknown:
                assert_never(unknown)


def _again_at(error: Error, now: float) -> float | None:
    """When a refused command may do better unchanged; None: never."""
    if error.retry_after is not None:
        return now + error.retry_after / 1000
    if error.code in {ErrorCode.RATE_LIMITED, ErrorCode.UNAVAILABLE}:
        return now + RETRY_AFTER
    return None


def _history(page: HistoryPage) -> History:
    entries = (read_entry(bytes(raw)) for raw in page.entries)
    return History(
        room=page.room,
        epoch=page.epoch,
        entries=tuple(entry for entry in entries if entry is not None),
        more=page.more,
    )
