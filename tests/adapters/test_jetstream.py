"""The log in JetStream passes the contracts."""

import pytest
from tests.adapters.jetstream_storage import OnNats, nats_server

from causerie.testing.contracts_log import LogContract
from causerie.testing.contracts_machine import MachineContract
from causerie.testing.contracts_reading import ReadingContract

__all__ = ["nats_server"]


class TestLog(OnNats, LogContract): ...


class TestReading(OnNats, ReadingContract): ...


@pytest.mark.slow
class TestMachine(OnNats, MachineContract): ...
