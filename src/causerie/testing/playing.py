"""Plays golden conversations: does what the clients do, and looks at what they get.

A `Driver` carries it out, over a real network or in memory; the player knows neither sockets nor
servers. It keeps to the server's rate limit, but where a conversation is about that.
"""

import json
from collections.abc import Mapping, Sequence
from random import Random
from typing import Final, Protocol, assert_never, cast

import msgspec

from causerie.testing.conversations import (
    DEFAULT_WITHIN,
    Ability,
    Action,
    Closes,
    Connects,
    Conversation,
    Deed,
    Enters,
    FallsSilent,
    Gets,
    GetsNothing,
    IsClosed,
    IsCut,
    Profile,
    Repeat,
    SaysHello,
    Sends,
    SendsBinary,
    ServerActs,
    Step,
    TimePasses,
)
from causerie.testing.patterns import JSON, BadTemplate, Variables, show
from causerie.wire.codes import ErrorCode
from causerie.wire.errors import CauserieError

_CUTS_EVERYBODY: Final[frozenset[Action]] = frozenset(
    {"is killed", "loses its log", "goes back to its copy", "keeps the newest alone"}
)

MARGIN: Final = 0.8
"""How much of the server's rate limit is used, since its clock and ours are two."""


class Closed(msgspec.Struct, frozen=True):
    """The end of a connection: the code of the server's close frame, or 1006 without one."""

    code: int
    reason: str = ""


class Unreachable(CauserieError):
    """A driver could not open a connection: it says why. `is_refused`: there is a server, but it
    does not speak the profile, or does not want this client.
    """

    def __init__(self, reason: str, *, is_refused: bool = False) -> None:
        super().__init__(reason)
        self.is_refused = is_refused


class Link(Protocol):
    """The client's end of one WebSocket. Calls after the end do nothing, save `receive`."""

    async def send(self, text: str) -> None:
        """Sends a text message."""

    async def send_binary(self, data: bytes) -> None:
        """Sends a binary message. For drivers that have `socket`."""

    async def receive(self, within: int) -> bytes | Closed | None:
        """The next text message, or the end; None if there is neither within so many ms."""

    async def close(self, code: int) -> None:
        """Ends the connection with a close frame; returns when the server knows."""

    async def cut(self) -> None:
        """Ends the connection without a word; returns when the server can know."""

    async def fall_silent(self) -> None:
        """Reads nothing any more, and answers no ping, but stays."""


class Driver(Protocol):
    """Plays the clients' part against one server."""

    @property
    def abilities(self) -> frozenset[Ability]:
        """What it can do besides."""

    def now(self) -> int:
        """The clock on the wall: microseconds since 1970."""

    def elapsed(self) -> float:
        """Milliseconds, from a clock that never goes back."""

    async def connect(self, profile: Profile) -> Link:
        """Opens a connection.

        Raises:
            Unreachable: it cannot.
        """

    async def wait(self, milliseconds: float) -> None:
        """Lets time pass."""

    async def control(self, action: Action) -> None:
        """Makes the server do something. For drivers that have `control`."""


class ConversationFailed(CauserieError):
    """A server did not do what a conversation says. The message tells people what happened."""


async def welcome(driver: Driver, chance: Random) -> dict[str, JSON]:
    """Asks a server for its welcome, which tells its limits.

    Raises:
        Unreachable: there is no server, or it does not speak v1.
        OutOfNames: it gives this machine no name.
        ConversationFailed: it does not welcome anybody.
    """
    scout = Conversation(
        name="welcome",
        title="The server tells its limits",
        about="",
        tags=frozenset({"v1"}),
        presence=False,
        requires={},
        steps=[Step("1", SaysHello(who="Scout", username="$Scout"))],
    )
    player = _Player(scout, driver, Variables(chance, driver.now), _UNTOLD)
    try:
        await player.play(scout.steps)
    finally:
        await player.hang_up()
    return player.welcomes["Scout"]


def unmet(
    conversation: Conversation, greeting: Mapping[str, JSON], abilities: frozenset[Ability]
) -> str | None:
    """Says why a conversation cannot be played with a server and a driver; None if it can."""
    for ability in sorted(conversation.takes - abilities):
        return {
            "control": "it takes control of the server",
            "socket": "it takes a real WebSocket",
        }[ability]
    variables = Variables(Random(0), lambda: 0)
    difference = variables.mismatch(conversation.requires, dict(greeting))
    return f"in this server's welcome {difference}" if difference else None


