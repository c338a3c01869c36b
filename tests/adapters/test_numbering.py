"""Numbering by itself."""

from itertools import cycle

from causerie.adapters.numbering import Tail, members, number
from causerie.chat.entry import Entry
from causerie.ports import Rejected, Repeated, Stored
from causerie.testing.contracts import draft, private


class Tails(dict[str, Tail]):
    def __missing__(self, room: str) -> Tail:
        self[room] = Tail()
        return self[room]


def entry_of(outcome: object) -> Entry:
    assert isinstance(outcome, Stored)
    return outcome.entry


def test_each_room_is_numbered_by_itself_from_where_it_ends() -> None:
    tails = Tails(red=Tail(seq=7, id="x", timestamp=5))
    drafts = [draft("1", room="red"), draft("2", room="blue"), draft("3", room="red")]
    outcomes = number(drafts, now=100, stored={}, tail=tails.__getitem__)
    entries = [entry_of(outcome) for outcome in outcomes]
    assert [(entry.seq, entry.prev) for entry in entries] == [(8, 7), (1, 0), (9, 8)]
    assert [outcome.draft for outcome in outcomes] == drafts
    assert (tails["red"].seq, tails["red"].id, tails["red"].timestamp) == (9, "3", 101)
    assert (tails["blue"].seq, tails["blue"].id, tails["blue"].timestamp) == (1, "2", 100)


def test_a_room_ends_with_the_entry_that_it_moves_to() -> None:
    tail = Tail()
    (first,) = number([private("1", room="~")], now=5, stored={}, tail=lambda _: Tail())
    tail.move_to(entry_of(first))
    assert (tail.seq, tail.id, tail.timestamp) == (1, "1", 5)
    assert tail.members == members(entry_of(first).identity, entry_of(first).peer)


def test_time_strictly_increases_in_a_room() -> None:
    tails = Tails(room=Tail(seq=1, timestamp=500))
    outcomes = number(
        [draft("1"), draft("2"), draft("3")], now=100, stored={}, tail=tails.__getitem__
    )
    assert [entry_of(outcome).timestamp for outcome in outcomes] == [501, 502, 503]
    (outcome,) = number([draft("4")], now=504, stored={}, tail=tails.__getitem__)
    assert entry_of(outcome).timestamp == 504
    (outcome,) = number([draft("5")], now=9_000, stored={}, tail=tails.__getitem__)
    assert entry_of(outcome).timestamp == 9_000


def test_gaps_are_as_wide_as_they_are_asked_to_be() -> None:
    stride = cycle([1, 5]).__next__
    outcomes = number(
        [draft("1"), draft("2"), draft("3")],
        now=0,
        stored={},
        tail=Tails().__getitem__,
        stride=stride,
    )
    entries = [entry_of(outcome) for outcome in outcomes]
    assert [(entry.seq, entry.prev) for entry in entries] == [(1, 0), (6, 1), (7, 6)]


def test_what_is_stored_or_comes_earlier_in_the_batch_is_not_numbered() -> None:
    tails = Tails()
    (first,) = number([draft("1")], now=0, stored={}, tail=tails.__getitem__)
    stored = {("alice", "1"): entry_of(first)}
    again, reused, new, twice, other = (
        *(draft("1"), draft("1", content="other"), draft("2"), draft("2")),
        draft("2", content="other"),
    )
    outcomes = number(
        [again, reused, new, twice, other], now=0, stored=stored, tail=tails.__getitem__
    )
    second = entry_of(outcomes[2])
    assert outcomes == [
        Repeated(again, entry_of(first)),
        Rejected(reused, "id_reused"),
        Stored(new, second),
        Repeated(twice, second),
        Rejected(other, "id_reused"),
    ]
    assert (second.seq, tails["room"].seq) == (2, 2)


def test_the_first_entry_of_a_conversation_names_the_two() -> None:
    tails = Tails()
    drafts = [
        private("1", room="talk"),
        private("2", room="talk", identity="carol"),
        private("3", room="note", peer="alice"),
        draft("4", room="public"),
        private("5", room="public"),
    ]
    number(drafts, now=0, stored={}, tail=tails.__getitem__)
    assert tails["talk"].members == ("alice", "bob")
    assert tails["note"].members == ("alice",)
    assert tails["public"].members == ()
    assert members("zoe", "bob") == members("bob", "zoe") == ("bob", "zoe")
