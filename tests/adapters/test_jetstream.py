"""The log in JetStream passes the contracts: in one stream, and in four."""

import pytest
from tests.adapters.jetstream_storage import OnNats, nats_server

from causerie.testing.contracts_log import LogContract
from causerie.testing.contracts_machine import MachineContract
from causerie.testing.contracts_reading import ReadingContract
from causerie.testing.contracts_trimming import TrimmingContract

__all__ = ["nats_server"]


class OnStreams(OnNats):
    """Four streams, among which the rooms of these suites are divided."""

    streams = 4


class TestLog(OnNats, LogContract): ...


class TestReading(OnNats, ReadingContract): ...


@pytest.mark.slow
class TestMachine(OnNats, MachineContract): ...


class TestLogInStreams(OnStreams, LogContract): ...


class TestReadingInStreams(OnStreams, ReadingContract): ...


class TestTrimmingInStreams(OnStreams, TrimmingContract): ...


@pytest.mark.slow
class TestMachineInStreams(OnStreams, MachineContract): ...
