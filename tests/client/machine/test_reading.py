import msgspec
import pytest

from causerie.client.machine.events import Unknown
from causerie.client.machine.reading import read_entry, read_frame, read_history
from causerie.wire.replies import HistoryPage, Message, Pong

MESSAGE = (
    b'{"type":"message","room":"lobby","seq":2,"prev":1,"id":"m2","username":"Bob",'
    b'"content":"hi","timestamp":5}'
)
PONG = '{"type":"pong","time":7}'


def test_a_frame_is_read_from_text_or_its_bytes() -> None:
    assert read_frame(PONG) == read_frame(PONG.encode()) == Pong(time=7)
    assert isinstance(read_frame(MESSAGE), Message)


def test_an_entry_of_a_newer_type_has_its_place_in_the_room() -> None:
    text = (
        '{"type":"reaction","room":"lobby","seq":3,"prev":2,"id":"r","username":"Bob",'
        '"timestamp":6,"emoji":"👍"}'
    )
    expected = Unknown(room="lobby", seq=3, prev=2, id="r", username="Bob", timestamp=6, frame=text)
    assert read_frame(text) == read_frame(text.encode()) == expected


def test_an_entry_with_a_fault_of_its_own_still_has_its_place() -> None:
    frame = read_frame('{"type":"message","room":"lobby","seq":3,"prev":2}')
    assert isinstance(frame, Unknown)
    assert (frame.seq, frame.prev, frame.id, frame.username, frame.timestamp) == (3, 2, "", "", 0)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nonsense",
        "[1]",
        '{"type":"wave","room":"lobby"}',
        '{"type":"wave","room":"lobby","seq":-1,"prev":0}',
        '{"type":"wave","room":"lobby","seq":"1","prev":0}',
        b"\xff",
        "[" * 100_000,
    ],
)
def test_what_cannot_be_read_and_has_no_place_is_nothing(text: str | bytes) -> None:
    assert read_frame(text) is None


def test_only_entries_are_entries() -> None:
    assert isinstance(read_entry(MESSAGE), Message)
    assert isinstance(read_entry(b'{"type":"x","room":"r","seq":1,"prev":0}'), Unknown)
    assert read_entry(PONG.encode()) is None
    assert read_entry(b"nonsense") is None


def test_a_page_of_a_log_is_read_and_what_is_no_entry_is_left_out() -> None:
    entries = [msgspec.Raw(MESSAGE), msgspec.Raw(PONG.encode())]
    page = HistoryPage(id="q", room="lobby", epoch="e1", entries=entries, more=True)
    history = read_history(page)
    assert (history.room, history.epoch, history.more) == ("lobby", "e1", True)
    assert [entry.id for entry in history.entries] == ["m2"]
