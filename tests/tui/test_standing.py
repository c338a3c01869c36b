import errno

from causerie.client.errors import Ended
from causerie.client.machine.states import (
    Closed,
    Connected,
    Connecting,
    Disconnected,
    Reconnecting,
)
from causerie.language import Words
from causerie.tui.lines import Line, Style, plain
from causerie.tui.standing import Standing


def standing(*, max_attempts: int | None = 5) -> Standing:
    return Standing(Words("en"), max_attempts=max_attempts)


def disconnected(reason: str = "", *, attempt: int = 1, retry_at: float = 102.1) -> Disconnected:
    return Disconnected(code=1006, reason=reason, attempt=attempt, retry_at=retry_at)


def texts(lines: list[Line]) -> list[str]:
    return [plain(line) for line in lines]


def test_a_first_attempt_is_told() -> None:
    assert texts(standing().changed(Connecting(), 0)) == ["Connecting…"]
    assert plain(standing().words(0)) == "Connecting…"


def test_being_connected_is_told_once_with_the_latency() -> None:
    one = standing()
    assert one.changed(Connected(since=0), 0) == []
    assert texts(one.measured(3)) == ["Connected (3 ms)"]
    assert one.measured(4) == []
    assert plain(one.words(0)) == "Connected (4 ms)"


def test_a_cut_is_told_with_its_reason_and_the_next_attempt() -> None:
    one = standing()
    one.changed(Connected(since=0), 0)
    one.measured(3)
    assert texts(one.changed(disconnected("restart\x1b"), 100)) == [
        "Disconnected: restart␛",
        "Reconnecting in 2.1 s (attempt 1 of 5)",
    ]
    assert one.changed(Reconnecting(attempt=1), 102) == []
    assert plain(one.words(102)) == "Reconnecting… (attempt 1 of 5)"
    assert texts(one.changed(disconnected(attempt=2), 102)) == [
        "Reconnecting in 0.1 s (attempt 2 of 5)"
    ]
    one.changed(Connected(since=103), 103)
    assert texts(one.measured(5)) == ["Connected (5 ms)"]


def test_why_nothing_can_be_reached_is_told_again_when_it_is_another_reason() -> None:
    one = standing()
    one.changed(Connected(since=0), 0)
    told = []
    for attempt, reason in enumerate(("bye", "refused", "refused", "", "no route", "refused")):
        told += texts(one.changed(disconnected(reason, attempt=attempt), 100))
        one.changed(Reconnecting(attempt=attempt), 102)
    assert [text for text in told if not text.startswith("Reconnecting")] == [
        "Disconnected: bye",
        "No connection: refused",
        "No connection: no route",
        "No connection: refused",
    ]


def test_a_cut_without_a_reason_is_told_without() -> None:
    one = standing(max_attempts=None)
    one.changed(Connected(since=0), 0)
    assert texts(one.changed(disconnected(), 100)) == [
        "Disconnected",
        "Reconnecting in 2.1 s (attempt 1)",
    ]


def test_that_there_is_no_server_is_told_differently_from_a_cut() -> None:
    refused = f"[Errno {errno.ECONNREFUSED}] Connect call failed"
    assert texts(standing().changed(disconnected(refused, attempt=2), 100)) == [
        "No connection: Connection refused",
        "Reconnecting in 2.1 s (attempt 2 of 5)",
    ]
    assert texts(standing().changed(disconnected(), 100))[0] == "No connection: close code 1006"


def test_the_delay_counts_down_to_nothing() -> None:
    one = standing()
    before = one.is_waiting
    one.changed(disconnected(), 100)
    assert (before, one.is_waiting) == (False, True)
    assert plain(one.words(101)) == "Reconnecting in 1.1 s (attempt 1 of 5)"
    assert plain(one.words(200)) == "Reconnecting in 0.0 s (attempt 1 of 5)"


def test_the_end_is_no_line_of_its_own_but_can_be_seen() -> None:
    one = standing()
    assert one.changed(Closed(error=Ended("over")), 0) == []
    assert plain(one.words(0)) == "Closed"


def test_good_and_bad_look_different() -> None:
    one = standing()
    one.changed(Connected(since=0), 0)
    assert one.words(0)[0].style is Style.GOOD
    one.changed(disconnected(), 0)
    assert one.words(0)[0].style is Style.BAD
