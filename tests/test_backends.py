"""What a server keeps its rooms in is opened, or the error says what to do."""

import sys
from pathlib import Path

import pytest
from tests.support.nats import nats_server as server

from causerie import backends
from causerie.adapters.nats_server import NatsServer
from causerie.backends import BackendError, StoreHealth, nats_server, open_backend
from causerie.server.config import Config

__all__ = ["server"]


def now() -> int:
    return 1_800_000_000_000_000


def unexpected(what: StoreHealth | str) -> None:
    raise AssertionError(f"nothing has happened, and {what} was told")


async def test_without_nats_all_is_kept_in_the_folder_by_one_server_alone(tmp_path: Path) -> None:
    backend = await open_backend(
        Config(data=tmp_path), clock=now, tell_health=unexpected, lost=unexpected
    )
    try:
        assert backend.bus is None
        assert (tmp_path / "causerie.db").exists()
    finally:
        await backend.close(5.0)


async def test_with_nats_nothing_is_kept_in_the_folder_and_there_is_a_way_to_others(
    tmp_path: Path, server: NatsServer
) -> None:
    config = Config(data=tmp_path / "data", nats=(server.url,))
    one = await open_backend(config, clock=now, tell_health=unexpected, lost=unexpected)
    other = await open_backend(config, clock=now, tell_health=unexpected, lost=unexpected)
    try:
        assert one.bus is not None
        assert other.bus is not None
        assert one.bus.node != other.bus.node
        assert not (tmp_path / "data").exists()
    finally:
        await one.close(5.0)
        await other.close(5.0)


async def test_where_no_nats_answers_the_error_says_what_to_look_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backends, "NATS_WITHIN", 0.3)
    config = Config(data=tmp_path, nats=("nats://127.0.0.1:1",))
    with pytest.raises(BackendError, match=r"127\.0\.0\.1:1.*see that it runs, with JetStream"):
        await open_backend(config, clock=now, tell_health=unexpected, lost=unexpected)


async def test_without_the_extra_the_error_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "nats", None)
    with pytest.raises(BackendError, match=r"pip install 'causerie\[cluster\]'"):
        nats_server(tmp_path)
    with pytest.raises(BackendError, match=r"pip install 'causerie\[cluster\]'"):
        await open_backend(
            Config(nats=("nats://localhost",)), clock=now, tell_health=unexpected, lost=unexpected
        )
