"""The bus on a real NATS server, under the contract of buses."""

import time

import pytest
from tests.adapters.nats_switchboard import DEADLINE, NatsSwitchboard
from tests.support.nats import nats_server

from causerie.adapters.nats_server import NatsServer
from causerie.testing.contracts_bus import BusContract, Switchboard

__all__ = ["nats_server"]


class TestBus(BusContract):
    server: NatsServer

    @pytest.fixture(autouse=True)
    def _on_server(self, nats_server: NatsServer) -> None:
        self.server = nats_server

    def switchboard(self) -> Switchboard:
        return NatsSwitchboard(self.server)

    def test_who_has_another_prefix_hears_nothing(self) -> None:
        board, other = NatsSwitchboard(self.server), NatsSwitchboard(self.server)
        try:
            speaker, same, stranger = board.join(), board.join(), other.join()
            heard: list[bytes] = []
            overheard: list[bytes] = []
            same.subscribe("red", heard.append)
            stranger.subscribe("red", overheard.append)
            other.step(0.01)
            until = time.monotonic() + DEADLINE
            while not heard:
                assert time.monotonic() < until, "nobody hears anything"
                speaker.publish("red", b"hello")
                board.step(0.01)
            other.step(0.01)
            assert overheard == []
        finally:
            board.dispose()
            other.dispose()
