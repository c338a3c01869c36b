"""What a machine has to say to the world around it, in order."""

from causerie.client.machine.events import MachineEvent
from causerie.wire.codec import encode
from causerie.wire.commands import AnyCommand


class Output:
    """The events and frames that have not been fetched yet."""

    __slots__ = ("_events", "_frames")

    def __init__(self) -> None:
        self._events: list[MachineEvent] = []
        self._frames: list[bytes] = []

    def tell(self, event: MachineEvent) -> None:
        """Adds an event for the application, or for whoever gave a command."""
        self._events.append(event)

    def write(self, command: AnyCommand) -> None:
        """Adds a command for the server."""
        self._frames.append(encode(command))

    def write_encoded(self, frame: bytes) -> None:
        """Adds a command for the server that is encoded already."""
        self._frames.append(frame)

    def cut(self) -> None:
        """Drops what was to go to a connection that is no more."""
        self._frames.clear()

    def take_events(self) -> list[MachineEvent]:
        """The events since the last call."""
        events, self._events = self._events, []
        return events

    def take_frames(self) -> list[bytes]:
        """The frames since the last call, JSON in UTF-8."""
        frames, self._frames = self._frames, []
        return frames
