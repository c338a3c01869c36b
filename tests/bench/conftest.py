"""A server of our own for all tests of the load generator that harm it in no way."""

from collections.abc import Iterator

import pytest
from tests.bench.tiny_chat import TinyChat

from causerie.bench.target import OwnServer, own_server


@pytest.fixture(scope="session")
def server() -> Iterator[OwnServer]:
    with own_server() as server:
        yield server


@pytest.fixture
def chat() -> Iterator[TinyChat]:
    with TinyChat() as chat:
        yield chat
