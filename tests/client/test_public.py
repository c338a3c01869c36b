"""The public face of the library: what `import causerie` shows, and what it costs."""

import subprocess
import sys
from typing import assert_type

import pytest

import causerie


def test_everything_that_is_shown_is_there() -> None:
    for name in causerie.__all__:
        assert getattr(causerie, name) is not None


def test_nothing_else_is() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = causerie.nonsense  # type: ignore[attr-defined]
    with pytest.raises(AttributeError):
        _ = causerie.Machine  # type: ignore[attr-defined]


def test_a_name_means_the_clients_own() -> None:
    assert causerie.ServerError.__module__ == "causerie.client.machine.events"
    assert issubclass(causerie.HelloRefused, causerie.Ended)
    assert issubclass(causerie.Ended, causerie.ClientError)
    assert issubclass(causerie.ClientError, causerie.CauserieError)


@pytest.mark.slow
def test_who_imports_causerie_alone_does_not_pay_for_the_client() -> None:
    program = "import sys, causerie; print([m for m in sys.modules if 'websockets' in m])"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == "[]\n"


async def use(client: causerie.Client) -> None:
    """Is never called; says which types the methods have."""
    assert_type(await client.send("hi"), causerie.Receipt)
    assert_type(await client.private("Bob", "psst"), causerie.Receipt)
    assert_type(await client.join("lobby"), causerie.Joined)
    assert_type(await client.history(), causerie.History)
    assert_type(await client.members(), list[str])
    assert_type(client.state, causerie.State)
    async for event in client:
        match event:
            case causerie.Message():
                assert_type(event.content, str)
            case causerie.Gap():
                assert_type(event.missing, int | None)
            case _:
                assert_type(client.rtt_ms, int | None)
