import pytest
from tests.client.frames import cursor, joined, message, private, summary

from causerie.client.machine.events import Gap
from causerie.client.machine.room_view import NOW, RoomView
from causerie.client.machine.rooms import Rooms
from causerie.wire.commands import Join


def rooms(*, private_replay: int = 50) -> Rooms:
    return Rooms(most=1000, private_replay=private_replay)


def next_join(views: Rooms, id: str, now: float = 0.0) -> Join:
    """The join that goes out now."""
    view = views.next_join(now)
    assert view is not None
    return views.join(view, id)


def in_lobby(head: int = 3) -> Rooms:
    """Rooms with the lobby joined at a head."""
    views = rooms()
    views.want(Join(room="lobby"), "app")
    next_join(views, "j")
    views.joined(joined("j", head=head))
    return views


def given_up(views: Rooms, id: str) -> tuple[str, Gap | None, list[str]]:
    """What is given up by a final refusal."""
    answer = views.refused(id, None)
    assert answer is not None
    view, gap, askers = answer
    return view.name, gap, askers


# What the application joins.


def test_a_room_that_is_wanted_is_joined_and_whoever_asked_is_told() -> None:
    views = rooms()
    assert not views.want(Join(room="lobby", limit=7), "a1")
    assert not views.want(Join(room="lobby"), "a2")
    assert not views.is_open("lobby")
    assert views.deadline() == NOW
    assert next_join(views, "j") == Join(id="j", room="lobby", limit=7)
    assert views.deadline() is None
    answer = views.joined(joined("j", head=3))
    assert answer is not None
    view, gap, askers = answer
    assert (view.name, gap, askers) == ("lobby", None, ["a1", "a2"])
    assert views.is_open("lobby")
    assert views.is_joined("lobby")
    assert views.want(Join(room="lobby"), "a3"), "it is joined already"


def test_an_application_can_go_on_where_another_stopped() -> None:
    views = rooms()
    views.want(Join(room="lobby", since=cursor(3), epoch="e1"), "a")
    assert next_join(views, "j") == Join(
        id="j", room="lobby", since=cursor(3), epoch="e1", limit=1000
    )


def test_who_asked_waits_until_the_room_is_joined() -> None:
    views = rooms()
    views.want(Join(room="lobby"), "app")
    assert (views.is_waiting("app"), views.is_waiting("other")) == (True, False)
    next_join(views, "j")
    views.joined(joined("j"))
    assert not views.is_waiting("app")


def test_a_room_that_nobody_joined_is_open_and_not_joined() -> None:
    views = rooms()
    assert views.is_open("garden")
    assert not views.is_joined("garden")
    assert views.find("garden") is None


def test_after_a_cut_wanted_rooms_are_joined_again_from_where_one_stood() -> None:
    views = in_lobby()
    views.follow(message(4))
    views.cut()
    assert not views.is_open("lobby")
    assert next_join(views, "k").since == cursor(4)
    assert views.joined(joined("j", head=4)) is None, "the old join is void"


def test_a_room_that_was_left_is_followed_no_more() -> None:
    views = in_lobby()
    assert views.leave("lobby") == []
    assert views.follow(message(4)) == ("skipped", None)
    views.cut()
    assert views.next_join(0.0) is None


def test_who_leaves_a_room_before_it_is_joined_tells_those_who_waited() -> None:
    views = rooms()
    views.want(Join(room="lobby"), "a")
    next_join(views, "j")
    assert views.leave("lobby") == ["a"]
    assert views.joined(joined("j")) is None
    views.want(Join(room="garden"), "b")
    assert views.leave("garden") == ["b"]
    assert views.next_join(0.0) is None


def test_who_was_taken_out_of_a_room_after_coming_back_joins_once_more() -> None:
    views = in_lobby()
    views.left("lobby")
    assert next_join(views, "k").since == cursor(3)
    views.left("lobby")
    assert views.next_join(0.0) is None, "the join comes after the leave anyway"
    views.left("garden")
    assert views.next_join(0.0) is None


