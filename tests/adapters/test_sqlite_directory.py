"""Names in SQLite, and freeing one from outside."""

import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from tests.adapters.sqlite_storage import SqliteStorage

from causerie.adapters import sqlite_file
from causerie.adapters.sqlite import StorageError, release_name
from causerie.adapters.sqlite_directory import _FORGET
from causerie.ports import Claimed, Failed, Holder, Taken
from causerie.testing.contracts import Answer, Rig, draft, rig_on
from causerie.testing.contracts_directory import ALICE, ALIKE, BOB, DAY


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    rig = Rig(SqliteStorage(base=tmp_path))
    rig.claim(ALICE, "a")
    rig.keep(ALICE, "a")
    rig.store(draft("1"))
    return rig


def folder_of(rig: Rig) -> Path:
    assert isinstance(rig.storage, SqliteStorage)
    return rig.storage.folder


def test_a_name_is_freed_while_no_server_runs(rig: Rig) -> None:
    with rig.closed():
        assert release_name(folder_of(rig), "alice")
        assert not release_name(folder_of(rig), "alice")
    assert rig.find(ALICE) is None
    assert isinstance(rig.claim(ALIKE, "b"), Claimed)
    rig.close()


def test_a_name_is_freed_while_a_server_runs(rig: Rig) -> None:
    rig.release(ALICE, "a")
    assert rig.find(ALICE) is not None
    code = (
        "import sys; from pathlib import Path; from causerie.adapters.sqlite import release_name;"
        "print(release_name(Path(sys.argv[1]), 'alice'))"
    )
    command = [sys.executable, "-c", code, str(folder_of(rig))]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert told == "True\n"
    assert rig.find(ALICE) is None
    assert isinstance(rig.claim(ALICE, "b"), Claimed)
    rig.store(draft("2"))
    rig.close()


def test_who_uses_a_freed_name_just_now_goes_on_with_it(rig: Rig) -> None:
    assert release_name(folder_of(rig), "alice")
    holder = Holder(identity="a", display="Alice", kept=False)
    assert rig.find(ALICE) == holder
    assert rig.claim(ALICE, "b") == Taken(holder=holder, folded="alice")
    rig.close()


def test_names_that_cannot_be_changed_are_told_of(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_file, "BUSY_MS", 1)
    assert isinstance(rig.storage, SqliteStorage)
    rig.storage.log.connection.execute("BEGIN IMMEDIATE")
    with pytest.raises(StorageError, match="cannot be changed now"):
        release_name(folder_of(rig), "alice")
    rig.storage.log.connection.execute("ROLLBACK")
    assert release_name(folder_of(rig), "alice")
    rig.close()


def test_a_folder_without_a_chat_has_no_names(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="There is no chat"):
        release_name(tmp_path, "alice")


def test_a_name_that_is_no_text_fails_alone(rig: Rig) -> None:
    answer = Answer[object]()
    rig.directory.find("\ud800", now=0, done=answer)
    rig.until(lambda: bool(answer.values), "an answer")
    assert isinstance(answer.values[0], Failed)
    rig.close()


def test_an_address_is_in_the_file_no_longer_than_it_counts(tmp_path: Path) -> None:
    with rig_on(SqliteStorage(base=tmp_path), names_per_address=3) as rig:
        for name, identity in ((ALICE, "a"), (BOB, "b")):
            rig.claim(name, identity, address="192.0.2.7")
            rig.keep(name, identity)
            rig.now += DAY // 2
        rig.sweep()
        assert addresses(rig) == [("alice", ""), ("bob", "192.0.2.7")]
        rig.now += DAY // 2
        rig.reopen()
        rig.sweep()
        assert addresses(rig) == [("alice", ""), ("bob", "")]


def test_a_sweep_looks_at_few_rows(rig: Rig) -> None:
    assert isinstance(rig.storage, SqliteStorage)
    plan = rig.storage.log.connection.execute(f"EXPLAIN QUERY PLAN {_FORGET}", (0,)).fetchall()
    assert "USING INDEX names_by_address (address>?)" in str(plan)
    rig.close()


def addresses(rig: Rig) -> list[tuple[str, str]]:
    """What the file says of who came from where, once all is done that was asked for."""
    rig.find(ALICE)
    with closing(sqlite_file.connect(folder_of(rig))) as connection:
        return list(connection.execute("SELECT folded, address FROM names ORDER BY folded"))