async def play(
    conversation: Conversation, driver: Driver, greeting: Mapping[str, JSON], chance: Random
) -> None:
    """Plays a conversation to its end, and sees to it that nobody gets anything besides.

    `greeting` is the server's welcome, empty if it does not speak v1. All that `chance` makes is
    new to the server.

    Raises:
        ConversationFailed: the server did otherwise.
        Unreachable: it could not be connected to.
        OutOfNames: the server gave this machine no more names.
    """
    known = {name: greeting[name] for name in _TOLD_IN_WELCOME if name in greeting}
    allowance = _UNTOLD
    if "limits" in known:
        limits = cast("dict[str, float]", known["limits"])
        allowance = _Allowance(limits["rate"], limits["burst"])
    player = _Player(conversation, driver, Variables(chance, driver.now, known), allowance)
    try:
        await player.play(conversation.steps)
        await player.finish()
    finally:
        await player.hang_up()


class _Allowance(msgspec.Struct, frozen=True):
    """How many commands a second and connection the server takes, and how many at once."""

    rate: float
    burst: float


_UNTOLD: Final = _Allowance(20, 40)
"""What a server is taken to allow before it has told."""

_TOLD_IN_WELCOME: Final = ("limits", "grace", "heartbeat", "server")
"""What a conversation may use by name."""


class _Client:
    """One who takes part: a connection, and what has come over it."""

    def __init__(self, link: Link, profile: Profile, now: float, allowance: _Allowance) -> None:
        self.link = link
        self.profile: Profile = profile
        self.is_silent = False
        self.got: list[str] = []
        """The last frames, for people to see."""
        self._allowance = allowance
        self._tokens = allowance.burst * MARGIN
        self._updated = now

    def delay(self, now: float, *, rushes: bool) -> float:
        """Milliseconds until one more command keeps within the rate limit; counts the command.

        Who rushes does not wait, and is taken to have used up what there was.
        """
        rate = self._allowance.rate * MARGIN / 1000
        if not rate:
            return 0.0
        most = self._allowance.burst * MARGIN
        self._tokens = min(most, self._tokens + (now - self._updated) * rate) - 1
        self._updated = now
        if rushes:
            self._tokens = max(0.0, self._tokens)
        return max(0.0, -self._tokens / rate)


class OutOfNames(CauserieError):
    """The server has given this machine's address as many new names as it may have for now."""


class Unexpected(CauserieError):
    """What came, or did not come, in one step; `ConversationFailed` adds in which."""