def test_at_the_end_all_who_waited_are_told() -> None:
    views = rooms()
    views.want(Join(room="lobby"), "a")
    views.want(Join(room="garden"), "b")
    assert views.end() == ["a", "b"]
    assert views.end() == []


def test_an_answer_that_nobody_asked_for_changes_nothing() -> None:
    views = rooms()
    assert views.joined(joined(None)) is None
    assert views.joined(joined("x")) is None
    assert views.refused(None, None) is None
    assert views.refused("x", None) is None


# Names.


def test_a_room_goes_by_its_canonical_name_once_that_is_known() -> None:
    views = rooms()
    views.want(Join(room="Lobby"), "a")
    assert next_join(views, "j").room == "Lobby"
    views.joined(joined("j", "lobby", head=3))
    assert views.resolve("Lobby") == "lobby"
    assert views.find("Lobby") is views.find("lobby")
    assert views.follow(message(4)) == ("shown", None)
    assert views.want(Join(room="Lobby"), "b")
    assert views.leave("Lobby") == []
    assert views.find("lobby") is None


def test_one_room_by_two_names_goes_on_from_where_one_stood() -> None:
    views = in_lobby()
    assert not views.want(Join(room="LOBBY"), "b")
    next_join(views, "k")
    answer = views.joined(joined("k", "lobby", head=9))
    assert answer is not None
    assert answer[1:] == (None, ["b"])
    assert next_join(views, "l").since == cursor(3), "nothing may be skipped"
    views.joined(joined("l", head=9, recovered="complete"))
    assert views.follow(message(4)) == ("shown", None)


def test_one_room_by_two_names_asked_for_at_once() -> None:
    views = rooms()
    views.want(Join(room="lobby"), "a")
    views.want(Join(room="LOBBY"), "b")
    next_join(views, "j")
    next_join(views, "k")
    assert views.joined(joined("k", "lobby")) is None, "the other answer is under way"
    answer = views.joined(joined("j", "lobby"))
    assert answer is not None
    assert answer[2] == ["a", "b"]
    assert views.next_join(0.0) is None


# Refusals.


def test_a_join_that_may_do_better_later_is_made_again_then() -> None:
    views = rooms()
    views.want(Join(room="lobby"), "a")
    next_join(views, "j")
    assert views.refused("j", 5.0) is None
    assert views.deadline() == 5.0
    assert views.next_join(4.9) is None
    next_join(views, "k", now=5.0)
    answer = views.joined(joined("k"))
    assert answer is not None
    assert answer[2] == ["a"]


def test_a_room_into_which_one_is_not_let_is_given_up() -> None:
    views = rooms()
    views.want(Join(room="lobby"), "a")
    next_join(views, "j")
    assert given_up(views, "j") == ("lobby", None, ["a"])
    assert views.find("lobby") is None


def test_a_conversation_that_cannot_be_joined_is_followed_on_with_a_gap() -> None:
    views = rooms()
    views.listed(summary("~bob", 9))
    next_join(views, "j")
    assert given_up(views, "j") == ("~bob", Gap(room="~bob", after=0, missing=None), [])
    assert views.follow(private(12, prev=9)) == ("shown", None)


# The chain.


def test_a_break_makes_the_room_be_joined_again_and_until_then_nothing_is_shown() -> None:
    views = in_lobby()
    assert views.follow(message(6)) == ("broken", None)
    assert views.follow(message(7)) == ("skipped", None)
    assert next_join(views, "k").since == cursor(3)


def test_entries_of_rooms_that_one_is_not_in_are_passed_over() -> None:
    assert rooms().follow(message(1)) == ("skipped", None)


# Private conversations.


def test_a_new_conversation_is_followed_from_its_first_entry() -> None:
    views = rooms()
    views.meet(private(1))
    assert views.follow(private(1)) == ("shown", None)
    views.meet(private(2))
    assert views.follow(private(2)) == ("shown", None)
    assert views.next_join(0.0) is None


