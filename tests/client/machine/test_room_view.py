from typing import Any

import pytest
from tests.client.frames import cursor, joined, message, summary

from causerie.client.machine.events import Entry, Gap, Unknown
from causerie.client.machine.room_view import Absent, Joining, Live, RoomView, Settling
from causerie.wire.commands import Cursor, Join


def view(*, replay: int = 0, most: int = 1000, wanted: bool = True) -> RoomView:
    return RoomView("lobby", wanted=wanted, replay=replay, most=most)


def live(head: int = 3, **options: Any) -> RoomView:
    """A view that has joined at a head."""
    room = view(**options)
    room.join("j")
    assert room.joined(joined("j", head=head)) is None
    return room


def rejoined(room: RoomView, head: int | Cursor, **fields: Any) -> Gap | None:
    """The view is cut, and joins again."""
    room.cut()
    room.join("j")
    return room.joined(joined("j", head=head, **fields))


def shown(room: RoomView, *entries: Entry) -> list[int]:
    """The seqs of the entries that the view shows; none of them may open a gap."""
    seqs: list[int] = []
    for entry in entries:
        followed, gap = room.follow(entry)
        assert gap is None
        if followed == "shown":
            seqs.append(entry.seq)
    return seqs


# A first join.


def test_a_first_join_begins_at_the_head() -> None:
    room = view()
    assert room.join("j") == Join(id="j", room="lobby")
    assert room.phase == Joining("j", resuming=False)
    assert room.joined(joined("j", head=3)) is None
    assert (room.epoch, room.cursor) == ("e1", cursor(3))
    assert shown(room, message(4), message(5)) == [4, 5]


def test_a_first_join_with_replay_begins_with_the_first_entry_that_comes() -> None:
    room = view(replay=2)
    assert room.join("j") == Join(id="j", room="lobby", limit=2)
    room.joined(joined("j", head=9))
    assert room.cursor is None
    assert shown(room, message(8), message(9), message(10)) == [8, 9, 10]


def test_a_first_join_with_replay_of_an_empty_room_begins_at_its_beginning() -> None:
    room = view(replay=2)
    room.join("j")
    room.joined(joined("j", head=0))
    assert shown(room, message(1)) == [1]


def test_a_first_join_that_was_cut_before_anything_came_is_a_first_join_again() -> None:
    room = view(replay=2)
    room.join("j")
    room.joined(joined("j", head=9))
    room.cut()
    assert room.join("k") == Join(id="k", room="lobby", limit=2)


# The chain.


def test_numbers_may_be_skipped_if_the_chain_holds() -> None:
    assert shown(live(3), message(7, prev=3), message(20, prev=7)) == [7, 20]


def test_what_came_before_is_passed_over() -> None:
    room = live(3)
    assert shown(room, message(4), message(4), message(3), message(2), message(5)) == [4, 5]


@pytest.mark.parametrize("prev", [5, 2])
def test_a_break_in_the_chain_shows_nothing_until_the_room_is_joined_again(prev: int) -> None:
    room = live(3)
    assert room.follow(message(6, prev=prev)) == ("broken", None)
    room.leave_behind(5.0)
    assert room.phase == Absent(5.0)
    assert shown(room, message(4), message(7)) == []
    assert room.join("j") == Join(id="j", room="lobby", since=cursor(3), epoch="e1", limit=1000)
    assert shown(room, message(8)) == []
    room.joined(joined("j", head=8, recovered="complete"))
    assert shown(room, *map(message, range(4, 10))) == [4, 5, 6, 7, 8, 9]


def test_an_entry_of_an_unknown_type_has_its_place_in_the_chain() -> None:
    room = live(3)
    unknown = Unknown(room="lobby", seq=4, prev=3, id="u", username="Bob", timestamp=1, frame="{}")
    assert shown(room, unknown, message(5)) == [4, 5]


# Coming back.


def test_coming_back_asks_for_what_follows_the_cursor() -> None:
    room = live(3, most=50)
    shown(room, message(4))
    room.cut()
    assert room.join("j") == Join(id="j", room="lobby", since=cursor(4), epoch="e1", limit=50)


