"""Presence: what is announced, put together, is who is here; and it is never the main load."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from causerie.chat.presence import (
    MEMBERS_PER_SECOND,
    SHORTEST_INTERVAL,
    TOLD_UP_TO,
    Change,
    Presence,
)

GRACE = 15.0


def room(*names: str, now: float = 0.0) -> Presence:
    """Returns a room with members of these names, announced."""
    presence = Presence(GRACE)
    for name in names:
        presence.arrive(name.lower(), name)
    presence.tick(now)
    return presence


def names(presence: Presence) -> list[str]:
    """Returns the names that a newcomer is told."""
    return presence.tell_newcomer()[1]


def crowd(size: int) -> Presence:
    return room(*(f"User{number:03}" for number in range(size)))


class Reader:
    """One who applies what it is told, and knows nothing else: first who went, then who came."""

    def __init__(self) -> None:
        self.names: set[str] = set()
        self.members = 0

    def told(self, change: Change) -> None:
        self.members = change.members
        if change.everybody is not None:
            self.names = set(change.everybody)
            return
        gone = {*change.left, *(old for old, _ in change.renamed)}
        come = {*change.joined, *(new for _, new in change.renamed)}
        assert gone <= self.names, "who was never told of is not said to have gone"
        self.names -= gone
        assert not come & self.names, "who is known to be here is not told of again"
        self.names |= come


# Coming and going.


def test_the_first_to_come_is_told_at_once() -> None:
    presence = Presence(GRACE)
    assert presence.deadline() is None
    presence.arrive("alice", "Alice")
    assert "alice" in presence
    assert "bob" not in presence
    assert presence.tick(0.0) == Change(1, joined=("Alice",))
    assert presence.tick(1.0) is None
    assert presence.deadline() is None


def test_a_goodbye_is_told_and_a_cut_only_after_the_grace() -> None:
    presence = room("Alice", "Bob", "Cid")
    presence.depart("alice", 1.0, goodbye=True)
    assert presence.tick(1.0) == Change(2, left=("Alice",))
    presence.depart("bob", 2.0, goodbye=False)
    assert presence.deadline() == 2.0 + GRACE
    assert presence.tick(2.0 + GRACE - 0.01) is None
    assert len(presence) == 2
    assert presence.tick(2.0 + GRACE) == Change(1, left=("Bob",))


def test_who_comes_back_within_the_grace_was_never_away() -> None:
    presence = room("Alice", "Bob")
    presence.depart("bob", 1.0, goodbye=False)
    presence.arrive("bob", "Bob")
    assert presence.deadline() is None
    assert presence.tick(100.0) is None
    assert names(presence) == ["Alice", "Bob"]


def test_one_is_here_until_the_last_connection_has_gone() -> None:
    presence = room("Alice")
    presence.arrive("alice", "Alice")
    presence.depart("alice", 1.0, goodbye=True)
    assert presence.tick(100.0) is None
    assert len(presence) == 1
    presence.depart("alice", 100.0, goodbye=True)
    assert presence.tick(100.0) == Change(0, left=("Alice",))


def test_a_second_goodbye_and_one_of_a_stranger_change_nothing() -> None:
    presence = room("Alice")
    presence.depart("bob", 1.0, goodbye=True)
    presence.depart("alice", 1.0, goodbye=False)
    presence.depart("alice", 1.0, goodbye=False)
    presence.rename("cid", "dan", "Dan")
    assert presence.tick(1.0) is None
    assert names(presence) == ["Alice"]


def test_who_says_goodbye_while_lingering_leaves_at_once() -> None:
    presence = room("Alice")
    presence.depart("alice", 1.0, goodbye=False)
    presence.depart("alice", 2.0, goodbye=True)
    assert presence.tick(2.0) == Change(0, left=("Alice",))
    assert presence.deadline() is None


def test_who_comes_and_goes_between_two_announcements_is_not_mentioned() -> None:
    presence = room("Alice")
    presence.arrive("bob", "Bob")
    presence.depart("bob", 0.1, goodbye=True)
    assert presence.tick(1.0) is None


def test_who_goes_and_comes_back_between_two_announcements_is_not_mentioned() -> None:
    presence = room("Alice", "Bob")
    presence.depart("bob", 0.1, goodbye=True)
    presence.arrive("bob", "Bob")
    assert presence.tick(1.0) is None
    assert names(presence) == ["Alice", "Bob"]


# Names.


def test_a_rename_is_told_and_a_chain_of_them_once() -> None:
    presence = room("Alice")
    presence.rename("alice", "ada", "Ada")
    presence.rename("ada", "eve", "Eve")
    assert presence.tick(1.0) == Change(1, renamed=(("Alice", "Eve"),))
    presence.rename("eve", "x", "X")
    presence.rename("x", "eve", "Eve")
    assert presence.tick(2.0) is None


def test_another_spelling_of_ones_name_is_a_rename() -> None:
    presence = room("alice")
    presence.rename("alice", "alice", "Alice")
    assert presence.tick(1.0) == Change(1, renamed=(("alice", "Alice"),))
    presence.arrive("alice", "ALICE")
    assert presence.tick(2.0) == Change(1, renamed=(("Alice", "ALICE"),))


def test_who_was_told_its_own_name_and_takes_another_at_once_is_told_who_is_here() -> None:
    presence = room("Alice")
    presence.arrive("bob", "Bob")
    assert presence.tell_newcomer("bob") == (2, ["Alice", "Bob"])
    presence.rename("bob", "ben", "Ben")
    change = Change(2, joined=("Ben",), everybody=("Alice", "Ben"))
    assert presence.tick(1.0) == change
    presence.rename("ben", "bert", "Bert")
    assert presence.tick(2.0) == Change(2, renamed=(("Ben", "Bert"),))


def test_a_rename_before_the_arrival_was_told_tells_the_last_name_only() -> None:
    presence = room("Alice")
    presence.arrive("bob", "Bob")
    presence.rename("bob", "ben", "Ben")
    assert presence.tick(1.0) == Change(2, joined=("Ben",))


def test_the_grace_goes_on_under_a_new_name_and_keeps_its_place_among_others() -> None:
    presence = room("Alice", "Bob")
    presence.depart("alice", 1.0, goodbye=False)
    presence.depart("bob", 9.0, goodbye=False)
    presence.rename("alice", "ada", "Ada")
    assert presence.tick(2.0) == Change(2, renamed=(("Alice", "Ada"),))
    assert presence.deadline() == 1.0 + GRACE
    assert presence.tick(1.0 + GRACE) == Change(1, left=("Ada",))
    assert presence.tick(9.0 + GRACE) == Change(0, left=("Bob",))


def test_who_takes_the_name_of_one_who_lingers_stays_when_that_grace_ends() -> None:
    presence = room("Alice", "Bob")
    presence.depart("bob", 1.0, goodbye=False)
    presence.rename("alice", "bob", "Bob")
    assert presence.tick(2.0) == Change(1, left=("Bob",), renamed=(("Alice", "Bob"),))
    assert presence.deadline() is None
    assert presence.tick(100.0) is None
    assert names(presence) == ["Bob"]


def test_one_whose_arrival_was_not_told_leaves_no_trace_when_the_name_is_taken() -> None:
    presence = room("Alice")
    presence.arrive("bob", "Bob")
    presence.depart("bob", 0.1, goodbye=False)
    presence.rename("alice", "bob", "Bob")
    assert presence.tick(1.0) == Change(1, renamed=(("Alice", "Bob"),))


def test_connections_under_one_name_are_counted_together_after_a_rename() -> None:
    presence = room("Alice", "Bob")
    presence.depart("alice", 1.0, goodbye=False)
    presence.rename("alice", "bob", "Bob")
    assert presence.tick(100.0) == Change(1, left=("Bob",), renamed=(("Alice", "Bob"),))
    presence.depart("bob", 100.0, goodbye=True)
    assert len(presence) == 0


def test_who_comes_back_to_a_name_that_was_taken_over_and_left_counts_its_own_connections() -> None:
    presence = room("Alice", "Bob")
    presence.rename("bob", "alice", "Alice")
    presence.rename("alice", "cid", "Cid")
    presence.arrive("alice", "Alice")
    presence.depart("alice", 0.0, goodbye=True)
    assert presence.tick(1.0) == Change(1, left=("Alice",), renamed=(("Bob", "Cid"),))


# How often.


@pytest.mark.parametrize("goodbye", [None, False])
def test_who_loses_a_name_has_left_and_its_heir_has_come(goodbye: bool | None) -> None:
    presence = room("Ann", "Bob", "Cid", now=-10.0)
    if goodbye is not None:
        presence.depart("bob", 0.0, goodbye=goodbye)
    presence.displace("bob")
    assert "bob" not in presence
    presence.arrive("bob", "Bob")
    assert presence.tell_newcomer("bob") == (3, ["Ann", "Cid", "Bob"])
    assert presence.tick(0.0) == Change(3, joined=("Bob",), left=("Bob",))
    assert presence.deadline() is None
    presence.depart("bob", 1.0, goodbye=True)
    assert presence.tick(1.0) == Change(2, left=("Bob",))


def test_who_loses_a_name_before_the_arrival_was_told_leaves_no_trace() -> None:
    presence = room("Ann")
    presence.arrive("bob", "Bob")
    presence.displace("bob")
    presence.displace("nobody")
    assert presence.tick(1.0) is None
    assert presence.deadline() is None


def test_announcements_keep_their_distance() -> None:
    presence = room("Alice", now=10.0)
    presence.arrive("bob", "Bob")
    assert presence.deadline() == 10.0 + SHORTEST_INTERVAL
    assert presence.tick(10.0 + SHORTEST_INTERVAL - 0.01) is None
    presence.arrive("cid", "Cid")
    assert presence.tick(10.0 + SHORTEST_INTERVAL) == Change(3, joined=("Bob", "Cid"))


def test_what_came_to_nothing_does_not_hold_up_the_next_announcement() -> None:
    presence = room("Alice")
    presence.rename("alice", "ada", "Ada")
    presence.rename("ada", "alice", "Alice")
    assert presence.tick(50.0) is None
    presence.arrive("bob", "Bob")
    assert presence.tick(50.0) == Change(2, joined=("Bob",))


def test_in_a_large_room_the_frames_a_second_are_bounded() -> None:
    presence = crowd(5 * MEMBERS_PER_SECOND)
    presence.arrive("late", "Late")
    assert presence.deadline() == pytest.approx(5.0, rel=0.001)


# Large rooms.


def test_in_a_large_room_people_are_counted_and_not_named() -> None:
    presence = crowd(TOLD_UP_TO)
    presence.arrive("late", "Late")
    assert presence.tick(10.0) == Change(TOLD_UP_TO + 1)
    presence.rename("late", "later", "Later")
    presence.depart("user007", 10.0, goodbye=True)
    presence.arrive("new", "New")
    assert presence.tick(20.0) == Change(TOLD_UP_TO + 1)


def test_a_room_that_is_small_again_tells_everybody_who_is_in_it() -> None:
    presence = crowd(TOLD_UP_TO)
    presence.arrive("late", "Late")
    presence.tick(10.0)
    presence.depart("user007", 10.0, goodbye=True)
    change = presence.tick(20.0)
    assert change is not None
    assert change.left == ("User007",)
    assert change.everybody == tuple(names(presence))
    assert len(change.everybody) == TOLD_UP_TO
    presence.depart("user008", 20.0, goodbye=True)
    assert presence.tick(30.0) == Change(TOLD_UP_TO - 1, left=("User008",))


def test_at_most_200_are_named_those_first_who_came_first() -> None:
    presence = crowd(TOLD_UP_TO + 50)
    assert names(presence) == [f"User{number:03}" for number in range(TOLD_UP_TO)]
    assert presence.tell_newcomer(None, 3) == (TOLD_UP_TO + 50, ["User000", "User001", "User002"])


def test_a_newcomer_is_told_of_those_whom_the_others_know() -> None:
    presence = room("Alice", "Bob", "Cid")
    presence.arrive("dan", "Dan")
    presence.depart("bob", 0.0, goodbye=True)
    presence.rename("cid", "eve", "Eve")
    assert names(presence) == ["Alice", "Cid", "Bob"]
    presence.rename("eve", "cid", "Cid")
    presence.depart("dan", 0.0, goodbye=True)
    # Of Dan nobody will ever hear, and of Cid's other name neither.
    assert presence.tick(1.0) == Change(2, left=("Bob",))
    assert names(presence) == ["Alice", "Cid"]


def test_a_newcomer_is_told_of_itself_whether_it_was_announced_or_not() -> None:
    presence = room("Alice")
    presence.arrive("bob", "Bob")
    presence.arrive("cid", "Cid")
    assert presence.tell_newcomer("bob") == (3, ["Alice", "Bob"])
    assert presence.tell_newcomer("bob", 1) == (3, ["Alice"])
    presence.tick(1.0)
    assert presence.tell_newcomer("bob") == (3, ["Alice", "Bob", "Cid"])
    assert presence.tell_newcomer("stranger") == (3, ["Alice", "Bob", "Cid"])


def test_a_count_that_a_newcomer_was_told_is_put_right_if_it_comes_to_nothing() -> None:
    presence = room("Alice")
    presence.arrive("bob", "Bob")
    assert presence.tell_newcomer() == (2, ["Alice"])
    presence.depart("bob", 0.0, goodbye=True)
    assert presence.deadline() == SHORTEST_INTERVAL
    assert presence.tick(1.0) == Change(1)
    assert presence.deadline() is None
    assert presence.tick(2.0) is None


def test_it_is_needed_while_somebody_is_here() -> None:
    assert not room().is_needed
    assert room("Alice").is_needed


# Pages of members.


def test_members_are_listed_page_by_page() -> None:
    presence = room("Cid", "alice", "Bob", "Dan", "Eve")
    assert presence.page("", 2) == (["alice", "Bob"], True)
    assert presence.page("bob", 2) == (["Cid", "Dan"], True)
    assert presence.page("dan", 2) == (["Eve"], False)
    assert presence.page("eve", 2) == ([], False)


def test_a_page_begins_after_a_name_whether_it_is_here_or_not() -> None:
    presence = room("Alice", "Bob", "Dan")
    assert presence.page("bzz", 5) == (["Dan"], False)
    presence.depart("bob", 1.0, goodbye=True)
    presence.rename("dan", "abe", "Abe")
    assert presence.page("", 5) == (["Abe", "Alice"], False)
    presence.arrive("zoe", "Zoe")
    assert presence.page("alice", 1) == (["Zoe"], False)


@given(st.sets(st.text("abc", min_size=1, max_size=3), max_size=30), st.integers(1, 7))
@settings(max_examples=50)
def test_the_pages_together_are_all_members_in_order(names: set[str], limit: int) -> None:
    presence = room(*names)
    found: list[str] = []
    more = True
    while more:
        page, more = presence.page(found[-1] if found else "", limit)
        assert len(page) <= limit
        found += page
    assert found == sorted(names)


# Whatever happens.


@dataclass
class Person:
    """One who is in the room, as the oracle sees it."""

    display: str
    connections: int
    leaves_at: float | None = None


class PresenceMachine(RuleBasedStateMachine):
    """People come, go, are cut and renamed; an oracle knows who is here, a reader is told."""

    people = st.sampled_from(["ann", "bob", "cid", "dan"])
    spellings = st.sampled_from([str.lower, str.title])

    def __init__(self) -> None:
        super().__init__()
        self.presence = Presence(GRACE)
        # The first has been here from the beginning; the others know what newcomers are told.
        self.readers = [Reader()]
        self.here: dict[str, Person] = {}
        self.others = 0
        self.now = 0.0
        self.told_at = float("-inf")

    @initialize(others=st.sampled_from([0, 0, TOLD_UP_TO - 2]))
    def some_are_here(self, others: int) -> None:
        for number in range(others):
            self.presence.arrive(f"zz{number}", f"zz{number}")
        self.others = others
        self.pass_time(0.0)

    @rule(who=people, spelled=spellings)
    def arrives(self, who: str, spelled: Callable[[str], str]) -> None:
        display = spelled(who)
        self.presence.arrive(who, display)
        person = self.here.setdefault(who, Person(display, 0))
        person.display, person.leaves_at = display, None
        person.connections += 1

    @rule(who=people, goodbye=st.booleans())
    def departs(self, who: str, goodbye: bool) -> None:
        self.presence.depart(who, self.now, goodbye=goodbye)
        person = self.here.get(who)
        if person is None:
            return
        person.connections = max(0, person.connections - 1)
        if not person.connections:
            person.leaves_at = self.now + GRACE
            if goodbye:
                del self.here[who]

    @rule(who=people)
    def is_displaced(self, who: str) -> None:
        self.presence.displace(who)
        self.here.pop(who, None)

    @rule(old=people, new=people, spelled=spellings)
    def is_renamed(self, old: str, new: str, spelled: Callable[[str], str]) -> None:
        display = spelled(new)
        self.presence.rename(old, new, display)
        person = self.here.pop(old, None)
        if person is None:
            return
        displaced = self.here.pop(new, None)
        person.display = display
        person.connections += displaced.connections if displaced else 0
        if person.connections:
            person.leaves_at = None
        self.here[new] = person

    @rule(seconds=st.sampled_from([0.0, 0.1, 0.25, 1.0, 7.0, GRACE]))
    def pass_time(self, seconds: float) -> None:
        until = self.now + seconds
        while (due := self.presence.deadline()) is not None and due <= until:
            self.now = max(due, self.now)
            self.tick()
            after = self.presence.deadline()
            assert after is None or after > self.now, "what is due is done, and not due again"
        self.now = until
        assert self.presence.tick(self.now) is None, "nothing is due before its time"

    def tick(self) -> None:
        change = self.presence.tick(self.now)
        for who in [who for who, person in self.here.items() if self.has_left(person)]:
            del self.here[who]
        if change is not None:
            assert self.now >= self.told_at + SHORTEST_INTERVAL
            self.told_at = self.now
            for reader in self.readers:
                if change.members > TOLD_UP_TO:
                    assert change == Change(change.members)
                    reader.members = change.members
                else:
                    reader.told(change)
            assert change.members == len(self.presence)

    @rule()
    def a_reader_comes(self) -> None:
        reader = Reader()
        reader.members, names = self.presence.tell_newcomer()
        reader.names = set(names)
        self.readers = [*self.readers[:3], reader]

    def has_left(self, person: Person) -> bool:
        return person.leaves_at is not None and person.leaves_at <= self.now

    @invariant()
    def those_here_are_counted_and_listed(self) -> None:
        size = len(self.here) + self.others
        assert len(self.presence) == size
        shown = sorted((who, person.display) for who, person in self.here.items())
        assert self.presence.page("", 4)[0][: len(shown)] == [display for _, display in shown]
        assert all((who in self.presence) == (who in self.here) for who in ("ann", "bob"))

    @precondition(lambda self: len(self.presence) <= TOLD_UP_TO)
    @rule()
    def all_readers_know_who_is_here(self) -> None:
        self.pass_time(1.0)
        for reader in self.readers:
            assert reader.names == self.names()

    def names(self) -> set[str]:
        others = {f"zz{number}" for number in range(self.others)}
        return others | {person.display for person in self.here.values()}

    def teardown(self) -> None:
        self.pass_time(GRACE + 1.0)
        for reader in self.readers:
            if len(self.presence) <= TOLD_UP_TO:
                assert reader.names == self.names()
            assert reader.members == len(self.presence)


TestWhatIsAnnouncedIsWhoIsHere = pytest.mark.slow(
    pytest.mark.timeout(300)(PresenceMachine.TestCase)
)
TestWhatIsAnnouncedIsWhoIsHere.settings = settings(max_examples=150, stateful_step_count=40)
