"""A server for all loads of a module, and loads that run in this process."""

from collections.abc import Iterator

import pytest
from tests.bench.alone import run_alone
from tests.bench.tiny_chat import TinyChat

from causerie.bench import crew
from causerie.bench.target import OwnServer, own_server


@pytest.fixture(scope="package")
def server() -> Iterator[OwnServer]:
    with own_server() as server:
        yield server


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crew, "run", run_alone)


@pytest.fixture
def chat() -> Iterator[TinyChat]:
    with TinyChat() as chat:
        yield chat
