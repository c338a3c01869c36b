"""Who is in a room on all nodes: merged, told once, and the same everywhere in the end."""

from collections import deque
from collections.abc import Sequence

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule
from tests.chat.test_presence import GRACE, PresenceMachine, Reader

from causerie.chat.presence import TOLD_UP_TO, Change
from causerie.chat.roster import PUBLISHED_EVERY, Came, Left, NodeChange, Renamed, Roster


class OneNode(Roster):
    """A roster whose changes nobody hears: then it is what a presence is."""

    def tick(self, now: float) -> Change | None:
        change = super().tick(now)
        self.publish(now)
        return change


class Alone(PresenceMachine):
    """The machine of the presence, on a cluster of one node."""

    def __init__(self) -> None:
        super().__init__()
        self.presence = OneNode(GRACE)


def roster(*here: str) -> Roster:
    """A room in which some people are, of which all that is due has been told."""
    made = Roster(GRACE)
    for name in here:
        made.arrive(name, name.title())
    made.publish_at_once(0.0)
    made.tick(0.0)
    return made


def told(room: Roster, now: float = 1.0) -> Change:
    change = room.tick(now)
    assert change is not None
    return change


def everybody(room: Roster) -> list[str]:
    return room.page("", 100)[0]


# What is told to the others.


def test_what_changes_here_is_published_at_once_and_in_order() -> None:
    room = Roster(GRACE)
    assert not room.publish(0.0)
    room.arrive("ann", "Ann")
    assert room.deadline() == float("-inf")
    assert room.publish(5.0) == [Came("ann", "Ann")]
    room.arrive("bob", "Bob")
    room.rename("ann", "anna", "Anna")
    room.depart("bob", 5.0, goodbye=True)
    assert room.publish(5.0) == [
        Came("bob", "Bob"),
        Renamed("ann", "anna", "Anna"),
        Left("bob", "goodbye"),
    ]
    assert room.publish_at_once(6.0) == []
    assert room.who_is_here() == [("anna", "Anna")]


def test_what_changes_in_a_large_room_is_gathered_for_a_while() -> None:
    room = roster(*(f"g{number}" for number in range(TOLD_UP_TO)))
    room.arrive("ann", "Ann")
    room.tick(0.0)
    assert not room.publish(PUBLISHED_EVERY / 2)
    assert room.deadline() == PUBLISHED_EVERY
    room.depart("ann", 0.0, goodbye=True)
    room.arrive("ann", "Ann")
    assert len(room.publish(PUBLISHED_EVERY)) == 3


def test_a_further_connection_is_no_news_and_another_spelling_is() -> None:
    room = roster("ann")
    room.arrive("ann", "Ann")
    assert room.publish_at_once(1.0) == []
    room.arrive("ann", "ANN")
    assert room.publish_at_once(1.0) == [Came("ann", "ANN")]
    assert told(room).renamed == (("Ann", "ANN"),)


def test_who_is_cut_off_is_gone_for_the_others_when_the_grace_is_over() -> None:
    room = roster("ann", "bob")
    room.depart("ann", 1.0, goodbye=False)
    room.tick(1.0 + GRACE / 2)
    assert room.publish_at_once(2.0) == []
    assert room.deadline() == 1.0 + GRACE
    room.tick(1.0 + GRACE)
    assert room.publish_at_once(2.0 + GRACE) == [Left("ann", "grace")]


def test_a_room_is_needed_until_the_others_know_that_all_have_gone() -> None:
    room = roster("ann")
    needed = [room.is_needed]
    room.depart("ann", 1.0, goodbye=True)
    needed.append(room.is_needed)
    room.publish_at_once(1.0)
    needed.append(room.is_needed)
    room.hear("2", 0, 1, [Came("bob", "Bob")])
    needed.append(room.is_needed)
    assert needed == [True, True, False, False]


def test_who_is_not_here_cannot_depart_or_be_renamed_or_displaced() -> None:
    room = roster()
    room.hear("2", 0, 1, [Came("ann", "Ann")])
    room.depart("ann", 1.0, goodbye=True)
    room.displace("ann")
    room.rename("ann", "bob", "Bob")
    assert everybody(room) == ["Ann"]
    assert room.publish_at_once(1.0) == []
    assert "ann" not in room


# What the others tell.


