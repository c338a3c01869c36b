"""Plays the golden conversations of client libraries (protocol/conversations/client) with ours."""

import json
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any, Final, cast

import msgspec
import pytest

from causerie.client.errors import ClientError
from causerie.client.machine import AppCommand, Machine, Settings
from causerie.client.machine.events import MachineEvent
from causerie.resources import protocol_path
from causerie.testing.patterns import JSON, Variables
from causerie.wire.codec import decode_command
from causerie.wire.commands import AnyCommand, Ping, Trace

FOLDER: Final = Path(str(protocol_path())) / "conversations" / "client"
FILES: Final = sorted(FOLDER.glob("*.json"))
KEY: Final = "k" * 22
FIRST_PING: Final = "the first ping"
"""What a file passes over that measures a new connection."""

WELCOME: Final[dict[str, JSON]] = {
    "type": "welcome",
    "username": "Alice",
    "kept": True,
    "server": "causerie/0",
    "time": 1_000_000,
    "heartbeat": 25_000,
    "grace": 15_000,
}
LIMITS: Final[dict[str, JSON]] = {
    "frame": 65_536,
    "reply": 262_144,
    "content": 4_000,
    "rooms": 100,
    "rate": 0,
    "burst": 0,
    "dedupe": None,
    "page": 100,
}


