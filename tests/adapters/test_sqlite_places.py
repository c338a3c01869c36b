"""Finding entries in memory and in the indexes, wherever they are just then."""

from pathlib import Path
from typing import Any, cast

import apsw
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from causerie.adapters.sqlite_file import SCHEMA
from causerie.adapters.sqlite_places import Placed, Places, hash_id

ROOMS = 3
EVERYTHING = 2**63 - 1

_ENTRY = """
    INSERT INTO entries (place, room, seq, author, id, timestamp, private, username, content)
    VALUES (?, ?, ?, 1, ?, 0, 0, 'Alice', 'hi')
"""


class Log:
    """A table of entries, and what finds them."""

    def __init__(self, *, generation: int, path: str = ":memory:") -> None:
        self.connection = apsw.Connection(path)
        self.connection.execute(SCHEMA)
        self.generation = generation
        self.places = Places(self.connection, generation=generation)
        self.entries: list[Placed] = []
        """All that were ever stored."""
        self.left: list[Placed] = []

    def begin_again(self) -> None:
        """As after a crash: what was not in the database is gone."""
        self.places = Places(self.connection, generation=self.generation)

    def remove(self, room: int, count: int) -> None:
        """Removes so many of the oldest entries of a room, from the table and the indexes."""
        for place, _room, seq, found_by in [each for each in self.left if each[1] == room][:count]:
            self.connection.execute("DELETE FROM entries WHERE place = ?", (place,))
            self.connection.execute("DELETE FROM places_by_room WHERE place = ?", (place,))
            self.connection.execute("DELETE FROM places_by_id WHERE place = ?", (place,))
            self.places.forget(room, seq)
            self.left.remove((place, room, seq, found_by))

    def store(self, *rooms: int, commits: bool = True) -> None:
        """Stores an entry in each of these rooms, in one batch."""
        batch: list[Placed] = []
        for room in rooms:
            seq = 1 + sum(entry[1] == room for entry in (*self.entries, *batch))
            place = len(self.entries) + len(batch) + 1
            self.connection.execute(_ENTRY, (place, room, seq, str(place)))
            batch.append((place, room, seq, hash_id(1, str(place))))
        for statement, argument in self.places.writes(len(batch)):
            self.connection.execute(statement, (argument,))
        self.places.wrote()
        self.places.add(batch)
        if commits:
            self.places.committed()
        self.entries += batch
        self.left += batch

    def of(self, room: int, *, after: int = 0, upto: int = EVERYTHING) -> list[int]:
        """The places of what is left in a room after one seq and up to another."""
        return [place for place, of, seq, _ in self.left if of == room and after < seq <= upto]

    def last(self, room: int) -> int:
        """The seq of a room's newest entry."""
        return max((seq for _, of, seq, _ in self.left if of == room), default=0)

    def indexed(self) -> list[int]:
        """How many are in each index, and up to where both are complete."""
        sql = """
            SELECT (SELECT count(*) FROM places_by_room), (SELECT count(*) FROM places_by_id),
                (SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'indexed')
        """
        ((by_room, by_id, up_to),) = cast("Any", self.connection.execute(sql).fetchall())
        return [by_room, by_id, up_to]


