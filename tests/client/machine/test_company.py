from tests.client.frames import joined

from causerie.client.machine.company import Company
from causerie.client.machine.events import PresenceChanged, TypingChanged
from causerie.client.machine.typing import FORGOTTEN_AFTER
from causerie.wire.replies import Presence, Typing


def company(*names: str) -> Company:
    others = Company()
    others.enter(joined("j", members=len(names), names=list(names)))
    return others


def typing(username: str, *, is_typing: bool = True) -> Typing:
    return Typing(room="lobby", username=username, is_typing=is_typing)


def test_who_is_in_a_room_is_known_from_the_join_on() -> None:
    others = company("Alice", "Bob")
    assert others.members("lobby") == (2, ("Alice", "Bob"))
    assert others.members("garden") == (0, ())
    reply = others.joined("lobby")
    assert reply is not None
    assert reply.names == ["Alice", "Bob"]
    assert others.joined("garden") is None


def test_who_comes_and_goes_is_told() -> None:
    others = company("Alice", "Bob")
    presence = Presence(room="lobby", members=2, joined=["Carol"], left=["Bob"])
    assert others.presence(presence) == [
        PresenceChanged(room="lobby", members=2, joined=("Carol",), left=("Bob",), snapshot=False)
    ]
    assert others.members("lobby") == (2, ("Alice", "Carol"))


def test_two_who_swap_their_names_are_both_still_there() -> None:
    others = company("Alice", "Bob", "Carol")
    presence = Presence(room="lobby", members=3, joined=["Alice", "Bob"], left=["Bob", "Alice"])
    assert others.presence(presence) == [
        PresenceChanged(
            room="lobby", members=3, joined=("Alice", "Bob"), left=("Bob", "Alice"), snapshot=False
        )
    ]
    assert others.members("lobby") == (3, ("Carol", "Alice", "Bob"))


def test_what_was_known_already_is_not_told_again() -> None:
    others = company("Alice", "Bob")
    assert others.presence(Presence(room="lobby", members=2, joined=["Alice"])) == []
    assert others.presence(Presence(room="lobby", members=2, left=["Carol"])) == []
    assert others.presence(Presence(room="garden", members=1, joined=["Alice"])) == []


def test_in_a_large_room_only_the_number_is_told() -> None:
    others = company("Alice")
    assert others.presence(Presence(room="lobby", members=5000)) == [
        PresenceChanged(room="lobby", members=5000, joined=(), left=(), snapshot=False)
    ]
    assert others.members("lobby") == (5000, ("Alice",))


def test_a_snapshot_replaces_all_that_was_known() -> None:
    others = company("Alice", "Bob")
    presence = Presence(room="lobby", members=2, joined=["Bob", "Carol"], snapshot=True)
    assert others.presence(presence) == [
        PresenceChanged(room="lobby", members=2, joined=("Bob", "Carol"), left=(), snapshot=True)
    ]
    assert others.members("lobby") == (2, ("Bob", "Carol"))


def test_who_types_is_told_when_it_changes() -> None:
    others = company("Alice", "Bob")
    assert others.typed(typing("Bob"), 0.0) == [TypingChanged(room="lobby", usernames=("Bob",))]
    assert others.typed(typing("Bob"), 3.0) == []
    assert others.typing("lobby") == ("Bob",)
    assert others.typed(typing("Bob", is_typing=False), 4.0) == [
        TypingChanged(room="lobby", usernames=())
    ]
    assert others.typed(typing("Bob", is_typing=False), 4.0) == []


def test_who_says_it_types_no_more() -> None:
    others = company("Alice", "Bob")
    others.typed(typing("Bob"), 0.0)
    others.typed(typing("Carol"), 0.0)
    assert others.said("lobby", "Bob") == [TypingChanged(room="lobby", usernames=("Carol",))]
    assert others.said("lobby", "Bob") == []


def test_who_goes_types_no_more() -> None:
    others = company("Alice", "Bob")
    others.typed(typing("Bob"), 0.0)
    changed = others.presence(Presence(room="lobby", members=1, left=["Bob"]))
    assert changed[1:] == [TypingChanged(room="lobby", usernames=())]


def test_who_falls_silent_is_forgotten() -> None:
    others = company("Alice", "Bob")
    assert others.deadline() is None
    others.typed(typing("Bob"), 1.0)
    assert others.deadline() == 1.0 + FORGOTTEN_AFTER
    assert others.tick(6.9) == []
    assert others.tick(7.0) == [TypingChanged(room="lobby", usernames=())]


def test_a_room_that_is_left_is_forgotten() -> None:
    others = company("Alice", "Bob")
    others.typed(typing("Bob"), 0.0)
    assert others.leave("lobby") == [TypingChanged(room="lobby", usernames=())]
    assert others.leave("lobby") == []
    assert others.members("lobby") == (0, ())


def test_after_a_cut_nobody_is_known_to_be_anywhere() -> None:
    others = company("Alice", "Bob")
    others.typed(typing("Bob"), 0.0)
    assert others.cut() == [TypingChanged(room="lobby", usernames=())]
    assert others.members("lobby") == (0, ())
    assert others.joined("lobby") is None
