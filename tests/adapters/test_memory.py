"""The memory adapter: the contracts, and what only it can do: stop between any two steps."""

from collections.abc import Callable
from itertools import cycle
from random import Random

import pytest

from causerie.adapters.memory import MemoryDirectory, MemoryLog, MemoryStore
from causerie.ports import Directory, Failed, Log
from causerie.testing.contracts import Answer, Recorder, Storage, draft
from causerie.testing.contracts_directory import DirectoryContract
from causerie.testing.contracts_log import LogContract
from causerie.testing.contracts_machine import MachineContract
from causerie.testing.contracts_reading import ReadingContract
from causerie.testing.contracts_trimming import TrimmingContract


class MemoryStorage(Storage):
    """A store, and the steps of whoever runs on it."""

    def __init__(self, *, gaps: bool = False, shuffled: bool = False) -> None:
        self.store = MemoryStore()
        self.steps: list[Callable[[], None]] = []
        self.stride = cycle([1, 3, 2] if gaps else [1]).__next__
        self.chance = Random(1) if shuffled else None
        self.lost = 0

    def open(self, clock: Callable[[], int], *, names_per_address: int) -> tuple[Log, Directory]:
        log = MemoryLog(self.store, clock, self.steps.append, stride=self.stride)
        return log, MemoryDirectory(
            self.store, self.steps.append, names_per_address=names_per_address
        )

    def step(self, timeout: float) -> None:  # noqa: ARG002 there is nothing to wait for
        if self.steps:
            which = self.chance.randrange(len(self.steps)) if self.chance else 0
            self.steps.pop(which)()

    def crash(self) -> None:
        self.store.writers.clear()

    def save(self) -> object:
        return self.store.copy()

    def restore(self, saved: object) -> None:
        assert isinstance(saved, MemoryStore)
        self.store = saved.copy()

    def lose(self) -> None:
        self.lost += 1
        self.store.begin_again(f"epoch-{self.lost + 1}")

    def dispose(self) -> None:
        self.steps.clear()


class Plain:
    def storage(self) -> Storage:
        return MemoryStorage()


class WithGaps:
    def storage(self) -> Storage:
        return MemoryStorage(gaps=True)


class Shuffled:
    def storage(self) -> Storage:
        return MemoryStorage(shuffled=True)


class TestLog(Plain, LogContract): ...


class TestLogWithGaps(WithGaps, LogContract): ...


class TestLogInAnyOrderOfSteps(Shuffled, LogContract): ...


class TestReading(Plain, ReadingContract): ...


class TestTrimming(Plain, TrimmingContract): ...


class TestReadingWithGaps(WithGaps, ReadingContract): ...


class TestReadingInAnyOrderOfSteps(Shuffled, ReadingContract): ...


class TestDirectory(Plain, DirectoryContract): ...


@pytest.mark.slow
class TestMachine(Plain, MachineContract): ...


@pytest.mark.slow
class TestMachineWithGaps(WithGaps, MachineContract): ...


def run(steps: list[Callable[[], None]]) -> None:
    while steps:
        steps.pop(0)()


def begin(store: MemoryStore) -> tuple[MemoryLog, Recorder, list[Callable[[], None]]]:
    steps: list[Callable[[], None]] = []
    log = MemoryLog(store, lambda: 0, steps.append)
    recorder = Recorder()
    log.observe(recorder)
    return log, recorder, steps


def append(log: MemoryLog, recorder: Recorder, id: str) -> None:
    recorder.waiting.append(draft(id))
    log.append(recorder.waiting[-1])


def test_a_crash_before_the_commit_loses_what_was_appended() -> None:
    store = MemoryStore()
    log, recorder, steps = begin(store)
    append(log, recorder, "1")
    begin(store)
    run(steps)
    assert recorder.waiting
    assert store.rooms == {}


def test_a_crash_between_the_commit_and_its_answer_loses_the_answer_alone() -> None:
    store = MemoryStore()
    log, recorder, steps = begin(store)
    append(log, recorder, "1")
    steps.pop(0)()
    begin(store)
    run(steps)
    assert recorder.waiting
    assert [entry.id for entry in store.rooms["room"]] == ["1"]


@pytest.mark.parametrize("stored", [False, True])
def test_a_commit_that_fails_answers_nothing_and_ends_the_log(stored: bool) -> None:
    store = MemoryStore()
    log, recorder, steps = begin(store)
    append(log, recorder, "before")
    steps.pop(0)()
    append(log, recorder, "failing")
    log.fail("the disk is full", stored=stored)
    append(log, recorder, "after")
    reads = Answer[object]()
    log.read("room", after=0, upto=9, limit=9, done=reads)
    run(steps)
    assert recorder.failure == "the disk is full"
    assert [outcome.draft.id for outcome in recorder.outcomes] == ["before"]
    assert reads.values == []
    assert [entry.id for entry in store.rooms["room"]] == ["before", "failing"][: 1 + stored]
    log.close()
    assert len(recorder.outcomes) == 1


def test_reads_fail_as_long_as_they_are_made_to() -> None:
    log, recorder, steps = begin(MemoryStore())
    append(log, recorder, "1")
    log.fail_reads("the disk is slow")
    answers: list[object] = []
    log.read("room", after=0, upto=9, limit=9, done=answers.append)
    log.locate("room", seq=0, id="", epoch="", upto=9, limit=9, done=answers.append)
    run(steps)
    assert answers == [Failed("the disk is slow")] * 2
    assert [outcome.draft.id for outcome in recorder.outcomes] == ["1"]
    log.fail_reads("")
    log.locate_time("room", timestamp=-1, upto=9, limit=9, done=answers.append)
    run(steps)
    assert answers[2] == 0


def test_a_log_that_nobody_observes_is_a_mistake() -> None:
    steps: list[Callable[[], None]] = []
    log = MemoryLog(MemoryStore(), lambda: 0, steps.append)
    log.append(draft("1"))
    with pytest.raises(AssertionError, match="observe"):
        run(steps)
