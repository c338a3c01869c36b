import pytest
from tests.tui.screen.entries import message

from causerie.tui.screen.timeline import MOST_FORMER, Hole, Timeline
from causerie.wire.replies import Message


def seqs(timeline: Timeline) -> list[int]:
    return [entry.seq for entry in timeline.entries]


def timeline_of(*numbers: int) -> Timeline:
    timeline = Timeline()
    for seq in numbers:
        timeline.add(message(seq))
    return timeline


# Entries.


def test_entries_stand_once_in_the_order_of_the_log() -> None:
    timeline = timeline_of(4, 5, 6)
    assert not timeline.add(message(5))
    assert timeline.add(message(7))
    assert seqs(timeline) == [4, 5, 6, 7]
    found = timeline.find("m5")
    assert found is not None
    assert found.seq == 5
    assert timeline.find("m9") is None


def test_an_empty_timeline_has_neither_a_first_nor_a_last() -> None:
    assert (Timeline().first, Timeline().last) == (0, 0)


def test_the_first_entry_says_whether_there_are_earlier_ones() -> None:
    assert not timeline_of(1).has_earlier
    assert timeline_of(4).has_earlier


def test_an_earlier_page_comes_before_the_others() -> None:
    timeline = timeline_of(4, 5)
    timeline.prepend([message(2), message(3), message(4)], before=4, more=True)
    assert seqs(timeline) == [2, 3, 4, 5]
    timeline.prepend([message(1)], before=2, more=False)
    assert (seqs(timeline), timeline.has_earlier) == ([1, 2, 3, 4, 5], False)


@pytest.mark.parametrize("page", [[], [message(4)]])
def test_no_earlier_page_is_awaited_where_more_is_promised_and_none_sent(
    page: list[Message],
) -> None:
    timeline = timeline_of(4, 5)
    timeline.prepend(page, before=4, more=True)
    assert (seqs(timeline), timeline.has_earlier) == ([4, 5], False)


def test_an_earlier_page_of_a_log_that_is_no_more_is_not_wanted() -> None:
    timeline = timeline_of(40, 41)
    timeline.tear(41, None)
    timeline.add(message(50))
    timeline.prepend([message(38), message(39)], before=40, more=True)
    assert seqs(timeline) == [50]


# Holes.


def test_a_hole_is_before_the_entry_that_follows_it_and_is_filled_page_by_page() -> None:
    timeline = timeline_of(1, 2)
    timeline.tear(2, 4)
    timeline.add(message(7))
    timeline.add(message(8))
    assert timeline.hole_before(7) == Hole(2, 4)
    for _ in range(2):  # asked for twice
        timeline.fill(7, [message(3), message(4)], after=2)
    assert timeline.hole_before(7) == Hole(4, 2)
    timeline.fill(7, [message(5), message(6), message(7)], after=4)
    assert timeline.hole_before(7) is None
    assert seqs(timeline) == [1, 2, 3, 4, 5, 6, 7, 8]


def test_a_hole_that_nothing_can_fill_is_closed_and_asked_for_no_more() -> None:
    timeline = timeline_of(1)
    timeline.tear(1, 2)
    timeline.add(message(4))
    timeline.fill(4, [], after=1)
    assert timeline.hole_before(4) is None
    timeline.fill(4, [message(2)], after=1)
    assert seqs(timeline) == [1, 4]


def test_a_loss_of_unknown_size_sets_aside_what_stood_before_it() -> None:
    timeline = timeline_of(7, 8)
    timeline.tear(8, None)
    assert timeline.add(message(1, id="new"))
    assert seqs(timeline) == [1]
    assert [entry.seq for entry in timeline.former] == [7, 8]
    assert timeline.find("m7") is None


def test_of_a_former_log_so_much_stays_in_sight() -> None:
    timeline = timeline_of(*range(1, MOST_FORMER + 10))
    timeline.tear(1, None)
    assert len(timeline.former) == MOST_FORMER


# One's own.


def test_what_one_says_stands_at_the_end_until_its_entry_comes() -> None:
    timeline = timeline_of(1)
    for _ in range(2):
        timeline.sending(id="m2", content="hi", reply_to="", at=5)
    assert [pending.state for pending in timeline.pending] == ["sending"]
    timeline.sent("m2")
    assert [pending.state for pending in timeline.pending] == ["sent"]
    timeline.add(message(2))
    assert timeline.pending == ()


def test_what_was_seen_already_is_not_pending_again() -> None:
    timeline = timeline_of(1)
    timeline.sending(id="m1", content="text 1", reply_to="", at=5)
    assert timeline.pending == ()


def test_what_is_for_here_stands_as_it_stood_elsewhere() -> None:
    elsewhere, timeline = Timeline(), timeline_of(1)
    for id in ("m1", "x"):
        elsewhere.sending(id=id, content="hi", reply_to="", at=1)
    elsewhere.failed("x", "no")
    timeline.adopt(elsewhere.pending)
    assert [(one.id, one.state) for one in timeline.pending] == [("x", "failed")]


def test_what_was_not_taken_says_why_until_it_is_given_up() -> None:
    timeline = timeline_of(1)
    for id in ("x", "y"):
        timeline.sending(id=id, content="hi", reply_to="", at=5)
    timeline.failed("x", "too long")
    timeline.sent("none such")
    states = [(pending.id, pending.state, pending.reason) for pending in timeline.pending]
    assert states == [("x", "failed", "too long"), ("y", "sending", "")]
    timeline.settle("x")
    assert [pending.id for pending in timeline.pending] == ["y"]