class Machine(RuleBasedStateMachine):
    """Whatever comes, is merged and is lost of the memory: all is found, once and in order."""

    @initialize(generation=st.integers(1, 7))
    def begin(self, generation: int) -> None:
        self.log = Log(generation=generation)

    @rule(rooms=st.lists(st.integers(1, ROOMS), min_size=1, max_size=9))
    def store(self, rooms: list[int]) -> None:
        self.log.store(*rooms)

    @rule()
    def begin_again(self) -> None:
        self.log.begin_again()

    @rule(room=st.integers(1, ROOMS), count=st.integers(1, 9))
    def remove(self, room: int, count: int) -> None:
        self.log.remove(room, min(count, len(self.log.of(room)) - 1))

    @rule(
        room=st.integers(1, ROOMS + 1),
        after=st.one_of(st.integers(0, 30), st.just(EVERYTHING)),
        upto=st.one_of(st.integers(0, 30), st.just(EVERYTHING)),
        limit=st.one_of(st.integers(0, 9), st.just(EVERYTHING)),
    )
    def look_forward(self, room: int, after: int, upto: int, limit: int) -> None:
        log = self.log
        found = log.places.by_room(log.connection, room, after=after, upto=upto, limit=limit)
        assert found == log.of(room, after=after, upto=upto)[:limit]

    @rule(
        room=st.integers(1, ROOMS + 1),
        before=st.one_of(st.integers(0, 30), st.just(EVERYTHING)),
        limit=st.one_of(st.integers(0, 9), st.just(EVERYTHING)),
    )
    def look_back(self, room: int, before: int, limit: int) -> None:
        log = self.log
        found = log.places.by_room_back(log.connection, room, before=before, limit=limit)
        assert found == log.of(room, upto=before - 1)[::-1][:limit]

    @invariant()
    def every_entry_is_found_by_its_id(self) -> None:
        if not hasattr(self, "log"):
            return
        log = self.log
        hashes = [entry[3] for entry in log.entries]
        found = log.places.by_id(log.connection, [*hashes, hash_id(1, "never"), hash_id(2, "1")])
        # Of what was removed it may find where it was.
        assert {entry[0] for entry in log.left} <= set(found) <= {each[0] for each in log.entries}

    @invariant()
    def nothing_that_was_removed_is_in_the_indexes(self) -> None:
        if hasattr(self, "log"):
            left = {entry[0] for entry in self.log.left}
            for index in ("places_by_room", "places_by_id"):
                rows = self.log.connection.execute(f"SELECT place FROM {index}")
                assert {place for (place,) in rows} <= left

    @invariant()
    def every_room_begins_where_it_does(self) -> None:
        if not hasattr(self, "log"):
            return
        for room in range(1, ROOMS + 2):
            first = self.log.places.seen().first(self.log.connection, room)
            assert first == min((seq for _, of, seq, _ in self.log.left if of == room), default=1)

    @invariant()
    def every_room_ends_where_it_does(self) -> None:
        if not hasattr(self, "log"):
            return
        for room in range(1, ROOMS + 2):
            head = self.log.places.seen().head(self.log.connection, room)
            assert head == self.log.last(room)


TestMachine = Machine.TestCase


def test_what_has_entered_the_indexes_leaves_the_memory() -> None:
    log = Log(generation=10)
    for number in range(10):
        log.store(1 + number % 2)
    assert log.indexed() == [0, 0, 0]
    log.store(1, 2, 1, 2, 1)
    assert log.indexed() == [5, 5, 0], "as much of the last generation as came of this one"
    log.store(1, 2, 1, 2, 1)
    assert log.indexed() == [10, 10, 10]
    assert [generation.size for generation in log.places._generations] == [10, 0]
    for _ in range(20):
        log.store(*range(1, 11))
    assert sum(generation.size for generation in log.places._generations) <= 20


def test_more_than_a_generation_is_merged_the_faster() -> None:
    log = Log(generation=10)
    log.store(*[1] * 35)
    log.store(*[1] * 9)
    assert log.indexed()[:2] == [35, 35]


def test_however_little_is_said_between_two_starts_the_memory_stays_bounded() -> None:
    log = Log(generation=10)
    for _ in range(30):
        log.store(1, 2, 1)
        log.begin_again()
        assert sum(generation.size for generation in log.places._generations) < 20
    assert log.indexed()[2] > 60


