from causerie.adapters import jetstream_tails
from causerie.adapters.jetstream_tails import Tails


def test_what_is_known_of_a_room_only_grows() -> None:
    tails = Tails(10)
    assert (tails.knows("room"), tails.in_room("room"), tails.timestamp("room")) == (False, 0, 0)
    tails.note("room", 12, 100)
    tails.note("room", 11, 200)
    tails.note("room", 0, 0)
    assert (tails.knows("room"), tails.in_room("room"), tails.timestamp("room")) == (True, 12, 200)


def test_what_is_known_of_the_stream_is_the_greatest_of_all() -> None:
    tails = Tails(10)
    assert tails.in_stream() == 10
    tails.note("room", 7, 1)
    assert tails.in_stream() == 10
    tails.note("other", 11, 1)
    assert tails.in_stream() == 11


def test_the_rooms_heard_of_longest_ago_are_forgotten() -> None:
    tails = Tails(0)
    for number in range(jetstream_tails.ROOMS):
        tails.note(str(number), 1, 1)
    tails.note("0", 2, 2)
    tails.note("another", 3, 3)
    assert tails.knows("0")
    assert not tails.knows("1")
    assert tails.knows("2")