def test_all_that_came_in_the_meantime_is_shown() -> None:
    room = live(3)
    rejoined(room, 5, recovered="complete")
    assert isinstance(room.phase, Settling)
    assert shown(room, message(4), message(5), message(6)) == [4, 5, 6]


def test_when_nothing_came_in_the_meantime_one_is_live_at_once() -> None:
    room = live(3)
    rejoined(room, 3, recovered="complete")
    assert room.phase == Live()
    assert room.follow(message(5, prev=4)) == ("broken", None)


def test_an_empty_room_is_resumed_too() -> None:
    room = live(0)
    rejoined(room, 0, recovered="complete")
    assert room.phase == Live()
    rejoined(room, 2, recovered="complete")
    assert shown(room, message(1), message(2)) == [1, 2]


def test_what_is_left_out_is_told_when_the_first_entry_after_it_comes() -> None:
    room = live(3)
    assert rejoined(room, 99, recovered="partial", missing=90) is None
    assert room.follow(message(94, prev=93)) == (
        "shown",
        Gap(room="lobby", after=3, missing=90),
    )
    assert shown(room, message(95)) == [95]


def test_a_gap_is_told_once_even_if_a_cut_comes_before_the_first_entry() -> None:
    room = live(3)
    assert rejoined(room, 99, recovered="partial", missing=90) is None
    assert rejoined(room, 109, recovered="partial", missing=100) is None
    assert room.follow(message(104)) == ("shown", Gap(room="lobby", after=3, missing=100))


def test_a_hole_that_the_server_denies_is_told_and_not_asked_for_for_ever() -> None:
    room = live(3)
    rejoined(room, 9, recovered="complete")
    assert room.follow(message(6)) == ("shown", Gap(room="lobby", after=3, missing=None))
    assert shown(room, message(7)) == [7]


def test_what_was_shown_is_passed_over_when_it_comes_again_after_the_join() -> None:
    room = live(3)
    shown(room, message(4), message(5))
    rejoined(room, 7, recovered="complete")
    assert shown(room, message(4), message(6), message(7)) == [6, 7]


def test_the_entry_at_the_cursor_that_comes_again_after_the_join_opens_no_hole() -> None:
    room = live(3)
    shown(room, message(4), message(5))
    rejoined(room, 7, recovered="complete")
    assert shown(room, message(5), message(6), message(7)) == [6, 7]


@pytest.mark.parametrize("recovered", ["none", None])
def test_another_log_is_a_gap_of_unknown_size_and_a_new_beginning(recovered: str | None) -> None:
    room = live(3)
    assert rejoined(room, 50, epoch="e2", recovered=recovered) == Gap(
        room="lobby", after=3, missing=None
    )
    assert room.epoch == "e2"
    assert shown(room, message(2, id="x"), message(3, id="y")) == [2, 3]


def test_another_log_that_is_empty_is_followed_from_its_beginning() -> None:
    room = live(3)
    assert rejoined(room, 0, epoch="e2", recovered="none") is not None
    assert room.cursor == Cursor(0, "")
    assert shown(room, message(1)) == [1]


def test_another_log_that_was_cut_off_before_its_first_entry_is_no_second_gap() -> None:
    room = live(3, most=50)
    rejoined(room, 50, epoch="e2", recovered="none")
    room.cut()
    assert room.join("j") == Join(id="j", room="lobby", limit=50)
    assert room.joined(joined("j", head=50, epoch="e2")) is None
    assert shown(room, message(50)) == [50]


def test_what_a_restored_log_says_again_is_not_shown_again() -> None:
    room = live(0)
    shown(room, *map(message, range(1, 6)))
    assert rejoined(room, 3, recovered="none") is not None
    assert shown(room, *map(message, range(1, 4))) == []
    assert shown(room, message(4, id="m5", timestamp=9)) == [], "it was said to it once more"
    assert shown(room, message(5, id="new", timestamp=10)) == [5]


def test_entries_without_an_id_are_all_different() -> None:
    assert shown(live(3), message(4, id=""), message(5, id="")) == [4, 5]


def test_the_same_id_by_somebody_else_hides_nothing() -> None:
    room = live(0)
    shown(room, message(1, id="x"))
    assert shown(room, message(2, id="x", username="Mallory")) == [2]


