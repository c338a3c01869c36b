"""The data folder: who may have it, and what is said if it cannot be had."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import apsw
import pytest

from causerie.adapters.sqlite_file import (
    APPLICATION_ID,
    DATABASE,
    LOCK,
    SCHEMA_VERSION,
    Damaged,
    DataFolder,
    Displaced,
    FolderInUse,
    NotAChat,
    StorageError,
    TooNew,
    Unfinished,
    connect,
    last_said,
    note_whole,
)
from causerie.adapters.sqlite_places import Places, hash_id
from causerie.testing.powerloss import SimulatedDisk
from causerie.wire.errors import CauserieError


def test_a_folder_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "data"
    DataFolder(path).unlock()
    assert stat.S_IMODE(path.stat().st_mode) == 0o700
    assert (path / DATABASE).exists()


def test_an_epoch_stays_with_the_database(tmp_path: Path) -> None:
    folders = []
    for name in ("one", "one", "other"):
        folder = DataFolder(tmp_path / name)
        folder.unlock()
        folders.append(folder)
    assert folders[0].epoch == folders[1].epoch != folders[2].epoch
    assert len(folders[0].epoch) >= 12


def test_settings_are_those_that_durability_needs(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path)
    for writes in (True, False):
        connection = folder.connect(cache_kib=100, writes=writes)
        assert connection.pragma("journal_mode") == "wal"
        assert connection.pragma("synchronous") == 2
        assert connection.pragma("cache_size") == -100
        assert connection.pragma("query_only") == (not writes)
        connection.close()
    folder.unlock()


def test_a_second_server_on_the_folder_is_told_so(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path)
    with pytest.raises(FolderInUse) as caught:
        DataFolder(tmp_path)
    assert str(tmp_path) in str(caught.value)
    assert f"process {os.getpid()}" in str(caught.value)
    folder.unlock()
    folder.unlock()
    DataFolder(tmp_path).unlock()


def test_a_second_process_on_the_folder_is_told_so(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path)
    code = (
        "import sys; from pathlib import Path;"
        "from causerie.adapters.sqlite_file import DataFolder, FolderInUse\n"
        "try: DataFolder(Path(sys.argv[1]))\n"
        "except FolderInUse as error: print(error)"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert f"Another server (process {os.getpid()}) runs on {tmp_path}" in told
    folder.unlock()
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == ""


def test_whoever_holds_the_lock_without_a_word_holds_it_too(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path)
    (tmp_path / LOCK).write_bytes(b"")
    with pytest.raises(FolderInUse, match="Another server runs on"):
        DataFolder(tmp_path)
    folder.unlock()


def test_the_lock_is_let_go_of_when_the_database_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / DATABASE).write_bytes(b"not a database, but long enough to be taken for one" * 99)
    for _ in range(2):
        with pytest.raises(NotAChat, match="is not a database"):
            DataFolder(tmp_path)


def test_somebody_elses_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    other = apsw.Connection(str(tmp_path / DATABASE))
    other.execute("CREATE TABLE entries (x)")
    other.close()
    before = (tmp_path / DATABASE).read_bytes()
    with pytest.raises(NotAChat, match="is not a chat of Causerie"):
        DataFolder(tmp_path)
    assert (tmp_path / DATABASE).read_bytes() == before


def test_it_is_seen_from_outside_when_something_was_said_last(tmp_path: Path) -> None:
    assert last_said(tmp_path) is None
    (tmp_path / DATABASE).touch()
    assert last_said(tmp_path) is None
    folder = DataFolder(tmp_path)
    assert last_said(tmp_path) is None
    connection = folder.connect(cache_kib=100)
    connection.execute("INSERT INTO entries VALUES (1, 1, 1, 1, 'i', 1, 0, 'u', 'c', '', 1, '')")
    assert last_said(tmp_path) == 1
    connection.execute("INSERT INTO entries VALUES (2, 1, 2, 1, 'j', 9, 0, 'u', 'c', '', 1, '')")
    assert last_said(tmp_path) == 9
    connection.execute("DROP TABLE rooms; ALTER TABLE entries RENAME TO entries_; ")
    connection.execute("CREATE VIEW entries AS SELECT * FROM rooms")
    with pytest.raises(StorageError, match="cannot be opened"):
        last_said(tmp_path)
    connection.close()
    folder.unlock()


def test_a_part_is_noted_until_it_is_whole(tmp_path: Path) -> None:
    def note(*, is_whole: bool) -> DataFolder:
        folder = DataFolder(tmp_path)
        connection = folder.connect(cache_kib=100)
        note_whole(connection, is_whole=is_whole)
        connection.close()
        folder.unlock()
        again = DataFolder(tmp_path)
        again.unlock()
        return again

    for _ in range(2):
        with pytest.raises(Unfinished, match="run the same command again"):
            note(is_whole=False).require_whole()
    note(is_whole=True).require_whole()


def test_an_empty_file_is_a_database_that_is_not_made_yet(tmp_path: Path) -> None:
    (tmp_path / DATABASE).touch()
    with pytest.raises(NotAChat):
        connect(tmp_path)
    DataFolder(tmp_path).unlock()


def test_a_newer_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    DataFolder(tmp_path).unlock()
    newer = apsw.Connection(str(tmp_path / DATABASE))
    newer.pragma("user_version", SCHEMA_VERSION + 1)
    newer.close()
    with pytest.raises(TooNew, match=f"schema {SCHEMA_VERSION + 1}, this one knows"):
        DataFolder(tmp_path)


def test_an_older_database_is_brought_up_to_date_and_what_is_in_it_stays(tmp_path: Path) -> None:
    DataFolder(tmp_path).unlock()
    older = connect(tmp_path)
    older.execute("""
        DROP TABLE places_by_room;
        DROP TABLE places_by_id;
        DELETE FROM meta WHERE key = 'indexed';
        CREATE UNIQUE INDEX entries_by_room ON entries (room, seq);
        CREATE UNIQUE INDEX entries_by_id ON entries (id, author);
        INSERT INTO entries (room, seq, author, id, timestamp, private, username, content)
        VALUES (1, 1, 1, 'a', 1, 0, 'Alice', 'hi'), (2, 1, 1, 'b', 2, 0, 'Alice', 'hi'),
            (1, 2, 2, 'a', 3, 0, 'Bob', 'hi');
        DROP INDEX names_by_identity;
        ALTER TABLE names DROP COLUMN claimed;
        INSERT INTO names VALUES ('alice', 'alice', 'Alice', 'a', '', 1, 3);
        INSERT INTO names VALUES ('bob', 'bob', 'Bob', 'a', '', 2, 2);
        PRAGMA user_version = 1;
    """)
    epoch = list(older.execute("SELECT * FROM meta"))
    older.close()
    DataFolder(tmp_path).unlock()
    newer = connect(tmp_path)
    assert newer.pragma("user_version") == SCHEMA_VERSION
    found = newer.execute("SELECT display FROM names WHERE identity = 'a' ORDER BY claimed")
    assert list(found) == [("Bob",), ("Alice",)]
    assert list(newer.execute("SELECT * FROM meta WHERE key = 'epoch'")) == epoch
    places = Places(newer)
    assert places.by_room(newer, 1, after=0, upto=9, limit=9) == [1, 3]
    assert places.by_id(newer, [hash_id(2, "a")]) == [3]
    assert list(newer.execute("SELECT value FROM meta WHERE key = 'indexed'")) == [("3",)]
    newer.close()


def test_a_damaged_database_is_told_of(tmp_path: Path) -> None:
    DataFolder(tmp_path).unlock()
    connect(tmp_path).close()
    path = tmp_path / DATABASE
    contents = bytearray(path.read_bytes())
    assert contents[68:72] == APPLICATION_ID.to_bytes(4, "big")
    contents[100:400] = b"\xff" * 300
    path.write_bytes(contents)
    with pytest.raises(Damaged, match="is damaged"):
        DataFolder(tmp_path)


def test_a_database_that_lost_what_every_one_has_is_told_of(tmp_path: Path) -> None:
    DataFolder(tmp_path).unlock()
    connection = connect(tmp_path)
    connection.execute("DROP TABLE meta")
    connection.close()
    with pytest.raises(StorageError, match="cannot be opened"):
        DataFolder(tmp_path)


def test_a_database_that_lost_its_epoch_is_told_of(tmp_path: Path) -> None:
    DataFolder(tmp_path).unlock()
    connection = connect(tmp_path)
    connection.execute("DELETE FROM meta")
    connection.close()
    with pytest.raises(Damaged, match="has lost its epoch"):
        DataFolder(tmp_path)


def test_a_folder_that_cannot_be_made_is_told_of(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="cannot be used"):
        DataFolder(tmp_path / "file" / "data")


def test_a_database_that_cannot_be_opened_is_told_of(tmp_path: Path) -> None:
    (tmp_path / DATABASE).mkdir()
    with pytest.raises(StorageError, match="cannot be opened"):
        DataFolder(tmp_path)


def test_a_disk_that_fails_at_the_start_is_told_of(tmp_path: Path) -> None:
    disk = SimulatedDisk("fails-at-the-start")

    def fault(_operation: str, _path: Path) -> None:
        raise apsw.IOError("simulated")

    disk.fault = fault
    with pytest.raises(StorageError, match="simulated"):
        DataFolder(tmp_path, vfs=disk.name)
    disk.fault = None
    DataFolder(tmp_path, vfs=disk.name).unlock()
    disk.unregister()


def test_a_file_system_without_shared_memory_is_told_of(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="shared memory"):
        DataFolder(tmp_path, vfs="unix-dotfile")


@pytest.mark.parametrize("name", [LOCK, DATABASE])
def test_files_that_are_no_longer_where_they_were_are_noticed(tmp_path: Path, name: str) -> None:
    folder = DataFolder(tmp_path)
    folder.check()
    file, aside = tmp_path / name, tmp_path / "aside"
    file.rename(aside)
    with pytest.raises(Displaced, match=f"{name} was moved, deleted or replaced"):
        folder.check()
    file.write_bytes(aside.read_bytes())
    with pytest.raises(Displaced):
        folder.check()
    aside.rename(file)
    folder.check()
    folder.unlock()


def test_connecting_makes_nothing(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="There is no chat in"):
        connect(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_errors_of_storage_are_errors_of_causerie() -> None:
    for error in (FolderInUse, NotAChat, TooNew, Damaged):
        assert issubclass(error, StorageError)
    assert issubclass(StorageError, CauserieError)