def test_who_comes_and_goes_elsewhere_is_announced_here() -> None:
    room = roster("ann")
    assert room.hear("2", 0, 1, [Came("bob", "Bob")])
    assert told(room) == Change(2, joined=("Bob",))
    assert room.hear("2", 1, 2, [Renamed("bob", "bobby", "Bobby")])
    assert told(room, 2.0).renamed == (("Bob", "Bobby"),)
    assert room.hear("2", 2, 3, [Left("bobby", "grace")])
    assert told(room, 3.0) == Change(1, left=("Bobby",))


def test_who_was_there_before_anybody_listened_has_not_just_come() -> None:
    room = Roster(GRACE)
    room.take("2", 1, {"ann": "Ann", "bob": "Bob"})
    room.hear("2", 1, 2, [Left("bob", "grace")])
    room.open()
    assert room.deadline() is None
    assert room.tell_newcomer() == (1, ["Ann"])
    room.forget("2")
    assert told(room).left == ("Ann",)


def test_somebody_on_two_nodes_is_one_and_leaves_once() -> None:
    room = roster("ann")
    room.hear("2", 0, 1, [Came("ann", "Ann")])
    room.hear("3", 0, 9, [Came("ann", "Ann")])
    assert len(room) == 1
    room.depart("ann", 1.0, goodbye=True)
    room.hear("2", 1, 2, [Left("ann", "goodbye")])
    assert room.tick(1.0) is None
    room.hear("3", 9, 10, [Left("ann", "goodbye")])
    assert told(room, 2.0) == Change(0, left=("Ann",))


def test_a_hole_is_noticed_and_filled_by_asking_for_everybody() -> None:
    room = roster()
    room.hear("2", 0, 1, [Came("ann", "Ann"), Came("bob", "Bob")])
    assert not room.hear("2", 2, 3, [Came("cid", "Cid")])
    assert room.number_of("2") == 1
    assert room.number_of("3") == 0
    room.take("2", 3, {"bob": "BOB", "cid": "Cid"})
    assert everybody(room) == ["BOB", "Cid"]
    assert room.number_of("2") == 3
    assert room.hear("2", 3, 4, [Left("cid", "grace")])
    assert everybody(room) == ["BOB"]


def test_what_was_heard_before_is_no_news_and_no_hole() -> None:
    room = roster()
    room.take("2", 5, {"ann": "Ann"})
    assert room.hear("2", 3, 4, [Left("ann", "grace")])
    room.take("2", 4, {})
    assert everybody(room) == ["Ann"]


def test_a_node_that_begins_anew_is_believed_where_nobody_was_and_asked_where_somebody_was() -> (
    None
):
    room = roster()
    room.hear("2", 0, 1, [Came("ann", "Ann")])
    assert not room.hear("2", 0, 7, [Came("bob", "Bob")])
    room.hear("2", 1, 2, [Left("ann", "grace")])
    assert room.hear("2", 0, 7, [Came("bob", "Bob")])
    assert everybody(room) == ["Bob"]


def test_a_dead_node_takes_those_with_it_who_are_on_no_other() -> None:
    room = roster("ann")
    room.hear("2", 0, 1, [Came("ann", "Ann"), Came("bob", "Bob"), Came("cid", "Cid")])
    room.hear("3", 0, 1, [Came("cid", "Cid")])
    room.tick(1.0)
    room.forget("2")
    room.forget("2")
    assert told(room, 2.0) == Change(2, left=("Bob",))
    assert room.number_of("2") == 0


def test_what_a_node_says_twice_or_takes_back_twice_is_said_once() -> None:
    room = roster()
    room.hear("2", 0, 1, [Came("ann", "Ann"), Came("ann", "Ann"), Left("bob", "grace")])
    assert everybody(room) == ["Ann"]
    room.hear("2", 1, 2, [Left("ann", "grace"), Left("ann", "grace")])
    assert everybody(room) == []


