"""Planning batches over the tables, and finding one's way in them."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import apsw
import pytest
from msgspec.structs import replace

from causerie.adapters import sqlite_directory, sqlite_entries, sqlite_log, sqlite_places
from causerie.adapters.sqlite_entries import Entries
from causerie.adapters.sqlite_file import DataFolder
from causerie.adapters.sqlite_places import Places
from causerie.chat.entry import Draft, Entry
from causerie.ports import Rejected, Repeated, Stored
from causerie.testing.contracts import draft, private


class Table:
    """A database, and plans carried out on it."""

    def __init__(self, path: Path, *, cache: int = 10_000) -> None:
        self.folder = DataFolder(path)
        self.connection = self.folder.connect(cache_kib=1_000)
        self.cache = cache
        self.begin_again()

    def begin_again(self) -> None:
        places = Places(self.connection, generation=self.cache)
        self.entries = Entries(self.connection, self.folder.epoch, places, cache=self.cache)

    def store(self, *drafts: Draft) -> list[Entry]:
        plan = self.entries.plan(drafts, now=0)
        for statement, rows in plan.writes:
            self.connection.execute(statement, (rows,))
        self.entries.carried_out(plan)
        self.entries.committed()
        return [outcome.entry for outcome in plan.outcomes if isinstance(outcome, Stored)]

    def rows(self, sql: str) -> Sequence[tuple[object, ...]]:
        return self.connection.execute(sql).fetchall()


@pytest.fixture(params=[10_000, 1], ids=["remembers", "forgets"])
def table(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Table]:
    table = Table(tmp_path, cache=request.param)
    yield table
    table.connection.close()
    table.folder.unlock()


def test_each_room_goes_on_where_it_ends_however_little_is_remembered(table: Table) -> None:
    for count in range(3):
        for room in ("red", "blue", "green"):
            for identity in ("alice", "bob"):
                id = f"{room}-{count}"
                ((entry,), again) = (
                    table.store(draft(id, room=room, identity=identity)),
                    table.store(draft(id, room=room, identity=identity)),
                )
                assert entry.seq == entry.prev + 1
                assert again == []
    assert table.rows("SELECT count(*), max(seq) FROM entries") == [(18, 6)]
    assert table.rows("SELECT count(*) FROM rooms") == [(3,)]


def test_copies_come_last_in_their_rooms_and_are_the_same_otherwise(table: Table) -> None:
    (said,) = table.store(draft("1", room="red"))
    others = [
        replace(said, id="2", seq=77, prev=70, timestamp=5),
        replace(said, id="3", room="blue", seq=9, prev=8, timestamp=3),
        replace(said, id="4", seq=78, prev=77, timestamp=4),
    ]
    plan = table.entries.plan_copies(others)
    for statement, rows in plan.writes:
        table.connection.execute(statement, (rows,))
    table.entries.carried_out(plan)
    table.entries.committed()
    head = table.entries.head("red", recent=9)
    assert list(head.recent) == [
        said,
        replace(others[0], seq=2, prev=1),
        replace(others[2], seq=3, prev=2),
    ]
    assert table.entries.head("blue", recent=9).recent == (replace(others[1], seq=1, prev=0),)
    (next_one,) = table.store(draft("5", room="red"))
    assert (next_one.seq, next_one.timestamp) == (4, 5)
    repeat = table.entries.plan([draft("4", room="red")], now=0)
    assert isinstance(repeat.outcomes[0], Repeated)


def test_rooms_and_identities_have_one_key_each(table: Table) -> None:
    table.store(draft("1"), draft("2", room="other", identity="bob"), private("3", room="talk"))
    table.begin_again()
    table.store(draft("4", identity="bob"), private("5", room="talk", peer="carol"))
    table.store(draft("6", room="third", identity="carol"))
    identities = table.rows("SELECT identity FROM identities ORDER BY key")
    assert sorted(identities) == [("alice",), ("bob",), ("carol",)]
    rooms = table.rows("SELECT name FROM rooms ORDER BY key")
    assert rooms == [("room",), ("other",), ("talk",), ("third",)]
    assert len(table.rows("SELECT DISTINCT room FROM entries")) == 4


def test_who_only_looks_at_rooms_makes_the_writer_remember_no_more_of_them(table: Table) -> None:
    table.store(draft("1", room="room-0"))
    for number in range(10):
        table.entries.head(f"room-{number}", recent=10)
    assert len(table.entries._tails) <= min(10, table.cache)
    assert table.entries.head("room-0", recent=10).seq == 1
    ((entry,), _) = table.store(draft("2", room="room-0")), table.store(draft("3", room="room-9"))
    assert entry.prev == 1


def test_the_usual_batch_is_one_statement(table: Table) -> None:
    table.store(draft("1"), draft("2", identity="bob"))
    plan = table.entries.plan([draft(str(n), identity="bob") for n in range(10, 90)], now=0)
    assert len(plan.writes) == (1 if table.cache > 2 else 3 + 1)


def test_a_batch_of_repeats_writes_nothing(table: Table) -> None:
    table.store(draft("1"))
    reused = draft("1", content="other")
    plan = table.entries.plan([draft("1"), reused, draft("1")], now=0)
    assert plan.writes == []
    assert [type(outcome) for outcome in plan.outcomes] == [Repeated, Rejected, Repeated]


def test_an_empty_batch_is_no_work(table: Table) -> None:
    plan = table.entries.plan([], now=0)
    assert (plan.outcomes, plan.writes) == ([], [])


def test_what_is_not_carried_out_is_forgotten(table: Table) -> None:
    table.store(draft("1"))
    table.entries.plan([draft("2"), draft("3", room="new", identity="new")], now=0)
    table.entries.forget()
    assert [entry.prev for entry in table.store(draft("4"), draft("5"))] == [1, 2]
    (entry,) = table.store(draft("3", room="new", identity="new"))
    assert entry.prev == 0


def test_what_was_to_enter_the_indexes_with_a_plan_that_is_not_carried_out_does_so_later(
    tmp_path: Path,
) -> None:
    table = Table(tmp_path, cache=10)
    drafts = [draft(str(number)) for number in range(30)]
    entries = table.store(*drafts[:10])
    table.entries.plan(drafts[10:20], now=0)
    table.entries.forget()
    assert table.store(drafts[0]) == []
    for each in drafts[10:]:
        entries += table.store(each)
    assert [entry.seq for entry in entries] == list(range(1, 31))
    plan = table.entries.plan(drafts, now=0)
    assert [type(outcome) for outcome in plan.outcomes] == [Repeated] * 30
    table.connection.close()
    table.folder.unlock()


def test_a_head_has_the_newest_entries(table: Table) -> None:
    assert table.entries.head("room", recent=3).recent == ()
    entries = table.store(*(draft(str(number)) for number in range(5)))
    for _ in range(2):
        head = table.entries.head("room", recent=3)
        assert list(head.recent) == entries[2:]
        assert (head.seq, head.id, head.timestamp) == (5, "4", entries[-1].timestamp)
        assert head.epoch == table.folder.epoch
        table.begin_again()


@pytest.mark.parametrize(
    ("name", "statement"),
    [
        (f"{module.__name__.rpartition('.')[2]}.{name}", value)
        for module in (sqlite_entries, sqlite_log, sqlite_places, sqlite_directory)
        for name, value in vars(module).items()
        if isinstance(value, str) and "?" in value and ("SELECT" in value or "DELETE" in value)
    ],
)
def test_no_statement_walks_through_a_table(name: str, statement: str, tmp_path: Path) -> None:
    folder = DataFolder(tmp_path)
    connection = folder.connect(cache_kib=100)
    plan = connection.execute(statement, ("[]",) * statement.count("?"), explain=2)
    steps = [detail for _, _, _, detail in plan]
    connection.close()
    folder.unlock()
    assert steps
    for step in steps:
        assert not step.startswith("SCAN") or "VIRTUAL TABLE" in step, step
        assert "TEMP B-TREE" not in step


def test_what_is_planned_cannot_be_written_twice(table: Table) -> None:
    table.store(draft("1"))
    statement, rows = table.entries.plan([draft("2")], now=0).writes[0]
    table.connection.execute(statement, (rows,))
    with pytest.raises(apsw.ConstraintError):
        table.connection.execute(statement, (rows,))
