"""Removing the oldest entries in SQLite: the contract, and that nothing waits long or is left."""

import threading
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, cast

import apsw
import pytest
from tests.adapters.sqlite_storage import SqliteStorage

from causerie.adapters import sqlite_log, sqlite_trim
from causerie.adapters.sqlite_file import DATABASE
from causerie.adapters.sqlite_places import GENERATION, Places
from causerie.adapters.sqlite_trim import ROOMS, SLICE
from causerie.ports import Failed, Located
from causerie.testing.contracts import Answer, Rig, Storage, draft, rig_on
from causerie.testing.contracts_trimming import TrimmingContract

AT_ONCE = 500


class TestTrimming(TrimmingContract):
    def storage(self) -> Storage:
        return SqliteStorage()


def rig_in(path: Path) -> tuple[Rig, SqliteStorage]:
    storage = SqliteStorage(base=path)
    return Rig(storage), storage


def say(rig: Rig, count: int, *, rooms: int = 1, begin: int = 0) -> None:
    # The recorder looks through all that waits at each outcome.
    for first in range(begin, begin + count, AT_ONCE):
        numbers = range(first, min(first + AT_ONCE, begin + count))
        rig.store(*(draft(f"{number}", room=f"room-{number % rooms}") for number in numbers))


def query(storage: SqliteStorage, sql: str) -> Sequence[Any]:
    """Asks the database of a log that is closed."""
    connection = apsw.Connection(str(storage.folder / DATABASE))
    try:
        return cast("Sequence[Any]", connection.execute(sql).fetchall())
    finally:
        connection.close()


def in_tables(storage: SqliteStorage) -> list[set[int]]:
    """The places that are in the table and in each of its two indexes."""
    tables = ("entries", "places_by_room", "places_by_id")
    return [
        {place for (place,) in query(storage, f"SELECT place FROM {table}")} for table in tables
    ]


def test_rooms_beyond_those_that_are_looked_through_at_once_are_trimmed_as_well() -> None:
    with rig_on(SqliteStorage()) as rig:
        rooms = 2 * ROOMS + 1
        say(rig, 3 * rooms, rooms=rooms)
        assert rig.trim(keep=2) == rooms
        assert {len(rig.read(f"room-{number}")) for number in range(rooms)} == {2}


@pytest.mark.slow
def test_what_is_in_memory_and_what_is_in_the_indexes_goes_alike(tmp_path: Path) -> None:
    rig, storage = rig_in(tmp_path)
    say(rig, GENERATION + 3_000, rooms=3)
    assert rig.trim(keep=50) == GENERATION + 3_000 - 150
    # The merge of what was in memory goes on with what is left.
    say(rig, GENERATION, rooms=3, begin=GENERATION + 3_000)
    assert rig.trim(keep=20) == GENERATION + 150 - 60
    for number in range(3):
        room = rig.read(f"room-{number}")
        assert len(room) == 20
        assert room[-1].seq == rig.head(f"room-{number}").seq
    rig.close()
    table, by_room, by_id = in_tables(storage)
    assert len(table) == 60
    assert by_room <= table
    assert by_id <= table


@pytest.mark.slow
def test_the_room_that_becomes_free_is_used_again(tmp_path: Path) -> None:
    rig, storage = rig_in(tmp_path)
    say(rig, 5_000)
    rig.trim(keep=10)
    rig.reopen()
    ((pages, free),) = query(storage, _PAGES)
    assert free > pages / 2
    say(rig, 4_000, begin=5_000)
    rig.close()
    ((pages_now, _),) = query(storage, _PAGES)
    assert pages_now <= pages


_PAGES = "SELECT page_count, freelist_count FROM pragma_page_count, pragma_freelist_count"


def test_what_is_said_meanwhile_is_stored_before_the_end() -> None:
    with rig_on(SqliteStorage()) as rig:
        say(rig, 10 * SLICE)
        answer = Answer[int]()
        rig.log.trim(before=0, keep=1, done=answer)
        for number in range(3):
            rig.store(draft("meanwhile", identity=f"{number}", room=f"other-{number}"))
            assert not answer.values, "each waits for a slice at most"
        rig.until(lambda: bool(answer.values), "the end")
        assert answer.values == [10 * SLICE - 1]


def test_a_log_that_cannot_be_read_is_not_trimmed() -> None:
    storage = SqliteStorage()
    with rig_on(storage) as rig:
        say(rig, 10)
        storage.log._reading.set_progress_handler(lambda: True, 1)
        answer = Answer[int]()
        rig.log.trim(before=0, keep=1, done=answer)
        rig.until(lambda: bool(answer.values), "an answer")
        (failed,) = answer.values
        assert isinstance(failed, Failed)
        storage.log._reading.set_progress_handler(None)
        assert len(rig.read("room-0")) == 10


def test_of_a_room_whose_first_entry_is_young_no_other_time_is_looked_up() -> None:
    storage = SqliteStorage()
    with rig_on(storage) as rig:
        say(rig, 1_000)
        asked: list[str] = []

        def note(_cursor: object, sql: str, _bindings: object) -> bool:
            asked.append(sql)
            return True

        storage.log._reading.exec_trace = note
        assert rig.trim(before=rig.now - 1) == 0
        storage.log._reading.exec_trace = None
        assert asked.count(sqlite_trim._TIME) == 1


def test_who_reads_while_a_slice_is_removed_is_shown_no_hole_in_what_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the room a part is in the indexes, and the rest in memory; both lose some."""
    monkeypatch.setattr(sqlite_log, "Places", partial(Places, generation=20))
    rig, storage = rig_in(tmp_path)
    say(rig, 20)
    for number in range(20, 70):
        say(rig, 1, begin=number)
    entries = rig.read("room-0")
    places = storage.log._places
    forget, is_over = places.forget, threading.Event()
    is_removed = threading.Event()

    def forget_then_wait(room: int, upto: int) -> None:
        forget(room, upto)
        is_removed.set()
        assert is_over.wait(20), "the test goes on"

    monkeypatch.setattr(places, "forget", forget_then_wait)
    rig.log.trim(before=0, keep=5, done=Answer[int]())
    rig.until(is_removed.is_set, "what is not committed yet")
    for entry in entries:
        located = Answer[Located]()
        # Not by the rig, which would ask the thread that writes for the epoch.
        rig.log.locate(
            "room-0",
            seq=entry.seq,
            id=entry.id,
            epoch=storage.log._epoch,
            upto=entries[-1].seq,
            limit=len(entries),
            done=located,
        )
        recovered = rig.wait(located).recovered
        assert recovered == ("complete" if entry in entries[-5:] else "none")
        assert rig.read("room-0", after=entry.prev) == [
            left for left in entries[-5:] if left.seq >= entry.seq
        ]
    assert rig.read_back("room-0") == entries[-5:]
    is_over.set()
    rig.close()
