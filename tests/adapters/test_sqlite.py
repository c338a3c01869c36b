"""The SQLite adapter passes the contracts."""

import pytest
from tests.adapters.sqlite_storage import SqliteStorage

from causerie.testing.contracts import Storage
from causerie.testing.contracts_directory import DirectoryContract
from causerie.testing.contracts_log import LogContract
from causerie.testing.contracts_machine import MachineContract
from causerie.testing.contracts_reading import ReadingContract


class InFolder:
    def storage(self) -> Storage:
        return SqliteStorage()


class TestLog(InFolder, LogContract): ...


class TestReading(InFolder, ReadingContract): ...


class TestDirectory(InFolder, DirectoryContract): ...


@pytest.mark.slow
class TestMachine(InFolder, MachineContract): ...
