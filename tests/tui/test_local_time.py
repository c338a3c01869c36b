from datetime import datetime

from causerie.tui.local_time import local_time


def test_a_moment_is_the_same_by_the_clocks_of_the_place() -> None:
    assert local_time(1_800_000_000_500).timestamp() == 1_800_000_000.5
    assert local_time(0).utcoffset() == datetime.fromtimestamp(0).astimezone().utcoffset()


def test_a_moment_after_the_last_year_is_shown_as_the_last() -> None:
    assert local_time(10**18).year >= 9999


def test_a_moment_before_1970_is_shown_as_the_first_of_that() -> None:
    assert local_time(-(10**18)) == local_time(0)
