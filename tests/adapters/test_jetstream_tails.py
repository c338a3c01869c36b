from causerie.adapters import jetstream_tails
from causerie.adapters.jetstream_tails import Mark, Tails


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


def test_the_newest_entry_of_all_is_known_by_its_room_and_time() -> None:
    tails = Tails(10)
    assert tails.newest() is None
    tails.note("room", 0, 300)
    tails.note("room", 0, 0)
    assert tails.newest() is None
    tails.note("room", 7, 100)
    assert tails.newest() == Mark(7, "room", 100)
    tails.note("other", 6, 200)
    tails.note("other", 11, 0)
    assert tails.newest() == Mark(7, "room", 100)
    tails.note("other", 12, 50)
    assert tails.newest() == Mark(12, "other", 50)


def test_the_rooms_heard_of_longest_ago_are_forgotten() -> None:
    tails = Tails(0)
    for number in range(jetstream_tails.ROOMS):
        tails.note(str(number), 1, 1)
    tails.note("0", 2, 2)
    tails.note("another", 3, 3)
    assert tails.knows("0")
    assert not tails.knows("1")
    assert tails.knows("2")
