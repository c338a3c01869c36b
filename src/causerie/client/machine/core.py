"""The client, without its socket and its clock.

A shell drives it: tells it what has happened (`connected`, `receive`, `disconnected`, `tick`,
`woke`), gives it the application's commands (`send`), and after each of these calls does four
things: it dispatches `events()`, writes `frames_to_send()`, opens or closes a connection so that
there is one if and only if `wants_connection`, and calls `tick` no later than `deadline()`.

`now` is always in seconds, monotonic, and never goes back. Chance and ids come in as callables.

The machine hands each command of the application and each frame of the server to the part that it
concerns, and lets go out what may:

    Link             the connection: its state, hello, signs of life, when to try again
    Requests         what is asked of the server, until it is answered
    Subscriptions    what is followed: rooms and private conversations, and who is there
    Output           what all three have to say, in one order
"""

from collections.abc import Callable
from typing import assert_never

import msgspec

from causerie.client.errors import Ended, InvalidCommand, refusal
from causerie.client.machine.events import MachineEvent, ServerError, Unknown
from causerie.client.machine.link import Credentials, Greeted, Link, NoConnection, Reasons
from causerie.client.machine.outbox import Lane
from causerie.client.machine.output import Output
from causerie.client.machine.reading import read_frame, read_history
from causerie.client.machine.requests import RENAMES, Requests
from causerie.client.machine.rooms import Rooms
from causerie.client.machine.states import Closed, Connected, State
from causerie.client.machine.subscriptions import Subscriptions
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
    Traced,
    Tracing,
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
    returning: bool = False
    """The name is the one had last, by an earlier client: where it has become another meanwhile,
    that is told as `Renamed`. Otherwise it is a wish.
    """
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
    reasons: Reasons = Reasons()
    """Why the machine gave a connection up, in the application's language."""