def test_a_conversation_that_is_new_only_to_this_client_is_joined_with_some_replay() -> None:
    views = rooms(private_replay=20)
    views.meet(private(9))
    assert views.follow(private(9)) == ("skipped", None), "it comes again with the others"
    assert next_join(views, "j") == Join(id="j", room="~bob", limit=20)


def test_a_conversation_that_was_cut_before_anything_was_shown_is_as_good_as_new() -> None:
    views = rooms()
    views.meet(private(9))
    next_join(views, "j")
    views.joined(joined("j", "~bob", head=9))
    views.cut()
    views.meet(private(10))
    assert views.follow(private(10)) == ("skipped", None)
    views.listed(summary("~bob", 10))
    assert next_join(views, "k") == Join(id="k", room="~bob", limit=50)


def test_who_wants_no_replay_follows_a_conversation_from_wherever_it_is() -> None:
    views = rooms(private_replay=0)
    views.meet(private(9))
    assert views.follow(private(9)) == ("shown", None)
    assert views.next_join(0.0) is None


def test_a_conversation_with_something_new_is_joined_from_where_one_stood() -> None:
    views = rooms()
    views.meet(private(1))
    views.follow(private(1))
    views.cut()
    assert views.next_join(0.0) is None, "the server sends it by itself"
    views.listed(summary("~bob", 1))
    assert views.next_join(0.0) is None
    views.listed(summary("~bob", 4))
    assert next_join(views, "j") == Join(id="j", room="~bob", since=cursor(1), limit=1000)


@pytest.mark.parametrize(
    ("head", "replay", "joins"), [(9, 50, True), (9, 0, False), (0, 50, False)]
)
def test_a_listed_conversation_that_was_never_seen(head: int, replay: int, joins: bool) -> None:
    views = rooms(private_replay=replay)
    views.listed(summary("~bob", head))
    assert (views.next_join(0.0) is not None) == joins
    if not joins:
        assert views.follow(private(head + 1)) == ("shown", None)
        assert views.follow(private(head + 3)) == ("broken", None)


def known(*names: str) -> Rooms:
    """Rooms that have followed these conversations on a connection before."""
    views = rooms()
    for name in names:
        views.meet(private(1, room=name))
        views.follow(private(1, room=name))
    views.cut()
    return views


def test_a_conversation_of_which_the_server_knows_nothing_any_more_begins_anew() -> None:
    views = known("~bob", "~carol")
    views.listed(summary("~carol", 1))
    assert views.all_listed() == [Gap(room="~bob", after=1, missing=None)]
    assert views.all_listed() == []
    assert views.follow(private(1, id="new")) == ("shown", None)


def test_a_conversation_that_was_left_or_joined_in_the_meantime_is_not_lost() -> None:
    views = known("~bob", "~carol")
    views.leave("~bob")
    views.want(Join(room="~carol"), "a")
    assert views.all_listed() == []


def test_an_application_can_join_a_conversation() -> None:
    views = rooms()
    views.meet(private(1))
    views.follow(private(1))
    assert not views.want(Join(room="~bob"), "a")
    assert next_join(views, "j").since == cursor(1)
    assert not views.want(Join(room="~bob"), "b"), "the join is under way"
    answer = views.joined(joined("j", "~bob", head=1, recovered="complete"))
    assert answer is not None
    assert answer[2] == ["a", "b"]
    views.cut()
    view = views.next_join(0.0)
    assert isinstance(view, RoomView), "it is joined on every connection from now on"


def test_an_application_can_join_a_conversation_that_is_being_joined_already() -> None:
    views = rooms()
    views.listed(summary("~bob", 4))
    next_join(views, "j")
    assert not views.want(Join(room="~bob"), "a")
    assert views.next_join(0.0) is None
    answer = views.joined(joined("j", "~bob", head=4))
    assert answer is not None
    assert (answer[0].wanted, answer[2]) == (True, ["a"])