def test_a_commit_changes_few_pages_however_large_the_log_has_grown(tmp_path: Path) -> None:
    connection = apsw.Connection(str(tmp_path / "log.db"))
    connection.execute(SCHEMA)
    connection.pragma("synchronous", "OFF")
    places = Places(connection, generation=2_000)
    number = 0
    changed = []
    for batch in range(200):
        placed: list[Placed] = []
        for _ in range(100):
            number += 1
            room = number % 500
            connection.execute(_ENTRY, (number, room, 1 + number // 500, f"{number:032x}"))
            placed.append((number, room, 1 + number // 500, hash_id(1, f"{number:032x}")))
        connection.status(apsw.SQLITE_DBSTATUS_CACHE_WRITE, True)
        with connection:
            for statement, argument in places.writes(100):
                connection.execute(statement, (argument,))
        places.wrote()
        places.add(placed)
        places.committed()
        if batch >= 100:
            changed.append(connection.status(apsw.SQLITE_DBSTATUS_CACHE_WRITE, True)[0])
    connection.close()
    # An index given keys in no order would have a page of its own changed for nearly each of them.
    assert sum(changed) / len(changed) < 20


@pytest.mark.parametrize("back", [False, True])
def test_whoever_looks_while_a_merge_ends_misses_nothing(*, back: bool) -> None:
    log = Log(generation=10)
    log.store(*[1] * 10)
    log.store(*[1] * 9)
    assert log.indexed()[0] == 9

    class Reader:
        """What is looked for in the indexes is looked for after the merge has ended."""

        def execute(self, *arguments: Any) -> Any:
            log.store(1)
            assert log.indexed()[0] == 10
            return log.connection.execute(*arguments)

    reader = cast(apsw.Connection, Reader())
    if back:
        found = log.places.seen().by_room_back(reader, 1, before=20, limit=100)[::-1]
    else:
        found = log.places.seen().by_room(reader, 1, after=0, upto=19, limit=100)
    assert found == list(range(1, 20))


@pytest.mark.parametrize("merging", [False, True])
def test_until_the_commit_others_find_what_they_found_before(
    tmp_path: Path, *, merging: bool
) -> None:
    log = Log(generation=10, path=str(tmp_path / "log.db"))
    log.connection.pragma("journal_mode", "wal")
    other = apsw.Connection(str(tmp_path / "log.db"))
    log.store(*[1] * (10 if merging else 1))
    log.connection.execute("BEGIN")
    log.store(*[1] * 10, commits=False)
    assert (log.indexed()[0] == 10) == merging, "the last of the merge"
    places = log.places
    before = log.of(1)[:-10]
    seen = places.seen()
    assert seen.head(other, 1) == len(before)
    assert seen.by_room(other, 1, after=0, upto=EVERYTHING, limit=EVERYTHING) == before
    assert seen.by_room_back(other, 1, before=EVERYTHING, limit=3) == before[:-4:-1]
    assert set(before) <= set(seen.by_id(other, [entry[3] for entry in log.entries]))
    found = places.by_room_back(log.connection, 1, before=99, limit=3)
    assert found == log.of(1)[:-4:-1]
    log.connection.execute("COMMIT")
    places.committed()
    seen = places.seen()
    assert seen.by_room(other, 1, after=0, upto=EVERYTHING, limit=EVERYTHING) == log.of(1)
    assert len(places._generations) == 2, "what is in the indexes is not in memory any more"
    other.close()
    log.connection.close()


@pytest.mark.parametrize("slice_of", [1, 2])
def test_two_with_the_same_hash_are_both_found(slice_of: int) -> None:
    log = Log(generation=2)
    twins: list[Placed] = [(1, 1, 1, 42), (2, 1, 2, 42)]
    for place, _, seq, _ in twins:
        log.connection.execute(_ENTRY, (place, 1, seq, str(place)))
    log.places.add(twins)
    log.places.committed()
    assert sorted(log.places.by_id(log.connection, [42])) == [1, 2]
    while writes := log.places.writes(slice_of):
        for statement, argument in writes:
            log.connection.execute(statement, (argument,))
        log.places.wrote()
    log.places.committed()
    assert sorted(log.places.by_id(log.connection, [42])) == [1, 2]
    assert log.places.by_room(log.connection, 1, after=0, upto=9, limit=9) == [1, 2]


def test_an_id_s_hash_is_the_same_for_ever() -> None:
    assert hash_id(1, "é") == -7891016591067569550
    assert hash_id(1, "a") != hash_id(11, "a")
    assert hash_id(1, "1 a") != hash_id(11, "a")
