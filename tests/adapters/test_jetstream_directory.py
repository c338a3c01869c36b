"""The directory in JetStream: its contract, and what only many nodes can do to one another."""

import pytest
from hypothesis import settings
from tests.adapters.jetstream_names_storage import NamesStorage
from tests.support.nats import nats_server

from causerie.adapters.nats_server import NatsServer
from causerie.testing.contracts import Storage
from causerie.testing.contracts_directory import DirectoryContract
from causerie.testing.contracts_machine import MachineContract

__all__ = ["nats_server"]


class OnNats:
    server: NatsServer

    @pytest.fixture(autouse=True)
    def on(self, nats_server: NatsServer) -> None:
        self.server = nats_server

    def storage(self) -> Storage:
        return NamesStorage(self.server.url)


class TestDirectory(OnNats, DirectoryContract): ...


@pytest.mark.slow
class TestMachine(OnNats, MachineContract):
    settings = settings(MachineContract.settings, max_examples=30)
