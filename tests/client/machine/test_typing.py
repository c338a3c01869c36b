from causerie.client.machine.typing import (
    FORGOTTEN_AFTER,
    REPEATED_EVERY,
    STOPPED_AFTER,
    OwnTyping,
    Typists,
)


def test_the_first_key_is_told_and_then_one_every_three_seconds() -> None:
    typing = OwnTyping()
    keys = [i / 10 for i in range(65)]
    assert [now for now in keys if typing.key("lobby", now)] == [0.0, 3.0, 6.0]
    assert REPEATED_EVERY == 3.0


def test_two_seconds_without_a_key_are_a_stop() -> None:
    typing = OwnTyping()
    assert typing.deadline() is None
    typing.key("lobby", 0.0)
    typing.key("lobby", 1.0)
    typing.key("garden", 1.5)
    assert typing.deadline() == 1.0 + STOPPED_AFTER
    assert typing.tick(2.99) == []
    assert typing.tick(3.0) == ["lobby"]
    assert typing.tick(3.0) == []
    assert typing.deadline() == 3.5
    assert typing.key("lobby", 3.1), "a new beginning"


def test_a_stop_is_told_only_to_those_who_believe_that_one_types() -> None:
    typing = OwnTyping()
    assert not typing.stop("lobby")
    typing.key("lobby", 0.0)
    assert typing.stop("lobby")
    assert not typing.stop("lobby")


def test_after_a_cut_nobody_believes_anything() -> None:
    typing = OwnTyping()
    typing.key("lobby", 0.0)
    typing.cut()
    assert typing.deadline() is None
    assert typing.key("lobby", 0.1)


def test_typists_are_named_in_the_order_in_which_they_began() -> None:
    typists = Typists()
    assert typists.names("lobby") == ()
    assert typists.started("lobby", "Bob", 0.0)
    assert typists.started("lobby", "Alice", 1.0)
    assert not typists.started("lobby", "Bob", 2.0), "a repeat is no news"
    assert typists.names("lobby") == ("Bob", "Alice")


def test_a_typist_is_forgotten_after_six_seconds_of_silence() -> None:
    typists = Typists()
    assert typists.deadline() is None
    typists.started("lobby", "Bob", 0.0)
    typists.started("lobby", "Alice", 1.0)
    typists.started("garden", "Bob", 3.0)
    typists.started("lobby", "Bob", 3.0)
    assert typists.deadline() == 1.0 + FORGOTTEN_AFTER
    assert typists.tick(6.99) == []
    assert typists.tick(7.0) == ["lobby"]
    assert typists.names("lobby") == ("Bob",)
    assert typists.tick(9.0) == ["lobby", "garden"]
    assert typists.deadline() is None


def test_who_stops_is_news_once() -> None:
    typists = Typists()
    typists.started("lobby", "Bob", 0.0)
    typists.started("lobby", "Alice", 0.0)
    assert not typists.stopped("garden", "Bob")
    assert typists.stopped("lobby", "Bob")
    assert not typists.stopped("lobby", "Bob")
    assert typists.stopped("lobby", "Alice")
    assert typists.cut() == []


def test_a_room_or_all_can_be_forgotten() -> None:
    typists = Typists()
    typists.started("lobby", "Bob", 0.0)
    typists.started("garden", "Bob", 0.0)
    assert typists.forget("lobby")
    assert not typists.forget("lobby")
    assert typists.cut() == ["garden"]
    assert typists.names("garden") == ()
