"""The client's connection: its state, its first words, its signs of life, and when to try again."""

from collections.abc import Callable
from typing import assert_never

import msgspec

from causerie.client.errors import CommandRefused, Ended, EndedByServer, GaveUp, HelloRefused
from causerie.client.machine.backoff import Backoff, wish_of
from causerie.client.machine.events import LatencyMeasured, Renamed, ServerError, StateChanged
from causerie.client.machine.liveness import Liveness
from causerie.client.machine.output import Output
from causerie.client.machine.pacer import Pacer
from causerie.client.machine.states import (
    TRANSITIONS,
    Closed,
    Connected,
    Connecting,
    Disconnected,
    Reconnecting,
    State,
    Trigger,
)
from causerie.wire.codes import CloseCode, ErrorCode, reconnects
from causerie.wire.commands import Hello, Ping
from causerie.wire.replies import Pong, Welcome

WELCOME_TIMEOUT = 15.0
"""Seconds that the server has to answer hello."""

STABLE_AFTER = 10.0
"""Seconds. A connection that was lost sooner does not end an outage."""


class Credentials(msgspec.Struct, frozen=True, kw_only=True):
    """How one proves who one is: by a key or a token."""

    key: str | None = None
    token: str | None = None
    locale: str = "en"

    def __repr__(self) -> str:
        return "Credentials(…)"  # a key in a traceback is a key in a log

    def hello(self, id: str, username: str, *, returning: bool) -> Hello:
        """The command that says who one is; `returning`: under the name had last, which may have
        become another meanwhile.
        """
        return Hello(
            id=id,
            username=username,
            returning=returning,
            key=self.key,
            token=self.token,
            locale=self.locale,
        )


class Reasons(msgspec.Struct, frozen=True, kw_only=True):
    """The reasons that the machine itself gives for a lost connection, in words."""

    no_welcome: str = "the server does not answer hello"
    silent: str = "the server has fallen silent"


class NoConnection(msgspec.Struct, frozen=True):
    """There is none, though there may be an attempt to open one."""


class Greeting(msgspec.Struct, frozen=True):
    """A connection on which hello has been said."""

    id: str
    said_at: float
    instead_of: "Holding | None" = None
    """What it is again if hello is refused, which asks for another name than the one had last."""


class Holding(msgspec.Struct, frozen=True):
    """A connection on which hello is to be said again at a time."""

    again_at: float
    is_for_name: bool
    """Somebody else has the name, for now."""


class Greeted(msgspec.Struct, frozen=True):
    """A connection on which the server has said welcome."""

    welcome: Welcome
    since: float
    liveness: Liveness
    pacer: Pacer

    def server_time(self, now: float) -> int:
        """Milliseconds since 1970 on the server's clock; early by the time that welcome took."""
        return self.welcome.time + int((now - self.since) * 1000)


Connection = NoConnection | Greeting | Holding | Greeted


