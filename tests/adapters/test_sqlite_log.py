"""The log in SQLite: how it ends, and that it stays quick however much is in it."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import pairwise
from operator import attrgetter
from pathlib import Path
from typing import Any, ParamSpec, TypeVar, cast

import apsw
import pytest
from structlog.testing import capture_logs
from tests.adapters.sqlite_storage import SqliteStorage

from causerie.adapters import sqlite_entries, sqlite_log
from causerie.adapters.sqlite_file import DataFolder, FolderInUse
from causerie.adapters.sqlite_places import Places, hash_id
from causerie.chat.entry import Entry
from causerie.ports import Conversation, Failed, Located, Rejected, Stored
from causerie.testing.contracts import Answer, Rig, draft, private
from causerie.testing.powerloss import Operation, SimulatedDisk

_Arguments = ParamSpec("_Arguments")
_Answer = TypeVar("_Answer")


@contextmanager
def rig_in(path: Path, *, vfs: str | None = None) -> Iterator[tuple[Rig, SqliteStorage]]:
    storage = SqliteStorage(base=path, vfs=vfs)
    rig = Rig(storage)
    yield rig, storage
    rig.log.close()


def test_one_machine_counts_without_gaps_and_its_time_strictly_increases(tmp_path: Path) -> None:
    with rig_in(tmp_path) as (rig, _):
        entries = rig.store(*(draft(str(number)) for number in range(50)))
        rig.reopen()
        entries += rig.store(*(draft(str(number)) for number in range(50, 99)))
        assert [entry.seq for entry in entries] == list(range(1, 100))
        times = [entry.timestamp for entry in entries]
        assert all(later > earlier for earlier, later in pairwise(times))


def test_answers_come_by_one_thread_alone(tmp_path: Path) -> None:
    with rig_in(tmp_path) as (rig, _):
        threads: list[threading.Thread] = []

        def done(_answer: object) -> None:
            threads.append(threading.current_thread())

        for _ in range(10):
            rig.hand_over(draft(str(len(rig.recorder.waiting))))
            # Not the drafts' room: its entries would be told, without a head for the recorder.
            rig.log.watch("elsewhere", done)
            rig.log.read("room", after=0, upto=9, limit=9, done=done)
        rig.until(lambda: len(threads) == 20, "an answer")
        assert set(threads) == {threading.current_thread()}


class Pause:
    """Holds up the thread that reads: `call` is called, and then waits until the test goes on."""

    def __init__(self, call: Callable[..., Any]) -> None:
        self.has_begun, self.is_over = threading.Event(), threading.Event()
        self._call = call

    def __call__(self, *arguments: Any) -> Any:
        answer = self._call(*arguments)
        self.has_begun.set()
        assert self.is_over.wait(20), "the test goes on"
        return answer


@pytest.mark.parametrize("back", [False, True])
def test_a_read_during_which_entries_leave_the_memory_misses_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, back: bool
) -> None:
    monkeypatch.setattr(sqlite_log, "Places", partial(Places, generation=50))
    pause = Pause(sqlite_entries.room_key)
    with rig_in(tmp_path) as (rig, storage):
        entries = rig.store(*(draft(str(number)) for number in range(50)))
        entries += rig.store(*(draft(str(number)) for number in range(50, 95)))
        first = storage.log._places._generations[0]
        monkeypatch.setattr(sqlite_log, "room_key", pause)
        answer = Answer[Sequence[Entry]]()
        if back:
            rig.log.read_back("room", before=96, limit=100, done=answer)
        else:
            rig.log.read("room", after=0, upto=95, limit=100, done=answer)
        assert pause.has_begun.wait(20)
        for number in range(95, 105):
            rig.store(draft(str(number)))
        assert first not in storage.log._places._generations, "its entries are in the indexes"
        pause.is_over.set()
        rig.until(lambda: bool(answer.values), "the entries")
        (found,) = answer.values
        assert not isinstance(found, Failed)
        assert list(found) == entries


@pytest.mark.parametrize("at", ["_places.seen", "_head"])
def test_what_is_said_while_conversations_are_listed_keeps_them_from_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    with rig_in(tmp_path) as (rig, storage):
        for peer in ("bob", "dan"):
            rig.store(private("first", identity=peer, peer="alice", room=f"~{peer}"))
        pause = Pause(attrgetter(at)(storage.log))
        owner, _, name = at.rpartition(".")
        monkeypatch.setattr(attrgetter(owner)(storage.log) if owner else storage.log, name, pause)
        answer = Answer[Sequence[Conversation]]()
        rig.log.conversations("alice", after="", limit=2, done=answer)
        assert pause.has_begun.wait(20)
        rig.store(private("second", identity="dan", peer="alice", room="~dan"))
        rig.store(private("new", identity="carol", peer="alice", room="~carol"))
        pause.is_over.set()
        rig.until(lambda: bool(answer.values), "the list")
        (found,) = answer.values
        assert not isinstance(found, Failed)
        assert [(talk.room, talk.head.id) for talk in found] == [
            ("~bob", "first"),
            ("~dan", "first"),
        ]


def test_many_answers_of_a_batch_are_one_call(tmp_path: Path) -> None:
    with rig_in(tmp_path) as (rig, storage):
        rig.store(draft("first"))
        rig.hand_over(*(draft(str(number)) for number in range(2_000)))
        while not storage.calls.empty():  # the turn ends
            storage.step(0.0)
        calls = 0
        while rig.recorder.waiting:
            storage.calls.get(timeout=20)()
            calls += 1
        assert calls <= len(rig.recorder.commits)
        assert len(rig.recorder.commits) < 20


def test_a_closed_log_lets_go_of_the_folder_and_of_its_threads(tmp_path: Path) -> None:
    before = threading.active_count()
    with rig_in(tmp_path) as (rig, storage):
        assert threading.active_count() == before + 3
        rig.log.close()
        assert threading.active_count() == before
        DataFolder(storage.folder).unlock()
        rig.log.close()


def test_a_closed_log_answers_nothing(tmp_path: Path) -> None:
    with rig_in(tmp_path) as (rig, storage):
        answers = [Answer[object](), Answer[object]()]
        rig.log.close()
        rig.log.read("room", after=0, upto=9, limit=9, done=answers[0])
        rig.log.watch("room", answers[1])
        rig.log.append(draft("1"))
        rig.log.unwatch("room")
        for _ in range(5):
            storage.step(0.0)
        assert [answer.values for answer in answers] == [[], []]


def test_a_commit_that_takes_too_long_does_not_hold_up_the_end(tmp_path: Path) -> None:
    disk = SimulatedDisk("takes-too-long")
    goes_on = threading.Event()

    def fault(operation: Operation, path: Path) -> None:
        if operation == "sync" and path.name.endswith("-wal"):
            goes_on.wait(20)

    with rig_in(tmp_path, vfs=disk.name) as (rig, storage):
        disk.fault = fault
        rig.hand_over(draft("1"))
        rig.log.close(0.05)
        assert rig.recorder.failure == "the last commit took longer than 0.05 seconds"
        with pytest.raises(FolderInUse):
            DataFolder(storage.folder, vfs=disk.name)
        goes_on.set()
        rig.log.close(20.0)
        assert rig.recorder.outcomes == []
        rig._open()
        assert [entry.id for entry in rig.read()] == ["1"]
    disk.unregister()


def test_whoever_looks_while_a_commit_runs_finds_what_was_there_before(tmp_path: Path) -> None:
    disk = SimulatedDisk("commits-slowly")
    goes_on = threading.Event()
    commits = threading.Event()

    def fault(operation: Operation, path: Path) -> None:
        if operation == "sync" and path.name.endswith("-wal"):
            commits.set()
            goes_on.wait(20)

    with rig_in(tmp_path, vfs=disk.name) as (rig, storage):
        epoch = rig.epoch()
        (entry,) = rig.store(private("1", room="~r"))
        disk.fault = fault
        rig.hand_over(private("2", room="~r"))
        storage.step(0.0)
        assert commits.wait(20)
        try:
            (conversation,) = rig.conversations("alice")
            located = Answer[Located]()
            rig.log.locate("~r", seq=2, id="2", epoch=epoch, upto=1, limit=9, done=located)
            assert rig.wait(located) == Located(after=0, recovered="none")
        finally:
            goes_on.set()
        assert (conversation.head.seq, conversation.head.id) == (1, entry.id)
        rig.settle()
    disk.unregister()


@pytest.mark.slow
def test_whatever_the_disk_holds_up_the_end_comes_in_time_and_acknowledges_nothing(
    tmp_path: Path,
) -> None:
    disk = SimulatedDisk("holds-up-everything")
    goes_on = threading.Event()
    held_up = set[str]()

    def fault(_operation: Operation, _path: Path) -> None:
        held_up.add(threading.current_thread().name)
        goes_on.wait(20)

    with rig_in(tmp_path, vfs=disk.name) as (rig, storage):
        told = rig.store(draft("before"))
        answer = Answer[object]()
        disk.fault = fault
        storage.log._checkpointer.want()
        rig.log.read("room", after=0, upto=9, limit=9, done=answer)
        rig.hand_over(draft("1"))
        rig.until(lambda: len(held_up) == 3, "a thread that hangs")
        with capture_logs() as logs:
            began = time.monotonic()
            rig.log.close(0.5)
            # Each of the three waits to be waited for.
            assert time.monotonic() - began < 3 * 0.5
        assert rig.recorder.failure == "the last commit took longer than 0.5 seconds"
        assert [entry["threads"] for entry in logs] == [["writer", "reader", "checkpointer"]]
        goes_on.set()
        with capture_logs() as logs:
            rig.log.close(20.0)
        assert logs == []
        storage.step(0.0)
        assert answer.values == []
        assert len(rig.recorder.outcomes) == 1
        rig._open()
        assert list(rig.read())[:1] == told
    disk.unregister()


def test_what_was_durable_before_the_disk_hung_is_still_told_at_the_end(tmp_path: Path) -> None:
    disk = SimulatedDisk("hangs-later")
    goes_on, hangs = threading.Event(), threading.Event()

    def fault(operation: Operation, path: Path) -> None:
        if operation == "sync" and path.name.endswith("-wal"):
            hangs.set()
            goes_on.wait(20)

    with rig_in(tmp_path, vfs=disk.name) as (rig, storage):
        rig.hand_over(draft("1"))
        storage.step(0.0)
        # It is durable, but nobody has been told.
        call = storage.calls.get(timeout=20)
        disk.fault = fault
        rig.hand_over(draft("2"))
        storage.step(0.0)
        assert hangs.wait(20)
        rig.log.close(0.05)
        assert [outcome.draft.id for outcome in rig.recorder.outcomes] == ["1"]
        assert rig.recorder.failure is not None
        goes_on.set()
        rig.log.close(20.0)
        call()
        assert [outcome.draft.id for outcome in rig.recorder.outcomes] == ["1"]
        rig._open()
        assert [entry.id for entry in rig.read()] == ["1", "2"]
    disk.unregister()


def test_a_log_that_nobody_observes_is_a_mistake(tmp_path: Path) -> None:
    storage = SqliteStorage(base=tmp_path)
    log, _ = storage.open(lambda: 0, names_per_address=0)
    log.append(draft("1"))
    with pytest.raises(AssertionError, match="observe"):
        log.close()
    # For all that, it has let go of the folder.
    DataFolder(storage.folder).unlock()
    log.close()


def test_what_cannot_be_asked_fails_alone(tmp_path: Path) -> None:
    with rig_in(tmp_path) as (rig, _):
        rig.store(draft("1"))
        answers = [Answer[object]() for _ in range(3)]
        rig.log.read("\ud800", after=0, upto=9, limit=9, done=answers[0])
        rig.log.watch("\ud800", answers[1])
        rig.log.locate("\ud800", seq=1, id="1", epoch="", upto=9, limit=9, done=answers[2])
        rig.until(lambda: all(answer.values for answer in answers), "an answer")
        for answer in answers:
            assert isinstance(answer.values[0], Failed)
        assert len(rig.store(draft("2"))) == 1


# However much is in it.

MILLION = 1_000_000
FILL = f"""
    INSERT INTO identities VALUES (1, 'alice');
    INSERT INTO rooms VALUES (1, 'room', NULL, NULL);
    INSERT INTO entries (room, seq, author, id, timestamp, private, username, content)
    WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers LIMIT {MILLION})
    SELECT 1, n, 1, printf('id-%07d', n), 1000 * n, 0, 'Alice', 'what Alice said at ' || n
    FROM numbers;
    INSERT INTO places_by_room SELECT room, seq, place FROM entries;
    INSERT INTO places_by_id SELECT hash_id(author, id), place FROM entries ORDER BY 1;
    UPDATE meta SET value = '{MILLION}' WHERE key = 'indexed'