class Machine:
    """One client: what it is, where it stands in its rooms, what it still has to say.

    `new_id` answers a new random id (128 bits, at most 64 characters), `chance` numbers in [0, 1).
    A key or a token is needed: without one, the server could not know what is sent again.
    """

    __slots__ = ("_link", "_new_id", "_out", "_requests", "_subscriptions")

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
            reasons=chosen.reasons,
            new_id=new_id,
            chance=chance,
            out=self._out,
        )
        self._link.returning = chosen.returning
        self._requests = Requests(chosen.outbox, self._out)
        self._subscriptions = Subscriptions(
            Rooms(most=chosen.catch_up, private_replay=chosen.private_replay),
            self._requests,
            new_id=new_id,
            out=self._out,
        )

    # What comes out.

    def events(self) -> list[MachineEvent]:
        """What is to be told, in this order; each is answered once."""
        return self._out.take_events()

    def frames_to_send(self) -> list[bytes]:
        """The text messages to be written, in this order, JSON in UTF-8; each is answered once."""
        return self._out.take_frames()

    def deadline(self) -> float | None:
        """When `tick` is to be called, at the latest; None: not before something else happens."""
        times = [self._link.deadline()]
        if (link := self._greeted()) is not None:
            times += [self._subscriptions.deadline(), self._next_command_at(link)]
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
    def waits_for_name(self) -> bool:
        """Whether there is a connection, but somebody else has the name: another may be taken."""
        return self._link.waits_for_name

    @property
    def rtt_ms(self) -> int | None:
        """The last measured round trip; None while one is not connected."""
        return self._link.rtt_ms if isinstance(self.state, Connected) else None

    @property
    def waiting(self) -> int:
        """How many commands wait for their answer."""
        return len(self._requests)

    def members(self, room: str) -> tuple[int, tuple[str, ...]]:
        """How many are in a joined room, and the names of those who are known (all, up to 200)."""
        return self._subscriptions.members(room)

    def position(self, room: str) -> tuple[str | None, Cursor | None]:
        """The epoch and the cursor of what was shown of a room: a `Join` with them goes on there,
        in another client, too.
        """
        return self._subscriptions.position(room)

    def typing(self, room: str) -> tuple[str, ...]:
        """Who else is typing in a room, the first to begin first."""
        return self._subscriptions.typing(room)

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
        self._subscriptions.tick(self._greeted(), now)
        self._pump(now)

    def woke(self, now: float) -> None:
        """The computer was asleep, or the network is another: whether there is still a connection
        is found out at once, and an attempt that waits for its time is made now.
        """
        self._link.woke(now)
        self.tick(now)

    # What goes in: the application.

    def send(self, command: AppCommand, now: float) -> str:
        """Takes a command, and answers its id (its own, or a new one: one under which nothing waits
        for an answer).

        A message or private message ends in one `Acked` or `SendFailed`; everything else but
        typing in one `Answered` or `Failed`. They come with `events()`. A message to a room that is
        left in the meantime may fail.

        Raises:
            OutboxFull: too much waits already; nothing was kept.
            InvalidCommand: it can never be sent, or not under this id.
            Ended: the client has.
        """
        if isinstance(self.state, Closed):
            raise self.state.error
        self._check(command)
        id = command.id or self._new_id()
        match command:
            case Join():
                self._subscriptions.join(command, id)
            case Leave(room=room):
                self._subscriptions.leave(room, id, self._greeted())
            case SetTyping(room=room, is_typing=is_typing):
                self._subscriptions.type(room, self._greeted(), now, is_typing=is_typing)
            case SendMessage(room=room):
                self._requests.add(id, Lane("room", self._subscriptions.resolve(room)), command)
                self._subscriptions.stop_typing(room)
            case SendPrivate(to=to):
                self._requests.add(id, Lane("to", to), command)
            case GetHistory() | Members() | ListRooms():
                self._requests.add(id, Lane("ask", ""), command)
            case Hello(username=username):
                hello = self._link.credentials.hello(id, username, returning=False)
                self._requests.add(id, RENAMES, hello)
            case _:
                assert_never(command)
        self._pump(now)
        return id

    def _check(self, command: AppCommand) -> None:
        try:
            encode(command)
        except UnicodeEncodeError:
            raise InvalidCommand(ErrorCode.INVALID, "a lone surrogate is no text") from None
        id = command.id
        if id and (self._requests.is_waiting(id) or self._subscriptions.is_waiting(id)):
            raise InvalidCommand(ErrorCode.ID_REUSED, "what was given under this id still waits")

    def withdraw(self, id: str) -> bool:
        """Takes a command back: the application is no longer interested in its answer.

        Answers whether it surely has no effect. A message that the server may have taken is not
        taken back, and its `Acked` or `SendFailed` still comes; nor is a join: a leave undoes it.
        """
        return self._requests.withdraw(id)

    def close(self) -> None:
        """Ends the client. What waits for an answer fails.

        The shell closes the connection with 1000, which the server takes for a goodbye.
        """
        if not isinstance(self.state, Closed):
            self._link.end(Ended("the application has ended the client"))
            self._cut()

    # What goes out.

    def _greeted(self) -> Greeted | None:
        """The connection, if one may speak on it."""
        link = self._link.connection
        return link if isinstance(link, Greeted) else None

    def _pump(self, now: float) -> None:
        """Sends what may be sent now: joins first, then what waits."""
        if (link := self._greeted()) is not None:
            self._subscriptions.send_joins(link, now)
            self._requests.send(link, self._subscriptions.may_send, now)
        elif self._link.waits_for_name:
            assert self._link.welcome is not None, "who was never here does not wait"
            hello = self._requests.take_rename(self._link.welcome.limits.frame, now)
            if hello is not None:
                self._link.take_other(hello, now)

    def _next_command_at(self, link: Greeted) -> float | None:
        """When something may go out that cannot now, for its own sake or the pacer's."""
        may_send = self._subscriptions.may_send
        times = (self._subscriptions.next_join_at(), self._requests.deadline(may_send))
        ready_at = min((time for time in times if time is not None), default=None)
        return None if ready_at is None else max(ready_at, link.pacer.ready_at())

    def _cut(self) -> None:
        """Forgets what belonged to a connection; at the end, everything."""
        self._requests.cut()
        self._subscriptions.cut()
        if isinstance(self.state, Closed):
            self._requests.end(self.state.error)
            self._subscriptions.end(self.state.error)

    # What comes in.

    def _dispatch(self, frame: AnyServerFrame | Unknown, now: float) -> None:
        match frame:
            case Message() | Private() | Unknown():
                self._subscriptions.entry(frame)
            case Typing(username=username):
                if username != self.username:
                    self._subscriptions.typed(frame, now)
            case Presence():
                self._subscriptions.presence(frame)
            case Notice():
                self._out.tell(frame)
            case Ack():
                self._requests.acked(frame)
            case Error():
                self._refused(frame, now)
            case Welcome():
                self._welcomed(frame, now)
            case Joined():
                self._subscriptions.joined(frame)
            case Left():
                self._requests.answered(frame.id, frame)
                self._subscriptions.left(frame.room)
            case MembersPage():
                self._requests.answered(frame.id, frame)
            case HistoryPage():
                self._requests.answered(frame.id, read_history(frame))
            case RoomsPage():
                item = self._requests.answered(frame.id, frame)
                if item is not None and item.own:
                    self._subscriptions.listed(frame)
            case Pong():
                self._link.pong(frame, now)
            case Tracing() | Traced():
                pass  # this client asks for none
            case _:
                assert_never(frame)

    def _welcomed(self, welcome: Welcome, now: float) -> None:
        if self._link.welcomed(welcome, now):
            self._requests.answered(welcome.id, welcome)  # who took another name asked for it
            self._subscriptions.list_conversations()
        elif self._greeted() is not None:
            # It answers a rename, or tells of one by another connection of the same identity. That
            # of a rename which was withdrawn counts, too: the server has carried it out.
            self._link.known_as(welcome)
            self._requests.answered(welcome.id, welcome)

    def _refused(self, error: Error, now: float) -> None:
        refused = refusal(
            error.code, error.message, field=error.field, retry_after=error.retry_after
        )
        again_at = _again_at(error, now)
        if error.id is None:
            self._out.tell(ServerError(error=refused))
        elif self._link.hello_refused(error.id, refused, again_at):
            if not self.wants_connection:
                self._cut()
        elif not self._requests.refused(error.id, refused, again_at):
            self._subscriptions.refused(error.id, refused, again_at)


def _again_at(error: Error, now: float) -> float | None:
    """When a refused command may do better unchanged; None: never."""
    if error.retry_after is not None:
        return now + error.retry_after / 1000
    if error.code in {ErrorCode.RATE_LIMITED, ErrorCode.UNAVAILABLE}:
        return now + RETRY_AFTER
    return None
