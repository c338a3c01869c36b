"""The hub's settings: what follows from them."""

import pytest
from tests.server.support import V1

from causerie.server.settings import HubSettings
from causerie.testing.memory_server import MemoryServer


@pytest.mark.parametrize(
    ("rate", "burst"), [(20.0, 40.0), (1.0, 2.0), (0.5, 1.0), (0.1, 1.0), (0.0, 0.0)]
)
def test_twice_the_rate_may_come_at_once_and_one_command_always(rate: float, burst: float) -> None:
    assert HubSettings(rate=rate).burst == burst


def test_a_rate_below_one_lets_commands_through_at_that_rate() -> None:
    server = MemoryServer(settings=HubSettings(rate=0.1))
    client = V1(server)
    assert client.hello("Alice")["limits"] | {"rate": 0.1, "burst": 1} == HELD_TO
    assert client.ask("ping")["retryAfter"] == 10_001
    server.advance(10.1)
    assert client.ask("ping")["type"] == "pong"


HELD_TO = {
    "frame": 65_536,
    "reply": 32_768,
    "content": 4_000,
    "rooms": 100,
    "rate": 0.1,
    "burst": 1,
    "dedupe": None,
    "page": 100,
}


def test_settings_cannot_be_changed_while_a_server_runs_on_them() -> None:
    with pytest.raises(AttributeError):
        setattr(HubSettings(), "rate", 1.0)  # noqa: B010