def test_whose_leave_was_told_already_is_told_of_again_only_when_they_come_back() -> None:
    room = roster("ann", "bob", "cid", "dan")
    for name in ("ann", "bob", "cid"):
        room.depart(name, 1.0, goodbye=False)
    assert room.who_is_here(has_mourned=True) == [("dan", "Dan")]
    assert len(room.who_is_here()) == 4
    room.arrive("ann", "Ann")
    room.arrive("ann", "Ann")
    room.rename("bob", "bea", "Bea")
    room.arrive("bea", "Bea")
    assert room.publish_at_once(2.0) == [
        Came("ann", "Ann"),
        Renamed("bob", "bea", "Bea"),
        Came("bea", "Bea"),
    ]
    room.tick(1.0 + GRACE)
    assert room.publish_at_once(1.0 + GRACE) == [Left("cid", "grace")]
    room.arrive("cid", "Cid")
    room.depart("cid", 20.0, goodbye=False)
    room.arrive("cid", "Cid")
    assert room.publish_at_once(20.0) == [Came("cid", "Cid")]


# Who moves from node to node.


def test_who_comes_back_on_another_node_within_the_grace_has_never_left() -> None:
    room = roster("ann")
    room.depart("ann", 1.0, goodbye=False)
    room.hear("2", 0, 1, [Came("ann", "Ann")])
    assert room.publish_at_once(1.0) == [Left("ann", "grace")]
    assert room.tick(1.0 + 2 * GRACE) is None
    assert everybody(room) == ["Ann"]
    room.hear("2", 1, 2, [Left("ann", "goodbye")])
    assert told(room, 99.0).left == ("Ann",)


def test_who_says_goodbye_on_another_node_is_not_waited_for_here() -> None:
    room = roster("ann")
    room.hear("2", 0, 1, [Came("ann", "Ann")])
    room.depart("ann", 1.0, goodbye=False)
    room.hear("2", 1, 2, [Left("ann", "goodbye")])
    assert told(room).left == ("Ann",)
    assert room.publish_at_once(1.0) == [Left("ann", "goodbye")]


def test_who_is_cut_off_on_both_nodes_is_waited_for_on_both() -> None:
    room = roster("ann")
    room.hear("2", 0, 1, [Came("ann", "Ann")])
    room.depart("ann", 5.0, goodbye=False)
    room.hear("2", 1, 2, [Left("ann", "grace")])
    assert room.tick(5.0 + GRACE / 2) is None
    assert told(room, 5.0 + GRACE).left == ("Ann",)


def test_who_comes_under_a_name_that_was_lost_to_them_is_new() -> None:
    room = roster("ann")
    room.displace("ann")
    assert room.publish_at_once(1.0) == [Left("ann", "displaced")]
    room.arrive("ann", "Ann")
    assert told(room) == Change(1, joined=("Ann",), left=("Ann",))
    room.hear("2", 0, 1, [Came("bob", "Bob")])
    room.tick(2.0)
    room.hear("2", 1, 2, [Left("bob", "displaced"), Came("bob", "Bob")])
    assert told(room, 3.0) == Change(2, joined=("Bob",), left=("Bob",))


# Renames of somebody on several nodes.


def test_a_rename_heard_from_one_node_is_one_rename_and_the_others_follow_in_silence() -> None:
    room = roster("ann")
    room.hear("2", 0, 1, [Came("ann", "Ann")])
    room.hear("3", 0, 1, [Came("ann", "Ann")])
    room.tick(1.0)
    room.hear("2", 1, 2, [Renamed("ann", "eve", "Eve")])
    assert told(room, 2.0) == Change(1, renamed=(("Ann", "Eve"),))
    room.rename("ann", "eve", "Eve")
    room.hear("3", 1, 2, [Renamed("ann", "eve", "Eve")])
    assert room.tick(3.0) is None
    room.depart("eve", 3.0, goodbye=True)
    room.forget("2")
    assert room.tick(4.0) is None
    room.forget("3")
    assert told(room, 5.0).left == ("Eve",)


def test_who_leaves_a_node_that_knows_only_the_old_name_has_left_under_the_new_one() -> None:
    room = roster()
    for node in ("2", "3"):
        room.hear(node, 0, 1, [Came("ann", "Ann")])
    room.hear("2", 1, 2, [Renamed("ann", "eve", "Eve")])
    room.hear("3", 1, 2, [Came("ann", "ANN"), Left("ann", "grace")])
    assert everybody(room) == ["Eve"]
    room.forget("2")
    assert everybody(room) == []


