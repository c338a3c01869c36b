"""A server for the tests of the terminal client, and people who chat there."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.server_process import ServerProcess
from tests.tui.people import People


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server that all tests of a module share. They keep out of each other's rooms."""
    with ServerProcess(tmp_path_factory.mktemp("data"), "--rate-limit", "0") as server:
        yield server


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the keys of one module's people are."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture
def people(server: ServerProcess, home: Path) -> Iterator[People]:
    """People in a room of their own."""
    with People(server.ws, home) as people:
        yield people
