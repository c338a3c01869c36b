"""What is acknowledged is shown soon, however busy others keep the server.

A crowd says the next thing whenever the last is answered, so that there is no moment at which the
server has nothing to write. Beside it two people talk in a room of their own: from the moment in
which what one says is durable, the other may wait for no more than one gathering, and for what is
being written to the crowd when it ends.
"""

from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.server.support import UNLIMITED, BusyClock, drain, v1

from causerie.ports import Commit
from causerie.server.turn import LONGEST_GATHERING, SHARED_BY
from causerie.testing.memory_server import MemoryServer, MemorySocket

TURNS = 120
LOOK = 1e-6
"""Seconds that pass whenever somebody looks at the clock, so that time never stands still."""


class BusyServer(MemoryServer):
    """A server for which each write takes time; it is driven a turn of an event loop at a time."""

    def __init__(self, *, write: float) -> None:
        """Makes one for which a write takes so many seconds."""
        self.time = BusyClock(LOOK)
        super().__init__(settings=UNLIMITED, clock=self.time)
        self.costs = write

    def turn(self) -> None:
        """Does what is due, and what was scheduled before it; what that schedules comes next."""
        self.hub.tick()
        for _ in range(len(self._steps)):
            self.step()

    def wait(self) -> None:
        """Lets time pass until there is something to do, if there is nothing."""
        due = self.hub.deadline()
        if not self._steps and due is not None:
            self.clock.set(due)


@pytest.fixture(scope="module", autouse=True)
def _writes_take_time() -> Iterator[None]:
    write = MemorySocket.write

    def working(self: MemorySocket, frames: bytes) -> None:
        server = self._server
        if isinstance(server, BusyServer):
            server.clock.set(server.time.elapsed + server.costs)
        write(self, frames)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(MemorySocket, "write", working)
        yield


def _note_what_is_durable(server: BusyServer, durable: dict[str, float]) -> None:
    """Notes when the hub is told that something is durable, by its content."""
    tell: Callable[[Commit], None] = server.hub.committed

    def noting(commit: Commit) -> None:
        for entry in commit.entries:
            durable[entry.content] = server.time.elapsed
        tell(commit)

    server.hub.committed = noting  # type: ignore[method-assign]


@given(
    members=st.integers(SHARED_BY, 60),
    speaking=st.integers(1, 20),
    write=st.floats(1e-6, 3e-4),
)
def test_a_quiet_pair_is_shown_what_it_says_however_busy_a_crowd_is(
    members: int, speaking: int, write: float
) -> None:
    server = BusyServer(write=0.0)
    crowd = [v1(server, f"member{number}", "crowd") for number in range(members)]
    alice, bob = v1(server, "Alice", "corner"), v1(server, "Bob", "corner")
    server.advance(1.0)
    drain([*crowd, alice, bob])
    server.costs = write
    durable: dict[str, float] = {}
    _note_what_is_durable(server, durable)
    shown: dict[str, float] = {}
    answered = 0
    for speaker in crowd[:speaking]:
        speaker.send("message", room="crowd", content="...", id="0")
    for number in range(TURNS):
        if number % 3 == 0:
            alice.send("message", room="corner", content=f"{number}", id=f"{number}")
        server.turn()
        for speaker in crowd[:speaking]:
            for _ in speaker.arrived("ack"):
                answered += 1
                speaker.send("message", room="crowd", content="...", id=f"{answered}")
        for frame in bob.arrived("message"):
            shown[frame["content"]] = server.time.elapsed
        server.wait()
    said = [f"{number}" for number in range(0, TURNS // 2, 3)]
    assert answered >= TURNS // 8, "the crowd keeps the server busy"
    assert shown.keys() >= set(said)
    longest = max(shown[content] - durable[content] for content in said)
    # A gathering, and the turns in which it begins and ends: two writes for each at the most.
    one_turn = 2 * (members + 2) * write + 100 * LOOK
    assert longest <= LONGEST_GATHERING + 2 * one_turn