def test_whoever_takes_the_old_name_meanwhile_is_somebody_else() -> None:
    room = roster()
    for node in ("2", "3"):
        room.hear(node, 0, 1, [Came("ann", "Ann")])
    room.hear("2", 1, 2, [Renamed("ann", "eve", "Eve")])
    room.arrive("ann", "Ann")
    assert everybody(room) == ["Ann", "Eve"]
    room.hear("3", 1, 2, [Renamed("ann", "eve", "Eve")])
    room.hear("2", 2, 3, [Renamed("eve", "zoe", "Zoe")])
    assert everybody(room) == ["Ann", "Zoe"]
    room.forget("2")
    assert everybody(room) == ["Ann", "Zoe"]


def test_who_takes_the_name_of_somebody_about_to_leave_another_node_shares_it_until_then() -> None:
    room = roster("ann")
    room.hear("2", 0, 1, [Came("bob", "Bob")])
    room.tick(1.0)
    room.rename("ann", "bob", "Bob")
    assert told(room, 2.0) == Change(1, left=("Ann",))
    room.hear("2", 1, 2, [Left("bob", "displaced")])
    assert room.tick(3.0) is None
    assert everybody(room) == ["Bob"]


def test_who_was_told_its_own_name_and_shares_another_at_once_is_told_who_is_here() -> None:
    room = roster("ann")
    room.hear("2", 0, 1, [Came("bob", "Bob")])
    room.tick(1.0)
    room.arrive("eve", "Eve")
    room.tell_newcomer("eve")
    room.rename("eve", "bob", "Bob")
    assert told(room, 2.0).everybody == ("Ann", "Bob")


def test_who_lingers_under_a_name_has_left_when_another_takes_it() -> None:
    room = roster("ann", "bob", "cid")
    room.depart("ann", 0.5, goodbye=False)
    room.depart("bob", 0.6, goodbye=False)
    room.rename("ann", "bob", "Bob")
    assert told(room, 1.0) == Change(2, left=("Bob",), renamed=(("Ann", "Bob"),))
    assert everybody(room) == ["Bob", "Cid"]
    assert told(room, 0.5 + GRACE).left == ("Bob",)


def test_who_lingers_and_takes_the_name_of_somebody_connected_lingers_no_longer() -> None:
    room = roster("ann", "bob")
    room.depart("ann", 0.5, goodbye=False)
    room.rename("ann", "bob", "Bob")
    room.tick(1.0)
    assert room.tick(2.0 + GRACE) is None
    assert everybody(room) == ["Bob"]


def test_one_node_may_call_two_people_by_one_name_after_the_other() -> None:
    room = roster()
    room.hear("2", 0, 1, [Came("ann", "Ann"), Came("bob", "Bob")])
    room.hear("2", 1, 2, [Renamed("ann", "bob", "BOB"), Renamed("cid", "dan", "Dan")])
    assert everybody(room) == ["BOB", "Dan"]
    room.hear("2", 2, 3, [Renamed("dan", "dan", "DAN")])
    assert everybody(room) == ["BOB", "DAN"]
    room.forget("2")
    assert everybody(room) == []


def test_a_change_of_spelling_on_a_node_that_is_behind_changes_nothing() -> None:
    room = roster("ann")
    room.hear("2", 0, 1, [Came("ann", "Ann")])
    room.hear("2", 1, 2, [Renamed("ann", "eve", "Eve")])
    room.arrive("ann", "ANN")
    assert everybody(room) == ["Eve"]
    room.rename("ann", "eve", "EVE")
    assert everybody(room) == ["EVE"]


# Whatever happens.

NODES = ("1", "2", "3")
WHO = st.sampled_from(["ann", "bob", "cid"])
NODE = st.sampled_from(NODES)


