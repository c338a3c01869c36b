"""The writer's thread, and the way of its answers."""

import threading
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from types import SimpleNamespace

import apsw
import pytest

from causerie.adapters import sqlite_writer
from causerie.adapters.sqlite_entries import Entries
from causerie.adapters.sqlite_file import LOCK, DataFolder
from causerie.adapters.sqlite_places import Places
from causerie.adapters.sqlite_writer import GIVEN_FOR, Answers, Job, Writer
from causerie.ports import Outcome, Rejected, Stored
from causerie.testing.contracts import draft

WAIT = 10.0


def test_answers_that_gather_wake_the_loop_once() -> None:
    wakes: list[Callable[[], None]] = []
    told: list[int] = []
    answers = Answers(wakes.append)
    for number in range(3):
        answers.add(lambda number=number: told.append(number))  # type: ignore[misc]
    assert (len(wakes), told) == (1, [])
    wakes.pop()()
    assert told == [0, 1, 2]
    answers.add(lambda: told.append(3))
    assert len(wakes) == 1
    # Nothing is lost if somebody else gives them meanwhile.
    answers.give()
    wakes.pop()()
    assert told == [0, 1, 2, 3]


def test_answers_that_come_meanwhile_wait_for_another_turn() -> None:
    wakes: list[Callable[[], None]] = []
    told: list[str] = []
    answers = Answers(wakes.append)

    def ask_again() -> None:
        told.append("again")
        answers.add(ask_again)

    answers.add(ask_again)
    for turn in range(1, 4):
        wakes.pop(0)()
        assert told == ["again"] * turn
    assert len(wakes) >= 1


