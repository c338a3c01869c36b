"""What a disk can do to the SQLite adapter: lose its power, be full, give errors."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from random import Random

import apsw
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.adapters.sqlite_storage import SqliteStorage

from causerie.adapters.sqlite_file import StorageError, Synchronous
from causerie.chat.entry import Entry
from causerie.ports import Failed, Stored
from causerie.testing.contracts import Answer, Rig, draft
from causerie.testing.contracts_directory import ALICE
from causerie.testing.powerloss import Operation, SimulatedDisk

_numbers = count()


@contextmanager
def rig_on_disk(synchronous: Synchronous = "FULL") -> Generator[tuple[Rig, SimulatedDisk]]:
    disk = SimulatedDisk(f"simulated-{next(_numbers)}")
    storage = SqliteStorage(vfs=disk.name, synchronous=synchronous)
    try:
        rig = Rig(storage)
        try:
            yield rig, disk
        finally:
            disk.fault = None
            rig.log.close()
    finally:
        storage.dispose()
        disk.unregister()


def cut_power(rig: Rig, disk: SimulatedDisk, survives: Callable[[], bool] | None = None) -> None:
    """Loses the power under a server, and starts another on what is left."""
    disk.power_loss(*([] if survives is None else [survives]))
    rig.log.close()
    rig._open()


def check_chain(entries: list[Entry]) -> None:
    assert [entry.prev for entry in entries] == [0, *(entry.seq for entry in entries)][:-1]


# Power.


def lost_with_the_power(synchronous: Synchronous) -> int:
    """Counts the acknowledged entries that a loss of power takes."""
    with rig_on_disk(synchronous) as (rig, disk):
        told = [
            rig.store(*(draft(f"{batch}-{number}") for number in range(10))) for batch in range(5)
        ]
        cut_power(rig, disk)
        left = list(rig.read())
        entries = [entry for batch in told for entry in batch]
        assert left == entries[: len(left)]
        return len(entries) - len(left)


def test_acknowledged_entries_survive_a_loss_of_power() -> None:
    assert lost_with_the_power("FULL") == 0


@pytest.mark.parametrize("synchronous", ["NORMAL", "OFF"])
def test_without_a_sync_before_the_answer_they_would_not(synchronous: Synchronous) -> None:
    assert lost_with_the_power(synchronous) == 50


def test_names_survive_a_loss_of_power_with_the_entry_that_earned_them() -> None:
    with rig_on_disk() as (rig, disk):
        rig.claim(ALICE, "a")
        rig.keep(ALICE, "a")
        rig.store(draft("1", identity="a"))
        cut_power(rig, disk)
        holder = rig.find(ALICE)
        assert holder is not None
        assert holder.kept


@pytest.mark.slow
@settings(max_examples=40)
@given(
    st.lists(st.sampled_from(["append", "append", "hand over", "checkpoint", "cut"]), max_size=30),
    st.integers(0, 2**32),
    st.sampled_from([0.0, 0.5, 0.97]),
)
def test_whatever_else_the_disk_kept_of_what_was_not_synced_the_log_is_whole(
    actions: list[str], seed: int, chance: float
) -> None:
    random = Random(seed)
    ids = count()
    kept: list[Entry] = []
    with rig_on_disk() as (rig, disk):
        for action in [*actions, "cut"]:
            match action:
                case "append":
                    rig.store(*(draft(str(next(ids))) for _ in range(random.randrange(9))))
                case "hand over":
                    rig.hand_over(*(draft(str(next(ids))) for _ in range(random.randrange(99))))
                case "checkpoint":
                    assert isinstance(rig.storage, SqliteStorage)
                    rig.storage.log._checkpointer.want()
                case _:
                    kept += stored(rig)
                    cut_power(rig, disk, lambda: random.random() < chance)
                    left = list(rig.read())
                    check_chain(left)
                    assert left[: len(kept)] == kept
                    kept = left
                    assert integrity(rig) == "ok"


def stored(rig: Rig) -> list[Entry]:
    return [each.entry for each in rig.recorder.outcomes if isinstance(each, Stored)]


def integrity(rig: Rig) -> object:
    answer = Answer[object]()
    assert isinstance(rig.storage, SqliteStorage)
    log = rig.storage.log
    log.do(lambda: log.connection.pragma("integrity_check"), answer)
    return rig.wait(answer)


# Errors.


def fails(
    what: Operation, where: str, error: type[apsw.Error]
) -> Callable[[Operation, Path], None]:
    def fault(operation: Operation, path: Path) -> None:
        if operation == what and path.name.endswith(where):
            raise error("simulated")

    return fault


@pytest.mark.parametrize(
    ("what", "error"),
    [("sync", apsw.IOError), ("write", apsw.IOError), ("write", apsw.FullError)],
)
@pytest.mark.parametrize("private", [False, True])
def test_a_commit_that_fails_is_not_acknowledged_and_ends_the_log(
    what: Operation, error: type[apsw.Error], private: bool
) -> None:
    with rig_on_disk() as (rig, disk):
        told = rig.store(draft("before"))
        disk.fault = fails(what, "-wal", error)
        # In a new room or an old one: in a transaction of several statements, or of one.
        room = "other" if private else "room"
        rig.hand_over(draft("1", room=room), draft("2", room=room))
        rig.until(lambda: rig.recorder.failure is not None, "log_failed")
        assert rig.recorder.failure == f"{error.__name__}: simulated"
        assert len(rig.recorder.outcomes) == 1
        answer = Answer[object]()
        rig.hand_over(draft("3", room=room))
        rig.log.read("room", after=0, upto=9, limit=9, done=answer)
        rig.log.watch("room", answer)
        rig.log.close()
        assert len(rig.recorder.outcomes) == 1
        assert answer.values == []
        # Whether they were stored nobody knows: sent again, they are there once.
        disk.fault = None
        rig._open()
        rig.append(draft("1", room=room), draft("2", room=room))
        assert [entry.id for entry in rig.read("room")] == (
            ["before"] if private else ["before", "1", "2"]
        )
        check_chain(list(rig.read("room")))
        assert list(rig.read("room"))[:1] == told


@pytest.mark.parametrize("done", range(12))
def test_wherever_the_making_of_a_room_was_broken_off_the_room_can_be_made_again(done: int) -> None:
    with rig_on_disk() as (rig, disk):
        rig.store(draft("before"))
        left = done

        def fault(operation: Operation, path: Path) -> None:
            nonlocal left
            if operation in {"write", "sync"} and path.name.endswith("-wal"):
                left -= 1
                if left < 0:
                    raise apsw.IOError("simulated")

        disk.fault = fault
        # A row for the room, and one for the entry.
        rig.hand_over(draft("1", room="other"))
        rig.until(lambda: rig.recorder.failure is not None or not rig.recorder.waiting, "the end")
        disk.fault = None
        cut_power(rig, disk, lambda: True)
        rig.append(draft("1", room="other"))
        assert [entry.id for entry in rig.read("other")] == ["1"]


def test_a_full_disk_does_not_acknowledge_and_loses_nothing() -> None:
    with rig_on_disk() as (rig, disk):
        room_left = 400_000

        def fault(operation: Operation, path: Path) -> None:
            nonlocal room_left
            if operation == "write":
                room_left -= 1_024
                if room_left < 0:
                    raise apsw.FullError("simulated")

        disk.fault = fault
        while rig.recorder.failure is None:
            rig.hand_over(draft(str(len(rig.recorder.outcomes)), content="x" * 1_000))
            rig.until(lambda: not rig.recorder.waiting or rig.recorder.failure is not None, "")
        assert rig.recorder.failure.startswith("FullError")
        told = stored(rig)
        assert len(told) > 20
        rig.log.close()
        disk.fault = None
        rig._open()
        assert list(rig.read())[: len(told)] == told
        assert len(rig.read()) <= len(told) + 1


def test_a_copy_in_the_background_that_finds_no_room_is_made_later() -> None:
    with rig_on_disk() as (rig, disk):
        assert isinstance(rig.storage, SqliteStorage)
        checkpointer = rig.storage.log._checkpointer
        attempts = count()
        tried = 0

        def fault(operation: Operation, path: Path) -> None:
            nonlocal tried
            if operation == "write" and path.name.endswith(".db"):
                tried = next(attempts) + 1
                raise apsw.FullError("simulated")

        disk.fault = fault
        told = rig.store(draft("1"))
        checkpointer.want()
        rig.until(lambda: tried > 0, "an attempt")
        disk.fault = None
        told += rig.store(draft("2"))
        checkpointer.want()
        rig.reopen()
        assert list(rig.read()) == told


def test_a_copy_in_the_background_that_fails_ends_the_log() -> None:
    with rig_on_disk() as (rig, disk):
        assert isinstance(rig.storage, SqliteStorage)
        rig.store(draft("1"))
        disk.fault = fails("sync", ".db", apsw.IOError)
        rig.storage.log._checkpointer.want()
        rig.until(lambda: rig.recorder.failure is not None, "log_failed")
        assert rig.recorder.failure == "IOError: simulated"
        # The writer could go on; but nobody is told.
        answer = Answer[object]()
        rig.hand_over(draft("2"))
        rig.log.watch("room", answer)
        rig.log.read("room", after=0, upto=9, limit=9, done=answer)
        rig.log.close()
        assert len(rig.recorder.waiting) == 1
        assert answer.values == []


def test_a_read_that_fails_is_answered_so_and_the_next_may_do_better() -> None:
    with rig_on_disk() as (rig, disk):
        told = rig.store(draft("1"))
        rig.reopen()
        disk.fault = fails("read", "", apsw.IOError)
        answer = Answer[object]()
        rig.log.read("room", after=0, upto=9, limit=9, done=answer)
        rig.until(lambda: bool(answer.values), "an answer")
        assert answer.values == [Failed("IOError: simulated")]
        disk.fault = None
        assert list(rig.read()) == told


# The real things.


@contextmanager
def small_disk(size: str) -> Generator[Path]:
    path = Path("/tmp") / f"causerie-disk-{os.getpid()}"
    path.mkdir()
    try:
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(path)],
            capture_output=True,
            check=False,
        )
        if mounted.returncode:
            pytest.skip(f"no tmpfs can be mounted here: {mounted.stderr.decode().strip()}")
        try:
            yield path
        finally:
            subprocess.run(["umount", "-l", str(path)], check=True)
    finally:
        path.rmdir()


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="tmpfs is Linux's")
@pytest.mark.skipif(shutil.which("mount") is None, reason="there is no mount command")
def test_on_a_disk_that_is_really_full_nothing_acknowledged_is_lost() -> None:
    with small_disk("2m") as path:
        storage = SqliteStorage(base=path)
        rig = Rig(storage)
        while rig.recorder.failure is None:
            rig.hand_over(draft(str(len(rig.recorder.outcomes)), content="x" * 4_000))
            rig.until(lambda: not rig.recorder.waiting or rig.recorder.failure is not None, "")
        told = stored(rig)
        assert len(told) > 20
        assert "Full" in rig.recorder.failure
        rig.log.close()
        subprocess.run(["mount", "-o", "remount,size=32m", str(path)], check=True)
        rig._open()
        left = list(rig.read())
        assert left[: len(told)] == told
        check_chain(left)
        rig.store(draft("there is room again"))
        rig.log.close()


WRITER = """
import sys
from pathlib import Path
from queue import SimpleQueue
from causerie.adapters.sqlite import open_folder
from causerie.chat.entry import Draft

