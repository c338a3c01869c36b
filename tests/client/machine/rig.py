"""A machine for Alice, driven by hand."""

import json
from typing import Any

from tests.client.frames import joined, welcome

from causerie.client.errors import (
    ClientError,
)
from causerie.client.machine import AppCommand, Machine, Settings
from causerie.client.machine.events import (
    Failed,
    LatencyMeasured,
    MachineEvent,
    RoomLost,
    SendFailed,
    ServerError,
    StateChanged,
)
from causerie.wire.codec import encode
from causerie.wire.commands import (
    Join,
    SendMessage,
)
from causerie.wire.replies import (
    AnyServerFrame,
    Error,
    RoomsPage,
)

Frame = dict[str, Any]


class Rig:
    """A machine for Alice with ids `i1`, `i2` …, on a clock that the test moves."""

    def __init__(self, **settings: Any) -> None:
        self.ids = 0
        self.now = 0.0
        self.machine = Machine(
            "Alice",
            key="k" * 22,
            new_id=self.new_id,
            chance=lambda: 0.5,
            settings=Settings(**settings),
        )

    def new_id(self) -> str:
        self.ids += 1
        return f"i{self.ids}"

    def events(self) -> list[MachineEvent]:
        """The events since the last call, without those of the connection itself."""
        quiet = StateChanged | LatencyMeasured
        return [event for event in self.machine.events() if not isinstance(event, quiet)]

    def frames(self, *types: str) -> list[Frame]:
        """The frames since the last call, or those of these types among them."""
        frames = [json.loads(frame) for frame in self.machine.frames_to_send()]
        return [frame for frame in frames if not types or frame["type"] in types]

    def one_frame(self, kind: str) -> Frame:
        [frame] = self.frames(kind)
        return frame

    def send(self, command: AppCommand) -> str:
        return self.machine.send(command, self.now)

    def receive(self, *frames: AnyServerFrame) -> None:
        for frame in frames:
            self.machine.receive(encode(frame), self.now)

    def refuse(self, id: str | None, code: str, **fields: Any) -> None:
        self.receive(Error(id=id, code=code, message=f"said {code}", **fields))

    def advance(self, seconds: float) -> None:
        """Time passes, and the machine is called whenever it wishes."""
        until = self.now + seconds
        while (deadline := self.machine.deadline()) is not None and deadline <= until:
            self.now = max(self.now, deadline)
            self.machine.tick(self.now)
            later = self.machine.deadline()
            assert later is None or later > self.now, "it would be called for ever"
        self.now = until

    def connect(self, **fields: Any) -> None:
        """A connection is opened, and the server says welcome at once."""
        self.machine.connected(self.now)
        self.welcome(**fields)

    def welcome(self, **fields: Any) -> None:
        """The hello that has just gone out is answered."""
        self.receive(welcome(self.one_frame("hello")["id"], **fields))

    def settle(self) -> None:
        """The question for private conversations is answered: there are none."""
        self.receive(RoomsPage(id=self.one_frame("rooms")["id"], rooms=[]))

    def reopen(self) -> None:
        """The connection is lost, and another one opened, on which the server is silent."""
        self.machine.disconnected(self.now, 1006)
        self.advance(1.0)
        self.machine.connected(self.now)

    def cut(self) -> None:
        """The connection is lost, and another one opened."""
        self.reopen()
        self.welcome()

    def answer_join(self, *, recovered: Any = None, **fields: Any) -> str:
        """The join that has just gone out is answered."""
        join = self.one_frame("join")
        if recovered is None and "since" in join:
            recovered = "complete"
        self.receive(joined(join["id"], recovered=recovered, **fields))
        return str(join["id"])


def connected(**settings: Any) -> Rig:
    rig = Rig(**settings)
    rig.connect()
    rig.settle()
    rig.events()
    return rig


def in_lobby(head: int = 3, **settings: Any) -> Rig:
    """One has joined the lobby, at a head."""
    rig = connected(**settings)
    rig.send(Join(room="lobby"))
    rig.answer_join(head=head)
    rig.events()
    return rig


def hi(room: str = "lobby", **fields: Any) -> SendMessage:
    return SendMessage(room=room, content="hi", **fields)


def error_of(event: MachineEvent) -> ClientError:
    assert isinstance(event, SendFailed | Failed | RoomLost | ServerError)
    return event.error