class Cluster(RuleBasedStateMachine):
    """People with connections to several nodes, messages that are late or lost, nodes that die."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.rosters: dict[str, Roster] = {}
        self.readers: dict[str, Reader] = {}
        self.numbers = dict.fromkeys(NODES, 0)
        self.wires: dict[tuple[str, str], deque[tuple[int, int, Sequence[NodeChange]]]] = {}
        self.connections: dict[tuple[str, str], int] = {}
        """By node and person."""
        self.names: dict[str, str] = {}
        """By person."""
        self.called: dict[tuple[str, str], str] = {}
        """By node and person, what the node calls them: it may be behind."""
        self.renames = 0
        for node in NODES:
            self.begin(node)

    def begin(self, node: str) -> None:
        """Starts a node, with nobody on it."""
        self.rosters[node] = Roster(GRACE)
        self.readers[node] = Reader()
        for other in NODES:
            if other != node:
                self.wires[node, other] = deque()
                self.wires[other, node] = deque()
                if other in self.rosters:
                    self.ask(node, other)

    def ask(self, asker: str, node: str) -> None:
        """Has a node told everybody who is on another; all that was under way is overtaken."""
        self.publish(node)
        self.wires[node, asker].clear()
        self.rosters[asker].take(node, self.numbers[node], dict(self.rosters[node].who_is_here()))

    def publish(self, node: str) -> None:
        """Puts on its way what has changed on a node."""
        changes = self.rosters[node].publish_at_once(self.now)
        if changes:
            previous, self.numbers[node] = self.numbers[node], self.numbers[node] + 1
            for other in NODES:
                if other != node:
                    self.wires[node, other].append((previous, self.numbers[node], changes))

    @rule(who=WHO, node=NODE)
    def arrives(self, who: str, node: str) -> None:
        name = self.called.setdefault((node, who), self.names.setdefault(who, who))
        self.rosters[node].arrive(name, name.title())
        self.connections[node, who] = self.connections.get((node, who), 0) + 1

    @rule(who=WHO, node=NODE, goodbye=st.booleans())
    def departs(self, who: str, node: str, goodbye: bool) -> None:
        if not self.connections.get((node, who)):
            return
        self.connections[node, who] -= 1
        self.rosters[node].depart(self.called[node, who], self.now, goodbye=goodbye)
        if not self.connections[node, who]:
            del self.connections[node, who]
            del self.called[node, who]

    @rule(who=WHO, node=NODE)
    def is_renamed(self, who: str, node: str) -> None:
        if (node, who) in self.called and who not in self.behind():
            self.renames += 1
            self.names[who] = f"{who}{self.renames}"
            self.follows(who, node)

    @rule(who=WHO, node=NODE)
    def follows(self, who: str, node: str) -> None:
        old, new = self.called.get((node, who)), self.names.get(who)
        if old is not None and new is not None and old != new:
            self.called[node, who] = new
            self.rosters[node].rename(old, new, new.title())

    def behind(self) -> set[str]:
        """Whoever goes by two names."""
        return {who for (_, who), name in self.called.items() if name != self.names[who]}

    @rule(node=NODE)
    def publishes(self, node: str) -> None:
        self.publish(node)

    @rule(one=NODE, other=NODE, is_lost=st.sampled_from([False, False, False, True]))
    def comes(self, one: str, other: str, is_lost: bool) -> None:
        wire = self.wires.get((one, other))
        if wire:
            message = wire.popleft()
            if not is_lost and not self.rosters[other].hear(one, *message):
                self.ask(other, one)

    @rule(node=NODE)
    def dies_and_comes_back(self, node: str) -> None:
        for key in [key for key in self.connections if key[0] == node]:
            del self.connections[key]
            del self.called[key]
        for other in NODES:
            if other != node:
                self.rosters[other].forget(node)
        self.numbers[node] += 1
        self.begin(node)

    @rule(seconds=st.sampled_from([0.1, 1.0, GRACE]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds
        for node in NODES:
            self.tick(node)

    def tick(self, node: str) -> None:
        """Tells a reader on a node what is due; it minds what was never told."""
        change = self.rosters[node].tick(self.now)
        if change is not None:
            self.readers[node].told(change)

    def teardown(self) -> None:
        for who in WHO_IS_WHO:
            for node in NODES:
                self.follows(who, node)
        for _ in range(4):
            self.now += GRACE
            for node in NODES:
                self.tick(node)
                self.publish(node)
            for (one, other), wire in self.wires.items():
                while wire:
                    if not self.rosters[other].hear(one, *wire.popleft()):
                        self.ask(other, one)
                if self.rosters[other].number_of(one) < self.numbers[one]:
                    self.ask(other, one)
        here = {self.names[who].title() for _, who in self.connections}
        for node in NODES:
            self.now += 1.0
            self.tick(node)
            assert {*everybody(self.rosters[node])} == here
            assert self.readers[node].names == here


WHO_IS_WHO = ("ann", "bob", "cid")

TestAlone = pytest.mark.slow(pytest.mark.timeout(300)(Alone.TestCase))
TestAlone.settings = settings(max_examples=100, stateful_step_count=40)
TestCluster = pytest.mark.slow(pytest.mark.timeout(300)(Cluster.TestCase))
TestCluster.settings = settings(max_examples=200, stateful_step_count=50)
