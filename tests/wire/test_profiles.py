"""What says which profile a connection speaks, and when to come back."""

from pathlib import Path

from causerie.client.machine.backoff import wish_of
from causerie.wire.profiles import SUBPROTOCOL, close_reason

PAGE = Path(__file__).parents[2] / "protocol" / "PROTOCOL.md"


def test_the_subprotocol_is_the_one_on_the_protocols_page() -> None:
    assert f"`{SUBPROTOCOL}`" in PAGE.read_text(encoding="utf-8")


def test_clients_understand_the_delay_in_a_close_reason() -> None:
    assert wish_of(close_reason("the server is full", retry_after=2500)) == 2.5