def test_answers_that_take_long_have_a_turn_each(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr(sqlite_writer, "time", SimpleNamespace(monotonic=lambda: now))
    wakes: list[Callable[[], None]] = []
    told: list[int] = []
    answers = Answers(wakes.append)

    def take_long(number: int) -> None:
        nonlocal now
        told.append(number)
        now += GIVEN_FOR / 2

    for number in range(5):
        answers.add(partial(take_long, number))
    for turn in ([0, 1], [2, 3], [4]):
        # What comes meanwhile does not wake the loop once more.
        assert len(wakes) == 1
        wakes.pop()()
        assert told == turn
        told.clear()
    assert wakes == []
    answers.add(partial(take_long, 5))
    assert len(wakes) == 1


def test_at_the_end_all_answers_are_given_however_long_they_take(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 0.0
    monkeypatch.setattr(sqlite_writer, "time", SimpleNamespace(monotonic=lambda: now))
    told: list[int] = []
    answers = Answers(lambda _wake: None)

    def take_long(number: int) -> None:
        nonlocal now
        told.append(number)
        now += 10.0

    for number in range(5):
        answers.add(partial(take_long, number))
    answers.give()
    assert told == [0, 1, 2, 3, 4]


def test_an_answer_that_fails_does_not_keep_the_others_back() -> None:
    wakes: list[Callable[[], None]] = []
    told: list[str] = []
    answers = Answers(wakes.append)

    def fail() -> None:
        raise ValueError("a mistake of the observer's")

    for answer in (fail, lambda: told.append("next"), fail):
        answers.add(answer)
    with pytest.raises(ValueError):
        wakes.pop()()
    with pytest.raises(ValueError):
        wakes.pop()()
    assert told == ["next"]
    assert wakes == []


def test_a_closed_loop_is_not_a_fault_and_close_may_answer_yet() -> None:
    def call(_function: Callable[[], None]) -> None:
        raise RuntimeError("Event loop is closed")

    told: list[str] = []
    answers = Answers(call)
    answers.add(lambda: told.append("1"))
    answers.add(lambda: told.append("2"))
    answers.give()
    assert told == ["1", "2"]


class Bench:
    """A writer alone, and what it told."""

    def __init__(self, path: Path) -> None:
        self.folder = DataFolder(path)
        self.connection = self.folder.connect(cache_kib=1_000)
        self.calls: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self.batches: list[Sequence[Outcome]] = []
        self.failures: list[str] = []
        self.checkpoints = 0
        self.scheduled: list[Callable[[], None]] = []
        self.writer = Writer(
            self.connection,
            Entries(self.connection, self.folder.epoch, Places(self.connection)),
            Answers(self.calls.put),
            clock=lambda: 0,
            committed=self.batches.append,
            failed=self.failures.append,
            checkpoint=self.checkpoint,
            check=self.folder.check,
            schedule=self.scheduled.append,
        )

    def checkpoint(self) -> None:
        self.checkpoints += 1

    def finish(self) -> None:
        assert self.writer.stop(WAIT)
        while not self.calls.empty():
            self.calls.get()()

    @property
    def outcomes(self) -> list[Outcome]:
        return [outcome for batch in self.batches for outcome in batch]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path)
    yield bench
    bench.folder.unlock()


def test_what_a_turn_of_the_loop_brings_is_handed_over_in_one_piece_when_it_ends(
    bench: Bench,
) -> None:
    bench.writer.start()
    for turn in range(3):
        for number in range(5):
            bench.writer.put(draft(f"{turn}-{number}"))
        (hand_over,) = bench.scheduled
        assert bench.calls.empty(), "the thread has nothing to do before"
        bench.scheduled.clear()
        hand_over()
        bench.calls.get(timeout=WAIT)()
    bench.finish()
    assert [len(batch) for batch in bench.batches] == [5, 5, 5]


def test_a_full_batch_is_handed_over_before_the_turn_ends(bench: Bench) -> None:
    bench.writer.start()
    for number in range(sqlite_writer.BATCH + 1):
        bench.writer.put(draft(str(number)))
    bench.calls.get(timeout=WAIT)()
    assert [len(batch) for batch in bench.batches] == [sqlite_writer.BATCH]
    bench.finish()
    assert [len(batch) for batch in bench.batches] == [sqlite_writer.BATCH, 1]


def test_what_has_gathered_is_one_batch_up_to_a_bound(bench: Bench) -> None:
    for number in range(sqlite_writer.BATCH + 10):
        bench.writer.put(draft(str(number)))
        if number == 100:
            bench.scheduled.pop()()
    bench.scheduled.pop()()
    bench.writer.start()
    bench.finish()
    assert [len(batch) for batch in bench.batches] == [sqlite_writer.BATCH, 10]
    assert all(isinstance(outcome, Stored) for outcome in bench.outcomes)


def test_now_and_then_the_log_of_changes_is_copied_into_the_database(bench: Bench) -> None:
    for number in range(sqlite_writer.CHECKPOINT_EVERY + 10):
        bench.writer.put(draft(str(number)))
    bench.writer.start()
    bench.finish()
    assert bench.checkpoints == 1


def test_jobs_are_answered_after_the_drafts_of_their_batch(bench: Bench) -> None:
    order: list[str] = []

    def run() -> Callable[[], None]:
        order.append(f"run by {threading.current_thread().name}")
        return lambda: order.append(f"answered after {len(bench.outcomes)}")

    bench.writer.put(draft("1"))
    bench.writer.put(Job(run))
    bench.writer.put(draft("2"))
    bench.writer.put(Job(run))
    bench.writer.start()
    bench.finish()
    assert order == ["run by causerie-writer"] * 2 + ["answered after 2"] * 2


def test_an_observer_that_fails_keeps_no_answer_of_the_batch_back(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []

    def fail(_outcomes: Sequence[Outcome]) -> None:
        raise ValueError("a mistake of the observer's")

    def fails() -> None:
        raise ValueError("another one")

    monkeypatch.setattr(bench.writer, "_committed", fail)
    bench.writer.put(draft("1"))
    bench.writer.put(Job(lambda: fails))
    bench.writer.put(Job(lambda: lambda: told.append("answered")))
    bench.writer.start()
    assert bench.writer.stop(WAIT)
    for _ in range(2):
        with pytest.raises(ValueError):
            bench.calls.get(timeout=WAIT)()
    bench.calls.get(timeout=WAIT)()
    assert told == ["answered"]


@pytest.mark.parametrize("bad", [[0], [7], [63], [0, 1], [3, 31, 32, 60], list(range(64))])
def test_bad_rows_are_rejected_and_no_others(bench: Bench, bad: list[int]) -> None:
    drafts = [
        draft(str(number), identity=f"i{number % 5}", content="\ud800" if number in bad else "x")
        for number in range(64)
    ]
    for each in drafts:
        bench.writer.put(each)

    # What a job of the same transaction writes stays.
    def run() -> Callable[[], None]:
        bench.connection.execute("INSERT INTO meta VALUES ('job', 'done')")
        return lambda: None

    bench.writer.put(Job(run))
    bench.writer.start()
    bench.finish()
    assert [outcome.draft for outcome in bench.outcomes] == drafts
    rejected = [n for n, outcome in enumerate(bench.outcomes) if isinstance(outcome, Rejected)]
    assert rejected == bad
    seqs = [outcome.entry.seq for outcome in bench.outcomes if isinstance(outcome, Stored)]
    assert seqs == list(range(1, 65 - len(bad)))
    connection = bench.folder.connect(cache_kib=100)
    assert connection.execute("SELECT count(*) FROM entries").get == 64 - len(bad)
    assert connection.execute("SELECT count(*) FROM meta WHERE key = 'job'").get == 1
    connection.close()


def test_a_row_that_the_database_refuses_takes_nothing_along_that_is_answered(
    bench: Bench,
) -> None:
    bench.writer.put(draft("0"))
    bench.writer.start()
    bench.scheduled.pop()()
    bench.calls.get(timeout=WAIT)()
    bench.connection.limit(apsw.SQLITE_LIMIT_LENGTH, 100_000)
    too_big = draft("too big", content="x" * 100_000)
    for each in (draft("1"), too_big, draft("2"), too_big, draft("3")):
        bench.writer.put(each)
    bench.finish()
    rejected = [outcome for outcome in bench.outcomes if isinstance(outcome, Rejected)]
    assert rejected == [Rejected(too_big, "failed")] * 2
    assert bench.failures == []
    connection = bench.folder.connect(cache_kib=100)
    stored = connection.execute("SELECT id, seq FROM entries ORDER BY seq").fetchall()
    assert stored == [("0", 1), ("1", 2), ("2", 3), ("3", 4)]
    connection.close()


def test_a_fault_of_ours_ends_the_log_loudly(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[BaseException | None] = []
    monkeypatch.setattr(threading, "excepthook", lambda arguments: told.append(arguments.exc_value))

    def run() -> Callable[[], None]:
        raise ZeroDivisionError("a mistake")

    bench.writer.put(draft("1"))
    bench.writer.put(Job(run))
    bench.writer.start()
    bench.finish()
    assert bench.failures == ["ZeroDivisionError: a mistake"]
    assert bench.outcomes == []
    assert [type(error) for error in told] == [ZeroDivisionError]


def test_nothing_is_stored_in_files_that_are_no_longer_there(bench: Bench) -> None:
    (bench.folder.path / LOCK).unlink()
    bench.writer.put(draft("1"))
    bench.writer.start()
    bench.finish()
    assert bench.outcomes == []
    (failure,) = bench.failures
    assert "causerie.lock was moved, deleted or replaced" in failure


def test_the_files_are_looked_at_now_and_then_only(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[int] = []
    monkeypatch.setattr(sqlite_writer, "BATCH", 1)
    monkeypatch.setattr(bench.writer, "_check", lambda: looks.append(1))
    for number in range(20):
        bench.writer.put(draft(str(number)))
    bench.writer.start()
    bench.finish()
    assert len(bench.outcomes) == 20
    assert len(looks) < 20


def test_another_process_that_writes_for_too_long_ends_the_log(bench: Bench) -> None:
    bench.connection.set_busy_timeout(1)
    other = bench.folder.connect(cache_kib=100)
    other.execute("BEGIN IMMEDIATE")
    bench.writer.put(draft("1"))
    bench.writer.start()
    bench.finish()
    other.close()
    assert bench.failures == ["BusyError: database is locked"]
    assert bench.outcomes == []