class Link:
    """The connection of one client. `now` is in seconds, monotonic.

    `new_id` answers a new random id, `chance` numbers in [0, 1).
    """

    __slots__ = (
        "_backoff",
        "_chance",
        "_failures",
        "_max_attempts",
        "_new_id",
        "_out",
        "_reasons",
        "connection",
        "credentials",
        "returning",
        "rtt_ms",
        "state",
        "username",
        "welcome",
    )

    def __init__(
        self,
        username: str,
        credentials: Credentials,
        *,
        max_attempts: int | None,
        reasons: Reasons,
        new_id: Callable[[], str],
        chance: Callable[[], float],
        out: Output,
    ) -> None:
        self.username = username
        """As the server writes it, once it has said welcome."""
        self.returning = False
        """The name is the one had last, and no wish (any more)."""
        self.credentials = credentials
        self.state: State = Connecting()
        self.connection: Connection = NoConnection()
        self.welcome: Welcome | None = None
        """The last one."""
        self.rtt_ms: int | None = None
        """The last round trip that was measured on this connection."""
        self._max_attempts = max_attempts
        self._reasons = reasons
        self._new_id = new_id
        self._chance = chance
        self._out = out
        self._failures = 0
        self._backoff = Backoff(chance)

    @property
    def wanted(self) -> bool:
        """Whether there is to be a connection, or an attempt to open one."""
        return not isinstance(self.state, Disconnected | Closed)

    @property
    def waits_for_name(self) -> bool:
        """Whether there is a connection, and somebody else has the name, for now."""
        return isinstance(self.connection, Holding) and self.connection.is_for_name

    def opened(self, now: float) -> None:
        """There is a connection: says hello."""
        assert isinstance(self.state, Connecting | Reconnecting), "nobody wanted a connection"
        self._say_hello(now)

    def take_other(self, hello: Hello, now: float) -> None:
        """Says hello under another name than the one that is waited for."""
        assert isinstance(self.connection, Holding), "a name is waited for"
        assert hello.id is not None, "it is answered"
        self.connection = Greeting(id=hello.id, said_at=now, instead_of=self.connection)
        self._out.write(hello)

    def welcomed(self, welcome: Welcome, now: float) -> bool:
        """The server has answered a hello; answers whether it was the one of this connection."""
        greeting = self.connection
        if not isinstance(greeting, Greeting) or welcome.id != greeting.id:
            return False
        self.connection = Greeted(
            welcome=welcome,
            since=now,
            liveness=Liveness(welcome.heartbeat / 1000, self._chance, now),
            pacer=Pacer(welcome.limits.rate, welcome.limits.burst, now),
        )
        self._failures = 0
        self._move(Trigger.WELCOMED, Connected(since=now))
        self.known_as(welcome)
        self._measured(round((now - greeting.said_at) * 1000))
        return True

    def known_as(self, welcome: Welcome) -> None:
        """Takes the name that the server gives in a welcome."""
        self.welcome = welcome
        self.returning = True
        if welcome.username != self.username:
            self.username = welcome.username
            self._out.tell(Renamed(username=welcome.username))

    def hello_refused(self, id: str, refused: CommandRefused, again_at: float | None) -> bool:
        """The server has refused a command; answers whether it was this connection's own hello.

        Hello is said again at a time, or this is the end.
        Who has been here before waits for the name as long as it takes, or takes another; a
        newcomer had better hear at once that somebody else has it.
        """
        greeting = self.connection
        if not isinstance(greeting, Greeting) or id != greeting.id:
            return False
        if greeting.instead_of is not None:
            self.connection = greeting.instead_of
            return False
        is_for_name = refused.code in {ErrorCode.NAME_TAKEN, ErrorCode.NAME_LIMIT}
        if again_at is None or (self.welcome is None and is_for_name):
            self.end(HelloRefused(refused))
        else:
            self.connection = Holding(again_at=again_at, is_for_name=is_for_name)
            self._out.tell(ServerError(error=refused))
        return True

    def heard(self, now: float) -> None:
        """Something came, or would have come if anybody had read it."""
        if isinstance(self.connection, Greeted):
            self.connection.liveness.heard(now)

    def pong(self, pong: Pong, now: float) -> None:
        """The server has answered a ping."""
        if isinstance(self.connection, Greeted):
            rtt_ms = self.connection.liveness.pong(pong.id, now)
            if rtt_ms is not None:
                self._measured(rtt_ms)

    def tick(self, now: float) -> None:
        """Time has passed."""
        if isinstance(self.state, Disconnected) and self.state.retry_at <= now:
            self._move(Trigger.DUE, Reconnecting(attempt=self.state.attempt))
        match self.connection:
            case NoConnection():
                pass
            case Greeting(said_at=said_at):
                if said_at + WELCOME_TIMEOUT <= now:
                    self.lost(now, CloseCode.ABNORMAL, self._reasons.no_welcome)
            case Holding(again_at=again_at):
                if again_at <= now:
                    self._say_hello(now)
            case Greeted() as greeted:
                self._check(greeted, now)
            case unknown:
                assert_never(unknown)

    def woke(self, now: float) -> None:
        """The computer was asleep, or the network is another: nothing waits any longer."""
        if isinstance(self.state, Disconnected):
            self._move(Trigger.DUE, Reconnecting(attempt=self.state.attempt))
        if isinstance(self.connection, Greeted):
            self.connection.liveness.probe(now)

    def lost(self, now: float, code: int, reason: str) -> None:
        """The connection is lost, or could not be opened: another attempt is made in a while, or
        this is the end.
        """
        self._out.cut()
        self.connection = NoConnection()
        if not isinstance(self.state, Connected):
            self._failures += 1
        elif now - self.state.since >= STABLE_AFTER:
            self._backoff.settled()
        if not reconnects(code):
            self.end(EndedByServer(code, reason))
        elif self._max_attempts is not None and self._failures >= self._max_attempts:
            self.end(GaveUp(self._failures, reason, code=code))
        else:
            delay = self._backoff.delay(now, wish_of(reason))
            attempt = self._failures + 1
            self._move(
                Trigger.LOST,
                Disconnected(code=code, reason=reason, attempt=attempt, retry_at=now + delay),
            )

    def end(self, error: Ended) -> None:
        """This is the end."""
        self.connection = NoConnection()
        self._move(Trigger.ENDED, Closed(error=error))

    def deadline(self) -> float | None:
        """When `tick` has something to do."""
        if isinstance(self.state, Disconnected):
            return self.state.retry_at
        match self.connection:
            case NoConnection():
                return None
            case Greeting(said_at=said_at):
                return said_at + WELCOME_TIMEOUT
            case Holding(again_at=again_at):
                return again_at
            case Greeted(liveness=liveness):
                return liveness.deadline()
            case unknown:
                assert_never(unknown)

    def _say_hello(self, now: float) -> None:
        id = self._new_id()
        self.connection = Greeting(id=id, said_at=now)
        self._out.write(self.credentials.hello(id, self.username, returning=self.returning))

    def _check(self, greeted: Greeted, now: float) -> None:
        match greeted.liveness.check(now):
            case "alive":
                pass
            case "ping":
                id = self._new_id()
                greeted.pacer.force(now)
                greeted.liveness.pinged(id, now)
                self._out.write(Ping(id=id))
            case "dead":
                self.lost(now, CloseCode.ABNORMAL, self._reasons.silent)
            case unknown:
                assert_never(unknown)

    def _measured(self, rtt_ms: int) -> None:
        self.rtt_ms = rtt_ms
        self._out.tell(LatencyMeasured(rtt_ms=rtt_ms))

    def _move(self, trigger: Trigger, state: State) -> None:
        assert TRANSITIONS[type(self.state), trigger] is type(state), (
            "the table has all transitions"
        )
        self.state = state
        self._out.tell(StateChanged(state=state))