class _Player:
    """Plays one conversation."""

    def __init__(
        self,
        conversation: Conversation,
        driver: Driver,
        variables: Variables,
        allowance: _Allowance,
    ) -> None:
        self._conversation = conversation
        self._driver = driver
        self._variables = variables
        self._allowance = allowance
        self._clients: dict[str, _Client] = {}
        self.welcomes: dict[str, dict[str, JSON]] = {}

    async def play(self, steps: Sequence[Step], rounds: str = "") -> None:
        """Plays steps.

        Raises:
            ConversationFailed: in one of them the server did otherwise.
            Unreachable: it could not be connected to.
            OutOfNames: the server gave this machine no more names.
        """
        for step in steps:
            deed = step.deed
            try:
                if not isinstance(deed, Repeat):
                    await self.act(deed)
                    continue
                times = self._variables.integer(deed.times)
            except (Unexpected, BadTemplate) as error:
                raise self._failure(f"step {step.number}{rounds}", error) from None
            for count in range(1, times + 1):
                self._variables.set("n", count)
                await self.play(deed.steps, f"{rounds}, round {count}")

    async def finish(self) -> None:
        """Sees to it that nobody who is still there gets anything more.

        Raises:
            ConversationFailed: somebody does.
        """
        for who, client in list(self._clients.items()):
            if client.is_silent:
                continue
            try:
                await self._expect_nothing(who)
            except Unexpected as error:
                raise self._failure("after the last step", error) from None

    def _failure(self, where: str, error: Exception) -> ConversationFailed:
        return ConversationFailed(f"{self._conversation.name}, {where}: {error}")

    async def hang_up(self) -> None:
        """Ends all connections."""
        for client in self._clients.values():
            await client.link.close(1000)
        self._clients.clear()

    async def act(self, deed: Deed) -> None:
        """Carries out one step.

        Raises:
            Unexpected: the server did otherwise.
            BadTemplate: the step asks for what cannot be.
        """
        match deed:
            case Connects(who, profile):
                await self._connect(who, profile)
            case SaysHello():
                await self._say_hello(deed.who, deed.username, deed.key)
            case Enters():
                await self._enter(deed)
            case Sends():
                await self._send(deed)
            case SendsBinary(who, text):
                await self._client(who).link.send_binary(text.encode())
            case Gets():
                await self._get(deed)
            case GetsNothing(who):
                await self._expect_nothing(who)
            case IsClosed():
                await self._expect_end(deed)
            case Closes(who, code):
                await self._pop(who).link.close(code)
            case IsCut(who):
                await self._pop(who).link.cut()
            case FallsSilent(who):
                client = self._client(who)
                client.is_silent = True
                await client.link.fall_silent()
            case TimePasses(milliseconds):
                await self._driver.wait(self._variables.integer(milliseconds))
            case ServerActs(action):
                await self._driver.control(action)
                if action in _CUTS_EVERYBODY:
                    self._clients.clear()
            case Repeat():
                raise AssertionError("play() has unrolled it")
            case unknown:
                assert_never(unknown)

    # What clients do.

    async def _connect(self, who: str, profile: Profile) -> None:
        if who in self._clients:
            raise BadTemplate(f"{who} is connected already")
        link = await self._driver.connect(profile)
        self._clients[who] = _Client(link, profile, self._driver.elapsed(), self._allowance)

    async def _say_hello(self, who: str, username: JSON, key: JSON) -> None:
        await self._connect(who, "v1")
        hello: dict[str, JSON] = {"type": "hello", "username": username}
        if key is not None:
            hello["key"] = key
        id = hello["id"] = self._variables.new_id()
        await self._transmit(who, hello)
        self.welcomes[who] = await self._next_matching(
            who, {"type": "welcome", "id": id, "username": {"$is": "string"}}
        )

    async def _enter(self, enters: Enters) -> None:
        who = enters.who
        if enters.profile == "v1":
            await self._say_hello(who, enters.username, enters.key)
            id = self._variables.new_id()
            await self._transmit(who, {"type": "join", "room": enters.room, "id": id})
            await self._next_matching(who, {"type": "joined", "id": id})
            return
        if self._conversation.presence:
            raise BadTemplate("who enters is announced: where presence counts, tell it in full")
        await self._connect(who, "plain")
        await self._transmit(
            who,
            {
                "type": "join",
                "username": enters.username,
                "room": enters.room,
                "content": "",
                "timestamp": {"$now": "ms"},
            },
        )
        await self._next_matching(who, {"type": "message", "username": "System"})
        await self._expect_nothing(who)

    async def _send(self, sends: Sends) -> None:
        for count in range(1, self._variables.integer(sends.times) + 1):
            if sends.rushes:
                self._variables.set("n", count)
            for frame in sends.frames:
                await self._transmit(sends.who, frame, rushes=sends.rushes)

    async def _transmit(self, who: str, frame: JSON, *, rushes: bool = False) -> None:
        client = self._client(who)
        filled = self._variables.fill(frame)
        delay = client.delay(self._driver.elapsed(), rushes=rushes)
        if delay:
            await self._driver.wait(delay)
        text = filled if isinstance(filled, str) else json.dumps(filled, ensure_ascii=False)
        await client.link.send(text)

    # What clients get.

    async def _get(self, gets: Gets) -> None:
        deadline = self._driver.elapsed() + self._variables.integer(gets.within)
        left = list(gets.patterns)
        while left:
            expected = left[:1] if gets.ordered else left
            frame = await self._next(gets.who, expected, deadline)
            differences = []
            for pattern in expected:
                difference = self._variables.mismatch(pattern, frame)
                if difference is None:
                    left.remove(pattern)
                    break
                differences.append(difference)
            else:
                over = gets.passing_over
                if over is None or self._variables.mismatch(over, frame) is not None:
                    raise self._surprise(gets.who, expected, frame, differences)

    async def _next_matching(self, who: str, pattern: JSON) -> dict[str, JSON]:
        frame = await self._next(who, [pattern], self._driver.elapsed() + DEFAULT_WITHIN)
        difference = self._variables.mismatch(pattern, frame)
        if difference is not None:
            raise self._surprise(who, [pattern], frame, [difference])
        return frame

    async def _expect_nothing(self, who: str) -> None:
        id = self._variables.new_id()
        marker: JSON
        if self._client(who).profile == "v1":
            await self._transmit(who, {"type": "ping", "id": id})
            marker = {"type": "pong", "id": id}
        else:
            # There is no ping in the plain profile, but an answer to what is no command.
            await self._transmit(who, {"type": id})
            marker = {"type": "message", "username": "System", "content": {"$contains": id}}
        frame = await self._next(who, [marker], self._driver.elapsed() + DEFAULT_WITHIN)
        if self._variables.mismatch(marker, frame) is not None:
            raise Unexpected(f"{who} should get nothing, but got\n  {show(frame)}")

    async def _next(self, who: str, expected: Sequence[JSON], deadline: float) -> dict[str, JSON]:
        wanted = " or ".join(show(self._shown(pattern)) for pattern in expected)
        outcome = await self._receive(who, deadline)
        match outcome:
            case None:
                raise Unexpected(
                    f"{who} should get\n  {wanted}\nbut nothing came{self._before(who)}"
                )
            case Closed(code, reason):
                raise Unexpected(
                    f"{who} should get\n  {wanted}\nbut was closed with {code}"
                    f"{f' ({reason})' if reason else ''}{self._before(who)}"
                )
            case frame:
                return frame

    async def _receive(self, who: str, deadline: float) -> dict[str, JSON] | Closed | None:
        """The next that counts."""
        client = self._client(who)
        while True:
            left = max(0, round(deadline - self._driver.elapsed()))
            received = await client.link.receive(left)
            if not isinstance(received, bytes):
                return received
            try:
                frame = json.loads(received)
            except ValueError:
                frame = None
            if not isinstance(frame, dict):
                raise Unexpected(f"{who} got what is no JSON object: {received[:300]!r}")
            if frame.get("type") == "error" and frame.get("code") == ErrorCode.NAME_LIMIT:
                raise OutOfNames
            if not self._conversation.presence and _tells_of_presence(frame, client.profile):
                continue
            client.got.append(show(frame))
            return frame

    async def _expect_end(self, closed: IsClosed) -> None:
        who = closed.who
        deadline = self._driver.elapsed() + self._variables.integer(closed.within)
        while True:
            outcome = await self._receive(who, deadline)
            match outcome:
                case None:
                    raise Unexpected(
                        f"{who} should be closed with {show(closed.code)}, and is not"
                        f"{self._before(who)}"
                    )
                case Closed(code, reason):
                    if self._variables.mismatch(closed.code, code) is not None:
                        raise Unexpected(
                            f"{who} should be closed with {show(closed.code)}, and was with {code}"
                            f"{f' ({reason})' if reason else ''}{self._before(who)}"
                        )
                    self._clients.pop(who)
                    return
                case frame:
                    over = closed.passing_over
                    if over is None or self._variables.mismatch(over, frame) is not None:
                        raise Unexpected(
                            f"{who} should be closed with {show(closed.code)}, but got\n"
                            f"  {show(frame)}"
                        )

    # Helpers.

    def _client(self, who: str) -> _Client:
        try:
            return self._clients[who]
        except KeyError:
            raise BadTemplate(f"{who} is not connected") from None

    def _pop(self, who: str) -> _Client:
        client = self._client(who)
        del self._clients[who]
        return client

    def _surprise(
        self, who: str, expected: Sequence[JSON], frame: JSON, differences: Sequence[str]
    ) -> Unexpected:
        wanted = "\nor\n  ".join(show(self._shown(pattern)) for pattern in expected)
        return Unexpected(
            f"{who} should get\n  {wanted}\nbut got\n  {show(frame)}\n"
            f"({'; '.join(differences)}){self._before(who, but_last=True)}"
        )

    def _before(self, who: str, *, but_last: bool = False) -> str:
        got = self._client(who).got
        earlier = got[:-1][-3:] if but_last else got[-3:]
        if not earlier:
            return f"\n{who} had got nothing before."
        lines = "".join(f"\n  {frame}" for frame in earlier)
        return f"\nBefore that, {who} got{lines}"

    def _shown(self, pattern: JSON) -> JSON:
        """A pattern with its names filled in, as far as they are known."""
        match pattern:
            case str():
                try:
                    return self._variables.fill(pattern)
                except BadTemplate:
                    return pattern
            case list():
                return [self._shown(item) for item in pattern]
            case dict():
                return {name: self._shown(value) for name, value in pattern.items()}
            case _:
                return pattern


_ANNOUNCED: Final = (" has joined the chat", " has left the chat", " is now known as ")


def _tells_of_presence(frame: Mapping[str, JSON], profile: Profile) -> bool:
    if profile == "v1":
        return frame.get("type") == "presence"
    content = frame.get("content")
    return (
        frame.get("type") == "message"
        and frame.get("username") == "System"
        and isinstance(content, str)
        and any(phrase in content for phrase in _ANNOUNCED)
    )
