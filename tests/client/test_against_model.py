"""The machine against a model of the server, over links that are cut at any time.

Whatever happens: what the application was shown of a room is the room's log, in its order, nothing
twice; whatever is missing was told; all that it said ends acked or failed, and acked means that it
is in the log once; and nobody is renamed who was not to be.
"""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from tests.client.driver import Driver
from tests.client.model_server import Key, ModelLink, ModelServer

from causerie.client.errors import InDoubt
from causerie.client.machine import Machine, Settings
from causerie.client.machine.events import Entry, Gap
from causerie.client.machine.states import Closed
from causerie.wire.codes import ErrorCode
from causerie.wire.commands import (
    Cursor,
    Hello,
    Join,
    Leave,
    SendMessage,
    SendPrivate,
    SetTyping,
)
from causerie.wire.replies import Joined

ROOMS = st.sampled_from(["lobby", "garden"])
LOGS = st.sampled_from(["lobby", "garden", "~bob"])
SOME = st.integers(1, 4)
MANY = 1000
FEW = st.integers(0, 6)
REFUSALS = st.sampled_from([ErrorCode.RATE_LIMITED, ErrorCode.UNAVAILABLE])


def key(entry: Entry) -> Key:
    return entry.username, entry.id


class ClientAgainstModel(RuleBasedStateMachine):
    """Alice's client, her server, and everything that can come between them."""

    @initialize(
        catch_up=st.sampled_from([2, 5, MANY]),
        outbox=st.sampled_from([3, MANY]),
        private_replay=st.sampled_from([0, 2, MANY]),
        quickly=st.booleans(),
    )
    def begin(self, catch_up: int, outbox: int, private_replay: int, *, quickly: bool) -> None:
        self.server = ModelServer()
        self.ids = 0
        self.restored = False
        self.catch_up = catch_up
        self.joined = set[str]()
        self.left = False
        self.said_inside = set[str]()
        self.renames = set[str]()
        self.welcomed = False
        self.names = 0
        machine = Machine(
            "Alice",
            key="k" * 22,
            new_id=self.new_id,
            chance=lambda: 0.5,
            settings=Settings(catch_up=catch_up, outbox=outbox, private_replay=private_replay),
        )
        self.driver = Driver(machine, self.server.connect)
        if quickly:
            self.join("lobby", None)
            self.others_say("~bob", 2)
            self.go_on()

    def new_id(self) -> str:
        self.ids += 1
        return f"a{self.ids}"

    def link(self) -> ModelLink | None:
        link = self.driver.link
        assert link is None or isinstance(link, ModelLink)
        return link

    # The application.

    @rule(room=ROOMS, limit=st.sampled_from([None, 3]))
    def join(self, room: str, limit: int | None) -> None:
        self.driver.give(Join(room=room, limit=limit))
        self.joined.add(room)

    @rule(room=ROOMS)
    def join_by_another_spelling(self, room: str) -> None:
        self.driver.give(Join(room=room.upper()))
        # What is said in it by its own name before that is known to be the same room may fail.
        if self.driver.machine.position(room) != (None, None):
            self.joined.add(room)

    @rule(room=ROOMS)
    def leave(self, room: str) -> None:
        # Known by the name under which it was last joined; the machine knows the others too, once
        # the server has told them.
        position = self.driver.machine.position(room)
        if room in self.joined and position != (None, None):
            self.driver.give(Leave(room=room))
            self.left = True
            if self.driver.machine.position(room) == (None, None):
                self.joined.discard(room)
                self.driver.shown.pop(room, None)

    @rule(room=ROOMS)
    def say(self, room: str) -> None:
        id = self.driver.give(SendMessage(room=room, content="hi"))
        if id is not None and room in self.joined:
            self.said_inside.add(id)

    @rule()
    def say_privately(self) -> None:
        self.driver.give(SendPrivate(to="Bob", content="psst"))

    @rule(room=ROOMS)
    def type(self, room: str) -> None:
        self.driver.give(SetTyping(room=room, is_typing=True))

    @rule()
    def rename(self) -> None:
        id = self.driver.give(Hello(username=self.new_name()))
        if id is not None:
            self.renames.add(id)

    def new_name(self) -> str:
        self.names += 1
        return f"Alice{self.names}"

    # The others.

    @rule()
    def rename_on_another_device(self) -> None:
        if self.server.name:
            self.server.rename(self.new_name())

    @rule(room=LOGS, count=SOME)
    def others_say(self, room: str, count: int) -> None:
        for _ in range(count):
            kind = "private" if room.startswith("~") else "message"
            self.server.others_say(room, kind=kind)

    @rule(room=ROOMS)
    def others_react(self, room: str) -> None:
        self.server.others_say(room, kind="reaction")

    # The network.

    @rule()
    def go_on(self) -> None:
        self.driver.settle()

    @rule(up=FEW, down=FEW)
    def go_on_a_little(self, up: int, down: int) -> None:
        self.driver.open()
        self.driver.deliver_up(up)
        self.driver.deliver_down(down)

    @rule(up=FEW, down=FEW, then_up=FEW)
    def go_on_a_little_and_be_cut(self, up: int, down: int, then_up: int) -> None:
        self.driver.open()
        self.driver.deliver_up(up)
        self.driver.deliver_down(down)
        self.driver.deliver_up(then_up)
        self.driver.lose()

    @rule()
    def fail_to_open(self) -> None:
        self.driver.fail_to_open()

    @rule()
    def deliver_twice(self) -> None:
        self.driver.repeat_down()

    @rule(seconds=st.sampled_from([0.1, 1.0, 5.0, 20.0, 100.0]))
    def wait(self, seconds: float) -> None:
        self.driver.advance(seconds)

    @rule()
    def wake(self) -> None:
        self.driver.machine.woke(self.driver.now)
        self.driver.advance(0.0)

    # The server's own faults.

    @rule(code=REFUSALS, count=SOME)
    def refuse(self, code: str, count: int) -> None:
        self.server.refusals.extend([code] * count)

    @rule(room=LOGS)
    def lose_an_entry_on_the_way(self, room: str) -> None:
        if (link := self.link()) is not None:
            link.lose_next(room)

    @rule(code=st.sampled_from([1001, 1012, 1013, 4008]))
    def close(self, code: int) -> None:
        if (link := self.link()) is not None:
            link.close(code, "retry-after=1500")

    @rule(keep=st.integers(0, 6))
    def restore_an_older_copy(self, keep: int) -> None:
        self.restored = True
        self.server.restore(keep)

    # What holds.

    @invariant()
    def everything_shown_is_the_log(self) -> None:
        if hasattr(self, "driver"):
            for room, told in self.driver.shown.items():
                self.check(room, told)

    @invariant()
    def only_wishes_rename(self) -> None:
        if hasattr(self, "driver"):
            wishes = [id for id in self.server.wishes if id not in self.renames]
            self.server.wishes.clear()
            assert not wishes or not self.welcomed, "a name of before was taken for a wish"
            self.welcomed = self.driver.machine.welcome is not None

    def check(self, room: str, told: list[Entry | Gap | Joined]) -> None:
        shown: list[Key] = []
        head = Cursor(0, "")
        gap: Gap | None = None
        for event in told:
            match event:
                case Joined(recovered=None):
                    head = event.head
                case Joined():
                    pass
                case Gap():
                    assert gap is None or self.restored, "two gaps without an entry in between"
                    assert event.missing is not None or self.restored, "this could be filled"
                    gap = event
                case _:
                    if not self.restored:
                        self.check_place(event, shown, head, gap)
                    shown.append(key(event))
                    gap = None
        # An older copy may hold entries that were shown too long ago to be remembered.
        if not self.restored or self.catch_up == MANY:
            assert len(set(shown)) == len(shown), f"{room}: shown twice"

    def check_place(self, entry: Entry, shown: list[Key], head: Cursor, gap: Gap | None) -> None:
        """An entry follows the one shown last, or a gap that is as large as was told."""
        before = self.server.before[key(entry)]
        start = next((one for one in self.server.before if one[1] == head.id), None)
        last = shown[-1] if shown else start
        if entry.room.startswith("~") and not shown:
            pass  # it may have begun anywhere
        elif gap is not None:
            assert self.distance(last, before) == gap.missing
        elif shown or entry.seq > head.seq:
            assert before == last, f"a hole before {key(entry)} was not told"

    def distance(self, last: Key | None, before: Key | None) -> int:
        """How many entries there are between the last one shown and the next."""
        count = 0
        while before != last:
            assert before is not None, "the order is wrong"
            before = self.server.before[before]
            count += 1
        return count

    def teardown(self) -> None:
        if not hasattr(self, "driver"):
            return
        self.server.refusals.clear()
        self.driver.settle()
        # The newest entry has no successor that could betray its loss.
        for room in self.server.logs:
            self.others_say(room, 2)
        self.driver.settle()
        assert not isinstance(self.driver.machine.state, Closed)
        self.everything_shown_is_the_log()
        self.only_wishes_rename()
        assert self.driver.machine.username == self.server.name
        for room in self.joined:
            assert self.driver.machine.position(room)[1] == self.server.log(room).head()
        if self.server.log("~bob").entries and self.driver.shown["~bob"]:
            assert self.driver.machine.position("~bob")[1] == self.server.log("~bob").head()
        assert self.driver.sent.keys() == self.driver.acked.keys() | self.driver.failed.keys()
        for failed in self.driver.failed.values():
            assert isinstance(failed.command, SendMessage)
        if not self.left:
            assert self.said_inside <= self.driver.acked.keys(), "one was in that room"
        if not self.restored:
            said = [entry.id for log in self.server.logs.values() for entry in log.entries]
            assert all(said.count(id) == 1 for id in self.driver.acked)
            for id, failed in self.driver.failed.items():
                assert isinstance(failed.error, InDoubt) or id not in said


ClientAgainstModel.TestCase.settings = settings(max_examples=300, stateful_step_count=40)
TestClientAgainstModel = pytest.mark.slow(pytest.mark.timeout(300)(ClientAgainstModel.TestCase))