class Observer:
    def committed(self, commit):
        told = [f"{outcome.entry.seq} {outcome.draft.id}" for outcome in commit.outcomes]
        sys.stdout.write("\\n".join(told) + "\\n")
        sys.stdout.flush()

    def log_failed(self, reason):
        sys.exit(reason)

calls = SimpleQueue()
log, _ = open_folder(
    Path(sys.argv[1]), clock=lambda: 0, call_threadsafe=calls.put, schedule=lambda call: call()
)
log.observe(Observer())
number = 0
while True:
    for _ in range(20):
        number += 1
        log.append(
            Draft(room="room", identity="a", id=f"{sys.argv[2]}-{number}", kind="message",
                  username="A", content="x" * 200)
        )
    calls.get()()
"""


@pytest.mark.slow
def test_what_was_told_is_there_after_the_process_was_killed(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    told: dict[int, str] = {}
    random = Random(5)
    for attempt in range(5):
        with subprocess.Popen(
            [sys.executable, "-c", WRITER, str(folder), str(attempt)],
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdout is not None
            for _ in range(random.randrange(200, 3_000)):
                seq, id = process.stdout.readline().split()
                told[int(seq)] = id
            process.kill()
            for line in process.stdout.read().splitlines():
                # The last line may have been cut short with the process.
                if len(parts := line.split()) == 2:
                    told.setdefault(int(parts[0]), parts[1])
    storage = SqliteStorage(base=tmp_path)
    storage.folder = folder
    rig = Rig(storage)
    left = list(rig.read())
    rig.log.close()
    check_chain(left)
    assert len({entry.id for entry in left}) == len(left)
    ids = {entry.seq: entry.id for entry in left}
    # Of a line that was cut short within the id, a part is left.
    assert all(ids[seq].startswith(id) for seq, id in told.items())
    assert len(told) > 1_000


def test_however_late_the_start_fails_it_is_told_and_the_folder_let_go_of() -> None:
    with rig_on_disk() as (rig, disk):
        rig.store(draft("1"))
        rig.close()

        def starts(reads: int) -> bool:
            """Whether a server starts on a disk that can be read so many times."""
            left = iter(range(reads))

            def fault(operation: Operation, _path: Path) -> None:
                if operation == "read" and next(left, None) is None:
                    raise apsw.IOError("simulated")

            disk.fault = fault
            try:
                rig._open()
            except StorageError:
                return False
            return True

        needed = next(reads for reads in count() if starts(reads))
        assert needed > 5
        disk.fault = None
        assert len(rig.read()) == 1