def test_only_as_much_is_remembered_as_can_come_again() -> None:
    room = live(0, most=2)
    shown(room, message(1), message(2), message(3))
    rejoined(room, 3, recovered="none")
    assert shown(room, message(2), message(3)) == []
    rejoined(room, 3, recovered="none")
    assert shown(room, message(1)) == [1]


# A log that was moved: the server found the cursor's entry in another place.


def test_in_a_moved_log_one_goes_on_from_the_entry_not_from_its_number() -> None:
    room = live(100)
    rejoined(room, 12, epoch="e2", recovered="complete")
    assert shown(room, message(11), message(12), message(13)) == [11, 12, 13]
    assert room.epoch == "e2"


def test_in_a_moved_log_with_greater_numbers_nothing_is_missing_either() -> None:
    room = live(3)
    rejoined(room, 900, epoch="e2", recovered="complete")
    assert shown(room, message(900), message(901)) == [900, 901]


def test_a_moved_log_without_anything_new_is_followed_from_its_own_head() -> None:
    room = live(100)
    rejoined(room, Cursor(10, "m100"), epoch="e2", recovered="complete")
    assert room.phase == Live()
    assert shown(room, message(11)) == [11]


def test_a_moved_log_whose_epoch_stayed_is_recognised_by_its_lower_numbers() -> None:
    room = live(0)
    shown(room, *map(message, range(1, 6)))
    rejoined(room, 9, recovered="complete")
    assert shown(room, message(4, id="new", timestamp=1)) == [4]
    assert shown(room, message(5, id="newer", timestamp=2)) == [5]


def test_a_cut_before_the_first_entry_of_a_moved_log_leaves_the_old_cursor_and_epoch() -> None:
    room = live(100)
    rejoined(room, 12, epoch="e2", recovered="complete")
    room.cut()
    command = room.join("j")
    assert (command.since, command.epoch) == (cursor(100), "e1")


def test_a_gap_in_a_moved_log_is_told() -> None:
    room = live(100)
    rejoined(room, 50, epoch="e2", recovered="partial", missing=7)
    assert room.follow(message(20)) == ("shown", Gap(room="lobby", after=100, missing=7))


def test_a_cursor_without_an_epoch_is_good_for_any() -> None:
    room = view()
    room.cursor = cursor(3)
    room.join("j")
    room.joined(joined("j", head=9, recovered="complete"))
    assert room.follow(message(6))[1] == Gap(room="lobby", after=3, missing=None)


# Conversations.


def test_after_a_cut_a_wanted_room_is_absent_and_a_conversation_goes_on() -> None:
    room, conversation = live(3), live(3, wanted=False)
    room.cut()
    conversation.cut()
    assert isinstance(room.phase, Absent)
    assert shown(conversation, message(4)) == [4]


def test_a_conversation_is_behind_if_its_log_has_another_head_or_epoch() -> None:
    conversation = live(3, wanted=False)
    assert not conversation.is_behind(summary("lobby", 3))
    assert conversation.is_behind(summary("lobby", 4))
    assert conversation.is_behind(summary("lobby", Cursor(3, "x")))
    assert conversation.is_behind(summary("lobby", 3, epoch="e2"))
    conversation.leave_behind(0.0)
    assert not conversation.is_behind(summary("lobby", 4)), "it catches up already"


def test_a_conversation_whose_entries_are_on_their_way_is_not_behind() -> None:
    conversation = live(9, wanted=False, replay=5)
    assert not conversation.is_behind(summary("lobby", 9))


def test_a_conversation_can_begin_at_its_head() -> None:
    conversation = view(wanted=False)
    conversation.begin_at(summary("lobby", 7))
    assert (conversation.epoch, conversation.cursor) == ("e1", cursor(7))
    assert shown(conversation, message(8)) == [8]


def test_a_conversation_that_cannot_be_joined_is_followed_as_it_comes() -> None:
    conversation = live(3, wanted=False)
    conversation.leave_behind(0.0)
    assert conversation.give_up() == Gap(room="lobby", after=3, missing=None)
    assert shown(conversation, message(9), message(10)) == [9, 10]
    assert view(wanted=False).give_up() == Gap(room="lobby", after=0, missing=None)
