"""The simulated disk by itself, under SQLite's rollback journal and its write-ahead log."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import apsw
import pytest

from causerie.testing.powerloss import SimulatedDisk


@pytest.fixture
def disk() -> Iterator[SimulatedDisk]:
    disk = SimulatedDisk("simulated")
    yield disk
    disk.unregister()


def open_on(disk: SimulatedDisk, path: Path, **pragmas: str) -> apsw.Connection:
    connection = apsw.Connection(str(path), vfs=disk.name)
    for name, value in pragmas.items():
        connection.pragma(name, value)
    return connection


def rows_after(disk: SimulatedDisk, connection: apsw.Connection, path: Path) -> list[object]:
    """Cuts the power, and reads what is left."""
    disk.power_loss()
    with pytest.raises(apsw.IOError, match="the power was cut"):
        connection.execute("INSERT INTO t VALUES (99)")
    with suppress(apsw.IOError):
        connection.close(force=True)
    again = apsw.Connection(str(path), vfs=disk.name)
    there = again.table_exists(None, "t")
    rows = [row for (row,) in again.execute("SELECT x FROM t")] if there else []
    again.close()
    return rows


@pytest.mark.parametrize("mode", ["wal", "delete", "truncate", "persist"])
@pytest.mark.parametrize(("synchronous", "left"), [("extra", [1, 2, 3]), ("off", [])])
def test_what_was_synced_is_left_and_nothing_else(
    disk: SimulatedDisk, tmp_path: Path, mode: str, synchronous: str, left: list[object]
) -> None:
    path = tmp_path / "db"
    connection = open_on(disk, path, journal_mode=mode, synchronous=synchronous)
    connection.execute("CREATE TABLE t (x)")
    for number in (1, 2, 3):
        connection.execute("INSERT INTO t VALUES (?)", (number,))
    assert rows_after(disk, connection, path) == left


def test_a_file_that_was_there_before_is_durable_as_it_was(
    disk: SimulatedDisk, tmp_path: Path
) -> None:
    path = tmp_path / "db"
    real = apsw.Connection(str(path))
    real.execute("CREATE TABLE t (x); INSERT INTO t VALUES (1)")
    real.close()
    connection = open_on(disk, path, journal_mode="wal", synchronous="off")
    connection.execute("INSERT INTO t VALUES (2)")
    assert rows_after(disk, connection, path) == [1]


def test_a_transaction_that_was_not_committed_is_rolled_back(
    disk: SimulatedDisk, tmp_path: Path
) -> None:
    path = tmp_path / "db"
    connection = open_on(disk, path, journal_mode="delete", synchronous="full", cache_size="1")
    connection.execute("CREATE TABLE t (x); INSERT INTO t VALUES (1); BEGIN")
    connection.execute(
        "WITH RECURSIVE n (i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n LIMIT 9999) "
        "INSERT INTO t SELECT i FROM n"
    )
    connection.cache_flush()
    disk.power_loss(lambda: True)
    with suppress(apsw.IOError):
        connection.close(force=True)
    again = apsw.Connection(str(path), vfs=disk.name)
    assert again.execute("SELECT x FROM t").get == 1
    again.close()


def test_a_fault_reaches_whoever_does_the_operation(disk: SimulatedDisk, tmp_path: Path) -> None:
    connection = open_on(disk, tmp_path / "db", journal_mode="wal", synchronous="full")
    connection.execute("CREATE TABLE t (x)")
    happened: list[tuple[str, str]] = []

    def full(operation: str, path: Path) -> None:
        happened.append((operation, path.name))
        if operation == "write":
            raise apsw.FullError("simulated")

    disk.fault = full
    with pytest.raises(apsw.FullError):
        connection.execute("INSERT INTO t VALUES (1)")
    assert ("write", "db-wal") in happened
    disk.fault = None
    connection.execute("INSERT INTO t VALUES (2)")
    assert connection.execute("SELECT x FROM t").get == 2
    connection.close()


@pytest.mark.parametrize("survives", [True, False])
def test_sectors_survive_as_they_are_told_to(
    disk: SimulatedDisk, tmp_path: Path, survives: bool
) -> None:
    path = tmp_path / "db"
    connection = open_on(disk, path, journal_mode="wal", synchronous="full")
    connection.execute("CREATE TABLE t (x)")
    connection.pragma("synchronous", "off")
    connection.execute("INSERT INTO t VALUES (1)")
    disk.power_loss(lambda: survives)
    with suppress(apsw.IOError):
        connection.close(force=True)
    again = apsw.Connection(str(path), vfs=disk.name)
    assert again.execute("SELECT count(*) FROM t").get == int(survives)
    again.close()