class File(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    """One conversation."""

    title: str
    steps: list[dict[str, Any]]
    about: str = ""
    chance: float = 0.5
    settings: dict[str, Any] = {}
    passing_over: list[str] = msgspec.field(
        name="passing over", default_factory=lambda: ["LatencyMeasured", FIRST_PING]
    )


class Play:
    """A conversation that is being played."""

    def __init__(self, file: File) -> None:
        self.now_ms = 0
        self.ids = 0
        self.variables = Variables(Random(0), lambda: 0, {"key": KEY})
        self.passing_over = file.passing_over
        self.frames: list[JSON] = []
        self.events: list[JSON] = []
        self.measured = False
        """The first ping of this connection has been sent."""
        self.machine = Machine(
            "Alice",
            key=KEY,
            new_id=self.new_id,
            chance=lambda: file.chance,
            settings=msgspec.convert(file.settings, Settings),
        )

    def new_id(self) -> str:
        self.ids += 1
        return f"made-up-{self.ids}"

    @property
    def now(self) -> float:
        return self.now_ms / 1000

    def step(self, step: dict[str, Any]) -> None:
        """Plays one step."""
        match step:
            case {"the application gives": command, **options}:
                self.drive(self.give, command, **options)
            case {"the application withdraws": id}:
                self.drive(lambda: self.machine.withdraw(str(self.variables.fill(id))))
            case {"the application closes": True}:
                self.drive(self.machine.close)
            case {"it connects": fields, **options}:
                self.drive(self.connect, fields, **options)
            case {"a connection is opened": True}:
                self.drive(self.open)
            case {"the connection is lost": code, **options}:
                self.drive(lambda: self.machine.disconnected(self.now, code, **options))
            case {"the server sends": frames}:
                self.drive(lambda: self.receive(*listed(frames)))
            case {"time passes": milliseconds}:
                self.drive(self.wait, milliseconds)
            case {"it wakes": True}:
                self.drive(lambda: self.machine.woke(self.now))
            case {"it sends": patterns}:
                self.expect(self.frames, listed(patterns))
            case {"it tells": patterns}:
                self.expect(self.events, listed(patterns))
            case {"it wants a connection": wanted}:
                assert self.machine.wants_connection == wanted
            case _:
                raise AssertionError(f"there is no step like {step}")

    def drive(self, call: Callable[..., object], *arguments: Any, **options: Any) -> None:
        """Does something to the machine, of which nothing may be left unsaid until now."""
        self.over()
        call(*arguments, **options)
        self.collect()

    def over(self) -> None:
        """Everything that was sent and told was expected."""
        assert self.frames == [], "these were sent too"
        assert self.events == [], "these were told too"

    def expect(self, found: list[JSON], patterns: list[JSON]) -> None:
        """These, and no others, have been sent or told, in this order."""
        assert len(found) == len(patterns), f"{found} instead of {patterns}"
        for value, pattern in zip(found, patterns, strict=True):
            difference = self.variables.mismatch(pattern, value)
            assert difference is None, f"{difference}, in {value}"
        found.clear()

    def collect(self) -> None:
        """Fetches what the machine has to say."""
        for text in self.machine.frames_to_send():
            frame = json.loads(text)
            first = frame["type"] == "ping" and not self.measured
            self.measured = self.measured or first
            if first and FIRST_PING in self.passing_over:
                self.receive({"type": "pong", "id": frame["id"], "time": 0})
            else:
                self.frames.append(frame)
        events = [as_json(event) for event in self.machine.events()]
        self.events += [event for event in events if event.get("event") not in self.passing_over]

    def give(self, command: JSON, *, named: str | None = None) -> None:
        filled = json.dumps(self.variables.fill(command)).encode()
        given: AnyCommand = decode_command(filled)
        assert not isinstance(given, Ping), "pings are the client's own business"
        assert not isinstance(given, Trace), "the Python library asks for none"
        accepted: AppCommand = given
        id = self.machine.send(accepted, self.now)
        if named is not None:
            self.variables.set(named.removeprefix("$"), id)

    def receive(self, *frames: JSON) -> None:
        for frame in frames:
            text = frame if isinstance(frame, str) else json.dumps(self.variables.fill(frame))
            self.machine.receive(text, self.now)

    def wait(self, milliseconds: int) -> None:
        until = self.now_ms + milliseconds
        while (deadline := self.machine.deadline()) is not None and deadline <= until / 1000:
            self.now_ms = max(self.now_ms, round(deadline * 1000))
            self.machine.tick(max(deadline, self.now))
            self.collect()
        self.now_ms = until

    def open(self) -> None:
        self.measured = False
        self.machine.connected(self.now)

    def connect(
        self, fields: dict[str, JSON], *, conversations: tuple[JSON, ...] | list[JSON] = ()
    ) -> None:
        """Opens a connection, as soon as the machine wants one, up to the answer to its question
        for conversations; the change of state is passed over.
        """
        while not self.machine.wants_connection:
            deadline = self.machine.deadline()
            assert deadline is not None
            self.wait(round(deadline * 1000) - self.now_ms)
        self.collect()
        self.open()
        limits = {**LIMITS, **cast("dict[str, JSON]", fields.get("limits", {}))}
        self.answer("hello", {**WELCOME, **fields, "limits": limits})
        self.answer("rooms", {"type": "rooms", "rooms": list(conversations)})
        self.collect()
        self.events = [event for event in self.events if not is_state(event)]

    def answer(self, kind: str, reply: dict[str, JSON]) -> None:
        """Takes the frame of a kind out of those that are sent, and answers it."""
        self.collect()
        [asked] = [
            frame for frame in self.frames if isinstance(frame, dict) and frame["type"] == kind
        ]
        self.frames.remove(asked)
        self.receive({**reply, "id": asked["id"]})


def listed(one_or_more: JSON) -> list[JSON]:
    return one_or_more if isinstance(one_or_more, list) else [one_or_more]


def is_state(event: JSON) -> bool:
    return isinstance(event, dict) and event.get("event") == "StateChanged"


def as_json(event: MachineEvent) -> dict[str, JSON]:
    """An event as the files write it."""
    built: dict[str, JSON] = json.loads(msgspec.json.encode(event, enc_hook=error_as_json))
    return built


def camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(other.capitalize() for other in others)


def error_as_json(error: object) -> JSON:
    assert isinstance(error, ClientError)
    fields = {camel(name): value for name, value in vars(error).items() if value is not None}
    converted = {
        name: error_as_json(value) if isinstance(value, ClientError) else value
        for name, value in fields.items()
    }
    return {"error": type(error).__name__, **cast("dict[str, JSON]", converted)}


def read(path: Path) -> File:
    return msgspec.json.decode(path.read_bytes(), type=File)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_our_client_says_and_tells_what_the_conversation_does(path: Path) -> None:
    file = read(path)
    play = Play(file)
    for number, step in enumerate(file.steps, 1):
        try:
            play.step(step)
        except AssertionError as error:
            raise AssertionError(f"step {number}, {json.dumps(step)}: {error}") from error
    play.over()


def test_there_are_enough_of_them_and_each_has_a_title_of_its_own() -> None:
    titles = [read(path).title for path in FILES]
    assert len(titles) >= 20
    assert len(set(titles)) == len(titles)


def test_a_conversation_that_expects_anything_else_fails() -> None:
    for path in FILES:
        file = read(path)
        *_, last = [
            n for n, step in enumerate(file.steps) if "it sends" in step or "it tells" in step
        ]
        play = Play(file)
        for step in file.steps[:last]:
            play.step(step)
        with pytest.raises(AssertionError):
            play.step({"it tells": {"event": "Nothing"}})
        with pytest.raises(AssertionError):
            play.step({"it sends": {"type": "nothing"}})
        with pytest.raises(AssertionError, match="too"):
            play.step({"time passes": 0})


def test_a_step_that_is_none_fails() -> None:
    with pytest.raises(AssertionError, match="no step"):
        Play(File(title="", steps=[])).step({"it sings": True})
