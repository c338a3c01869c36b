from hypothesis import given
from hypothesis import strategies as st

from causerie.tui.attendance import BACK_WITHIN, GATHERED_FOR, Attendance, News


def among(*names: str) -> Attendance:
    attendance = Attendance()
    attendance.begin(names)
    return attendance


def test_who_was_there_before_one_came_is_no_news() -> None:
    attendance = among("Alice")
    assert attendance.deadline() is None
    attendance.change(joined=["Alice"], left=[], now=0)
    assert attendance.flush() is None


def test_comings_and_goings_of_a_moment_are_told_together() -> None:
    attendance = among("Alice")
    attendance.change(joined=["Bob"], left=[], now=10)
    attendance.change(joined=["Carol"], left=["Alice"], now=10.25)
    assert attendance.deadline() == 10 + GATHERED_FOR
    assert attendance.tick(10.25) is None
    assert attendance.tick(10 + GATHERED_FOR) == News(("Bob", "Carol"), ("Alice",))
    assert attendance.deadline() is None
    assert attendance.tick(99) is None


def test_who_comes_and_goes_at_once_is_not_mentioned() -> None:
    attendance = among("Alice")
    attendance.change(joined=["Bob"], left=[], now=0)
    attendance.change(joined=[], left=["Bob"], now=0.1)
    attendance.change(joined=[], left=["Alice"], now=0.1)
    attendance.change(joined=["Alice"], left=[], now=0.2)
    assert attendance.tick(GATHERED_FOR) is None
    assert attendance.deadline() is None


def test_fresh_news_are_told_at_once_when_they_have_to_be() -> None:
    attendance = among()
    attendance.change(joined=["Bob"], left=[], now=0)
    assert attendance.flush() == News(("Bob",), ())
    assert attendance.deadline() is None


def test_a_stranger_cannot_leave() -> None:
    attendance = among()
    attendance.change(joined=[], left=["Bob"], now=0)
    assert attendance.flush() is None


def test_who_comes_back_after_a_cut_has_never_left() -> None:
    attendance = among("Alice", "Bob", "Carol")
    attendance.resume(["Carol"], all_named=True, now=100)
    assert attendance.deadline() == 100 + BACK_WITHIN
    attendance.change(joined=["Bob"], left=[], now=101)
    assert attendance.flush() is None
    assert attendance.tick(100 + BACK_WITHIN) is None
    assert attendance.tick(100 + BACK_WITHIN + GATHERED_FOR) == News((), ("Alice",))


def test_who_came_during_a_cut_is_told_and_who_is_said_to_have_gone_after_it_is_too() -> None:
    attendance = among("Alice", "Bob")
    attendance.resume(["Bob", "Carol"], all_named=True, now=100)
    attendance.change(joined=[], left=["Alice"], now=101)
    assert attendance.flush() == News(("Carol",), ("Alice",))
    assert attendance.deadline() is None


def test_a_second_cut_gives_no_more_time_to_come_back() -> None:
    attendance = among("Alice")
    attendance.resume([], all_named=True, now=100)
    attendance.resume([], all_named=True, now=110)
    assert attendance.deadline() == 100 + BACK_WITHIN


def test_where_not_all_are_named_nobody_is_missed() -> None:
    attendance = among("Alice")
    attendance.change(joined=["Bob"], left=[], now=0)
    attendance.resume(["Carol"], all_named=False, now=100)
    assert attendance.deadline() is None
    attendance.change(joined=["Carol"], left=[], now=101)
    assert attendance.flush() is None


NAMES = st.lists(st.sampled_from("ABC"), max_size=2, unique=True)


@given(st.lists(st.tuples(st.booleans(), NAMES, NAMES, st.booleans())))
def test_what_was_told_adds_up_to_who_is_there(
    steps: list[tuple[bool, list[str], list[str], bool]],
) -> None:
    attendance = among("A")
    told, there = {"A"}, {"A"}

    def hear(news: News | None) -> None:
        if news is not None:
            assert not told & set(news.joined)
            assert told >= set(news.left)
            told.difference_update(news.left)
            told.update(news.joined)

    now = 0.0
    for is_cut, names, gone, flushed in steps:
        if is_cut:
            there = set(names)
            attendance.resume(names, all_named=True, now=now)
        else:
            there = there - set(gone) | set(names)
            attendance.change(joined=names, left=gone, now=now)
        now += 0.3
        hear(attendance.flush() if flushed else attendance.tick(now))
    while (deadline := attendance.deadline()) is not None:
        hear(attendance.tick(deadline))
    assert told == there
