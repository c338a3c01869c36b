"""Typing: everybody who starts is told to have stopped, and nobody is told of too often."""

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from causerie.chat.typing import FORGOTTEN_AFTER, RELAYED_EVERY, Typing


def test_the_others_are_told_once_until_a_repeat_is_due() -> None:
    typing = Typing()
    assert typing.start("alice", "Alice", 10.0)
    assert not typing.start("alice", "Alice", 10.0 + RELAYED_EVERY - 0.01)
    assert typing.start("alice", "Alice", 10.0 + RELAYED_EVERY)
    assert not typing.start("alice", "Alice", 10.0 + 2 * RELAYED_EVERY - 0.01)


def test_who_falls_silent_is_forgotten_and_told_under_the_name_last_shown() -> None:
    typing = Typing()
    typing.start("alice", "alice", 0.0)
    typing.start("alice", "Alice", 1.0)
    assert typing.deadline() == 1.0 + FORGOTTEN_AFTER
    assert typing.tick(1.0 + FORGOTTEN_AFTER - 0.01) == []
    assert typing.tick(1.0 + FORGOTTEN_AFTER) == [("alice", "Alice")]
    assert typing.tick(100.0) == []
    assert typing.deadline() is None


def test_who_stops_is_told_once() -> None:
    typing = Typing()
    assert not typing.stop("alice")
    typing.start("alice", "Alice", 0.0)
    assert typing.stop("alice")
    assert not typing.stop("alice")
    assert typing.tick(100.0) == []


def test_a_repeat_keeps_one_alive_and_lets_the_others_end_before() -> None:
    typing = Typing()
    typing.start("alice", "Alice", 0.0)
    typing.start("bob", "Bob", 1.0)
    typing.start("alice", "Alice", 3.0)
    assert typing.deadline() == 1.0 + FORGOTTEN_AFTER
    assert typing.tick(8.0) == [("bob", "Bob")]
    assert typing.tick(9.0) == [("alice", "Alice")]


class TypingMachine(RuleBasedStateMachine):
    """People start, repeat and stop; a reader believes what it is told."""

    people = st.sampled_from(["ann", "bob", "cid"])

    def __init__(self) -> None:
        super().__init__()
        self.typing = Typing()
        self.now = 0.0
        self.shown: set[str] = set()
        self.last_key: dict[str, float] = {}
        self.last_told: dict[str, float] = {}

    @rule(who=people)
    def types(self, who: str) -> None:
        if self.typing.start(who, who.title(), self.now):
            if who in self.shown:
                assert self.now - self.last_told[who] >= RELAYED_EVERY
            self.shown.add(who)
            self.last_told[who] = self.now
        self.last_key[who] = self.now

    @rule(who=people)
    def stops(self, who: str) -> None:
        assert self.typing.stop(who) == (who in self.shown)
        self.shown.discard(who)
        self.last_key.pop(who, None)

    @rule(seconds=st.floats(0.0, 2 * FORGOTTEN_AFTER))
    def time_passes(self, seconds: float) -> None:
        until = self.now + seconds
        while (due := self.typing.deadline()) is not None and due <= until:
            assert due > self.now, "what is due is done, and not due again"
            self.now = due
            ended = self.typing.tick(due)
            assert ended, "it asks to be called for a reason"
            for folded, display in ended:
                assert display == folded.title()
                assert self.last_key.pop(folded) + FORGOTTEN_AFTER == self.now
                self.shown.remove(folded)
        self.now = until

    @invariant()
    def the_reader_sees_who_types(self) -> None:
        assert self.shown == self.last_key.keys()
        assert all(at + FORGOTTEN_AFTER > self.now for at in self.last_key.values())


TestEverybodyWhoStartsIsToldToHaveStopped = TypingMachine.TestCase


@given(st.lists(st.sampled_from(["ann", "bob"]), max_size=20))
def test_all_is_forgotten_in_the_end(keys: list[str]) -> None:
    typing = Typing()
    told = {who for at, who in enumerate(keys) if typing.start(who, who, at / 10)}
    assert {folded for folded, _ in typing.tick(len(keys) / 10 + FORGOTTEN_AFTER)} == told
    assert typing.deadline() is None