"""


class Meter:
    """Counts what the statements of a connection cost."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection
        self.steps = 0
        connection.trace_v2(apsw.SQLITE_TRACE_PROFILE, self._profile)
        self._misses()

    def _profile(self, event: dict[str, dict[str, int]]) -> None:
        self.steps += event["stmt_status"]["SQLITE_STMTSTATUS_VM_STEP"]

    def _misses(self) -> int:
        return self._connection.status(apsw.SQLITE_DBSTATUS_CACHE_MISS, True)[0]

    def read(self) -> tuple[int, int]:
        """Tells the steps and the pages read since the last time."""
        steps, self.steps = self.steps, 0
        return steps, self._misses()


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_in_a_room_of_a_million_entries_everything_is_near(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    made = DataFolder(folder)
    connection = made.connect(cache_kib=200_000)
    connection.pragma("synchronous", "OFF")
    connection.create_scalar_function(
        "hash_id", cast("apsw.ScalarProtocol", hash_id), 2, deterministic=True
    )
    with connection:
        connection.execute(FILL)
    connection.close()
    made.unlock()
    before = resident()
    storage = SqliteStorage(base=tmp_path)
    storage.folder = folder
    rig = Rig(storage)
    # What opening reads are a few pages.
    for each in (storage.log.connection, storage.log._reader._connection):
        assert each.status(apsw.SQLITE_DBSTATUS_CACHE_MISS)[0] < 20
    epoch = rig.epoch()
    writer, reader = Meter(storage.log.connection), Meter(storage.log._reader._connection)

    def near(
        what: Callable[_Arguments, _Answer], *args: _Arguments.args, **kwargs: _Arguments.kwargs
    ) -> _Answer:
        """Checks the price: 100 rows of some 50 steps each, and as many pages at the very most."""
        answer = what(*args, **kwargs)
        costs = [meter.read() for meter in (writer, reader)]
        assert sum(steps for steps, _ in costs) < 10_000
        assert sum(misses for _, misses in costs) < 100
        return answer

    for seq in range(50, MILLION, MILLION // 17):
        id = f"id-{seq:07}"
        forward = near(rig.read, after=seq - 1, limit=100)
        assert [entry.seq for entry in forward] == list(range(seq, seq + len(forward)))
        assert len(forward) == 100
        back = near(rig.read_back, before=seq, limit=30)
        assert [entry.seq for entry in back] == list(range(seq - 30, seq))
        held = near(rig.locate, seq=seq, id=id, epoch=epoch, limit=100)
        assert near(rig.locate, seq=seq, id=id, epoch="another", limit=100).recovered == "none"
        assert held.missing == near(rig.head).seq - seq - 100
        assert near(rig.locate, seq=1, id="x", epoch=epoch, limit=9).recovered == "none"
        assert near(rig.locate_time, timestamp=1_000 * seq) == seq
        near(rig.store, draft(f"new at {seq}"))
        (outcome,) = near(rig.append, draft(id))
        assert isinstance(outcome, Rejected)
    assert resident() - before < 24_000_000
    rig.log.close()


def resident() -> int:
    """Tells the memory of this process in bytes."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * 4_096


def test_a_repeat_is_known_among_many(tmp_path: Path) -> None:
    with rig_in(tmp_path) as (rig, _):
        outcomes = rig.append(*(draft(str(number % 700)) for number in range(2_100)))
        assert sum(isinstance(outcome, Stored) for outcome in outcomes) == 700
