"""What a server keeps its rooms in is opened, or the error says what to do."""

import asyncio
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from tests.adapters.archives import (
    Chat,
    by_room,
    comparable,
    fill,
    kept,
    message,
    random_chat,
    read_all,
)
from tests.adapters.jetstream_nodes import until
from tests.support.nats import NatsCluster, nats_cluster
from tests.support.nats import nats_server as server
from tests.support.server_process import ServerProcess

import causerie
from causerie import backends
from causerie.adapters.jetstream_directory import JetStreamDirectory
from causerie.adapters.jetstream_link import Link
from causerie.adapters.jetstream_names import AwayError, Value
from causerie.adapters.jetstream_partitions import PartitionedLog
from causerie.adapters.jetstream_streams import partition
from causerie.adapters.jetstream_values import Values
from causerie.adapters.nats_server import NatsServer
from causerie.backends import (
    Backend,
    BackendError,
    StoreHealth,
    nats_server,
    open_archive,
    open_backend,
    release_name,
    require_moved,
)
from causerie.ports import Rejected
from causerie.server.config import Config
from causerie.testing.contracts import Recorder, draft
from causerie.wire.errors import CauserieError

__all__ = ["nats_cluster", "server"]

KEY = "0123456789abcdef0123456789abcdef"


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


async def test_who_has_lost_a_name_to_another_node_says_nothing_more_under_it(
    server: NatsServer,
) -> None:
    lost: list[str] = []
    config = Config(nats=(server.url,))
    backend = await open_backend(config, clock=now, tell_health=unexpected, lost=lost.append)
    try:
        recorder, said = Recorder(), draft("1", identity="k:a")
        backend.log.observe(recorder)
        recorder.waiting.append(said)
        backend.log.append(said)
        assert isinstance(backend.directory, JetStreamDirectory)
        backend.directory._lost("alice", "k:a")
        assert lost == ["k:a"]
        await until(lambda: not recorder.waiting, "the outcome")
        assert recorder.outcomes == [Rejected(said, "name_lost")]
    finally:
        await backend.close(5.0)


@pytest.mark.usefixtures("own_prefix")
async def test_a_chat_keeps_the_streams_with_which_it_was_made(server: NatsServer) -> None:
    async def begin(streams: int) -> Backend:
        config = Config(nats=(server.url,), streams=streams)
        return await open_backend(config, clock=now, tell_health=unexpected, lost=unexpected)

    for streams in (3, 0, 3):
        backend = await begin(streams)
        assert isinstance(backend.log, PartitionedLog)
        await backend.close(5.0)
    for streams in (1, 4):
        with pytest.raises(BackendError, match=r"has 3 streams.*causerie move --streams"):
            await begin(streams)


@pytest.mark.usefixtures("own_prefix")
async def test_a_chat_that_has_lost_a_stream_is_not_served(server: NatsServer) -> None:
    config = Config(nats=(server.url,), streams=2)
    backend = await open_backend(config, clock=now, tell_health=unexpected, lost=unexpected)
    await backend.close(5.0)
    link = Link([server.url], name="causerie-tests")
    await link.open(5.0)
    name = f"{backends.PREFIX}-2"
    await link.request(f"$JS.API.STREAM.DELETE.{name}", within=5.0)
    await link.close()
    with pytest.raises(BackendError, match=rf"is not whole .*{name}.*put what is missing back"):
        await open_backend(config, clock=now, tell_health=unexpected, lost=unexpected)


@pytest.mark.usefixtures("own_prefix")
async def test_all_streams_of_a_chat_are_one_archive(server: NatsServer) -> None:
    chat = random_chat(1, 100)
    async with open_archive(server.url, make=True, streams=3) as archive:
        await fill(archive, chat)
    async with open_archive(server.url) as archive:
        assert comparable(by_room(await read_all(archive))) == comparable(by_room(chat))
    with pytest.raises(BackendError, match="has 3 streams"):
        async with open_archive(server.url, make=True, streams=2):
            raise AssertionError("it has another number")


async def test_a_data_folder_has_no_streams(tmp_path: Path) -> None:
    with pytest.raises(BackendError, match="data is a data folder, and has no streams: leave --st"):
        async with open_archive(str(tmp_path / "data"), make=True, streams=2):
            raise AssertionError("it is not there")
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("which", range(2))
def test_rooms_are_found_in_any_stream(tmp_path: Path, which: int) -> None:
    room = next(room for room in ("lobby", "garden", "attic") if partition(room, 2) == which)

    async def put_there() -> None:
        async with open_archive(str(tmp_path / "nats"), make=True, streams=2) as archive:
            await archive.append([message(0, room)])

    asyncio.run(put(tmp_path))
    asyncio.run(put_there())
    with nats_server(tmp_path) as running:
        require_moved(tmp_path, running.url)


async def test_where_no_nats_answers_the_error_says_what_to_look_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backends, "NATS_WITHIN", 0.3)
    config = Config(data=tmp_path, nats=("nats://127.0.0.1:1",))
    with pytest.raises(BackendError, match=r"127\.0\.0\.1:1.*see that it runs, with JetStream"):
        await open_backend(config, clock=now, tell_health=unexpected, lost=unexpected)


@pytest.mark.usefixtures("own_prefix")
@pytest.mark.parametrize("failures", [3, 1_000_000])
async def test_a_cluster_that_chooses_its_leaders_is_waited_for(
    server: NatsServer, monkeypatch: pytest.MonkeyPatch, failures: int
) -> None:
    monkeypatch.setattr(backends, "LEADERS_WITHIN", 1.0)
    read = Values.read
    asked = 0

    async def late(self: Values, keys: Sequence[str]) -> dict[str, Value]:
        nonlocal asked
        asked += 1
        if asked <= failures:
            raise AwayError("there is no leader")
        return await read(self, keys)

    monkeypatch.setattr(Values, "read", late)
    config = Config(nats=(server.url,))
    if failures == 3:
        backend = await open_backend(config, clock=now, tell_health=unexpected, lost=unexpected)
        await backend.close(5.0)
        assert asked > failures
    else:
        with pytest.raises(BackendError, match="there is no leader"):
            await open_backend(config, clock=now, tell_health=unexpected, lost=unexpected)


async def test_without_the_extra_the_error_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "nats", None)
    with pytest.raises(BackendError, match=r"pip install '\.\[cluster\]' in Causerie's checkout"):
        nats_server(tmp_path)
    with pytest.raises(BackendError, match=r"pip install '\.\[cluster\]' in Causerie's checkout"):
        await open_backend(
            Config(nats=("nats://localhost",)), clock=now, tell_health=unexpected, lost=unexpected
        )


@pytest.fixture
def own_prefix(monkeypatch: pytest.MonkeyPatch) -> None:
    """What this test puts into a NATS server that others use too is not theirs."""
    monkeypatch.setattr(backends, "PREFIX", f"b{os.urandom(4).hex()}")


def places(tmp_path: Path, server: NatsServer) -> list[str]:
    """One of each sort."""
    return [str(tmp_path / "data"), str(tmp_path / "workers" / "nats"), server.url]


# At rest.


@pytest.mark.usefixtures("own_prefix")
@pytest.mark.parametrize("which", [0, 1, 2])
async def test_what_is_put_into_an_archive_is_there_when_it_is_opened_again(
    tmp_path: Path, server: NatsServer, which: int
) -> None:
    place, chat = places(tmp_path, server)[which], random_chat(1, 100)
    async with open_archive(place, make=True) as archive:
        await fill(archive, chat)
    async with open_archive(place) as archive:
        assert comparable(await read_all(archive)) == comparable(chat)


@pytest.mark.usefixtures("own_prefix")
@pytest.mark.parametrize("which", [0, 1, 2])
async def test_where_there_is_no_chat_none_is_made_unless_that_is_said(
    tmp_path: Path, server: NatsServer, which: int
) -> None:
    place = places(tmp_path, server)[which]
    with pytest.raises(BackendError, match=rf"There is no chat in {place}: name a data folder"):
        async with open_archive(place):
            raise AssertionError("it is not there")
    assert not (tmp_path / "data").exists()
    assert not (tmp_path / "workers").exists()


async def test_a_data_folder_that_is_called_nats_is_one(tmp_path: Path) -> None:
    backend = await open_backend(
        Config(data=tmp_path / "nats"), clock=now, tell_health=unexpected, lost=unexpected
    )
    await backend.close(5.0)
    async with open_archive(str(tmp_path / "nats")) as archive:
        assert await archive.count() == 0
    assert not (tmp_path / "nats" / "jetstream").exists()


@pytest.mark.usefixtures("own_prefix")
async def test_what_a_server_uses_is_no_archive(tmp_path: Path, server: NatsServer) -> None:
    folder, _, url = places(tmp_path, server)
    for config in (Config(data=Path(folder)), Config(data=tmp_path / "x", nats=(url,))):
        backend = await open_backend(config, clock=now, tell_health=unexpected, lost=unexpected)
        place = folder if backend.bus is None else url
        who = rf"process {os.getpid()}" if backend.bus is None else backend.bus.node
        told = ""
        async with asyncio.timeout(10):
            while not told:  # until its lease is there
                try:
                    async with open_archive(place):
                        await asyncio.sleep(0)
                except BackendError as error:
                    told = str(error)
        assert who in told
        assert "stop" in told
        await backend.close(5.0)
        async with open_archive(place):
            """Then it is."""


async def test_a_folder_in_which_a_nats_server_runs_is_no_archive(tmp_path: Path) -> None:
    with (
        nats_server(tmp_path) as running,
        pytest.raises(
            BackendError, match=rf"A server \(with NATS as process {running.pid}\) .* stop it"
        ),
    ):
        async with open_archive(str(tmp_path / "nats"), make=True):
            raise AssertionError("it is in use")


@pytest.mark.parametrize("place", ["nats://", "nats:x", "tls://a:b", "nats://a,b"])
async def test_what_is_no_address_of_a_nats_server_is_told(place: str) -> None:
    with pytest.raises(BackendError, match=r"cannot be .*nats://HOST:PORT"):
        async with open_archive(place):
            raise AssertionError("there is none")


@pytest.mark.usefixtures("own_prefix")
@pytest.mark.parametrize("which", [0, 2])
async def test_no_server_begins_on_a_part(tmp_path: Path, server: NatsServer, which: int) -> None:
    place = places(tmp_path, server)[which]
    async with open_archive(place, make=True) as archive:
        await archive.begin()
    config = Config(data=tmp_path / "data", nats=(server.url,) if which else ())
    with pytest.raises(CauserieError, match=r"only a part of a chat.*run the same command again"):
        await open_backend(config, clock=now, tell_health=unexpected, lost=unexpected)
    with pytest.raises(CauserieError, match=r"only a part of a chat"):
        async with open_archive(place):
            raise AssertionError("nobody copies a part as if it were whole")
    async with open_archive(place, make=True):
        """It may be gone on with."""


@pytest.mark.slow
@pytest.mark.real
async def test_a_cluster_may_lose_a_server_while_it_is_filled(nats_cluster: NatsCluster) -> None:
    chat = random_chat(9, 3_000)
    async with open_archive(",".join(nats_cluster.urls), make=True) as archive:
        for start in range(0, 3_000, 500):
            if start == 1_500:
                leader = await asyncio.to_thread(nats_cluster.wait_for_stream, backends.PREFIX)
                nats_cluster.kill(leader)
            await archive.append(chat.entries[start : start + 500])
        await archive.set_names(chat.names)
        assert comparable(await read_all(archive)) == comparable(chat)


# Rooms that are somewhere else.


async def put(place: Path, count: int = 1) -> None:
    """Something that people have said, where a server keeps it."""
    async with open_archive(str(place), make=True) as archive:
        await archive.append([message(number) for number in range(count)])


def test_workers_do_not_begin_beside_rooms_that_were_kept_without_them(tmp_path: Path) -> None:
    data = tmp_path / "our data"
    asyncio.run(put(data))
    with nats_server(data) as running, pytest.raises(BackendError) as refused:
        require_moved(data, running.url)
    assert f"`causerie move '{data}' '{data}/nats'`" in str(refused.value)


@pytest.mark.parametrize("went_on", [0, 1])
def test_workers_begin_on_what_was_moved_and_say_without_alarm_that_a_copy_stays(
    tmp_path: Path, went_on: int
) -> None:
    asyncio.run(put(tmp_path, 2))
    asyncio.run(put(tmp_path / "nats", 2 + went_on))
    with nats_server(tmp_path) as running, capture_logs() as logs:
        require_moved(tmp_path, running.url)
    assert [(log["log_level"], log["event"]) for log in logs if "data" in log] == [
        ("info", "the rooms are in NATS; the copy from before they were moved stays beside them")
    ]


def test_workers_warn_if_people_went_on_without_them_and_name_the_command(tmp_path: Path) -> None:
    asyncio.run(put(tmp_path / "nats", 2))
    asyncio.run(put(tmp_path, 3))
    with nats_server(tmp_path) as running, capture_logs() as logs:
        require_moved(tmp_path, running.url)
    (told,) = (log for log in logs if log["log_level"] == "warning")
    assert told["event"].startswith("what was said last by a server without workers is not used")
    assert told["command"] == f"causerie move {tmp_path} {tmp_path}/nats"


def test_workers_begin_where_there_is_nothing_yet(tmp_path: Path) -> None:
    asyncio.run(put(tmp_path, 0))
    with nats_server(tmp_path) as running:
        require_moved(tmp_path, running.url)
        require_moved(tmp_path / "none", running.url)


async def test_a_server_without_workers_does_not_begin_beside_rooms_that_were_kept_with_them(
    tmp_path: Path,
) -> None:
    async def begin() -> None:
        backend = await open_backend(
            Config(data=tmp_path), clock=now, tell_health=unexpected, lost=unexpected
        )
        await backend.close(5.0)

    await put(tmp_path / "nats", 0)
    await begin()
    await put(tmp_path / "nats")
    with pytest.raises(BackendError) as refused:
        await begin()
    assert f"`causerie move {tmp_path}/nats {tmp_path}`" in str(refused.value)
    assert "--workers 2" in str(refused.value)
    await put(tmp_path)
    with capture_logs() as logs:
        await begin()
    (warning,) = [log for log in logs if log["log_level"] == "warning"]
    assert warning["event"].endswith("is not used until it is taken over")
    assert warning["command"] == f"causerie move {tmp_path}/nats {tmp_path}"


# Names.


@pytest.mark.slow
def test_a_name_is_freed_wherever_a_folder_keeps_it(tmp_path: Path) -> None:
    async def keep(place: Path) -> None:
        async with open_archive(str(place), make=True) as archive:
            await archive.set_names([kept(1, "Ålice"), kept(2, "Bob")])

    async def names(place: Path) -> list[str]:
        async with open_archive(str(place)) as archive:
            return [each.name.display for each in await archive.names()]

    for place in (tmp_path, tmp_path / "nats"):
        asyncio.run(keep(place))
    assert release_name("åLICE", tmp_path) == "åLICE is free."
    for place in (tmp_path, tmp_path / "nats"):
        assert asyncio.run(names(place)) == ["Bob"]
    (tmp_path / "causerie.db").unlink()
    assert release_name("Bob", tmp_path) == "Bob is free."
    with pytest.raises(BackendError, match=r"Nobody keeps the name Bob .* with --nats"):
        release_name("Bob", tmp_path)


@pytest.mark.usefixtures("own_prefix")
def test_a_name_is_freed_in_the_nats_servers_that_are_named(
    tmp_path: Path, server: NatsServer
) -> None:
    async def keep() -> None:
        async with open_archive(server.url, make=True) as archive:
            await archive.set_names([kept(1, "Zoé")])

    asyncio.run(keep())
    assert release_name("zoé", tmp_path, [server.url]) == "zoé is free."
    with pytest.raises(BackendError, match="Nobody keeps the name zoé in NATS"):
        release_name("zoé", tmp_path, [server.url])


@pytest.mark.usefixtures("own_prefix")
def test_nats_servers_without_a_chat_keep_no_name(tmp_path: Path, server: NatsServer) -> None:
    with pytest.raises(BackendError, match="Nobody keeps the name Alice in NATS"):
        release_name("Alice", tmp_path, [server.url])


def test_a_name_is_freed_in_a_folder_on_which_workers_have_been_refused(tmp_path: Path) -> None:
    async def keep() -> None:
        async with open_archive(str(tmp_path), make=True) as archive:
            await fill(archive, Chat([message(0)], [kept(1, "Zoé")]))

    asyncio.run(keep())
    with nats_server(tmp_path) as running, pytest.raises(BackendError):
        require_moved(tmp_path, running.url)
    assert (tmp_path / "nats" / "jetstream").is_dir()
    assert release_name("Zoé", tmp_path) == "Zoé is free."


@pytest.mark.slow
@pytest.mark.real
async def test_a_name_is_freed_while_workers_serve_the_folder(tmp_path: Path) -> None:
    with ServerProcess(tmp_path, "--workers", "2") as process:
        async with causerie.connect(process.ws, "Alice", key=KEY) as alice:
            await alice.join("lobby")
            await alice.send("mine", room="lobby")
        said = await asyncio.to_thread(release_name, "Alice", tmp_path)
        assert said == "Alice is free."
        async with causerie.connect(process.ws, "Alice", key=KEY[::-1]) as other:
            await other.join("lobby")
            await other.send("mine now", room="lobby")


def test_a_folder_without_a_chat_and_what_is_no_name_are_told(tmp_path: Path) -> None:
    with pytest.raises(BackendError, match=r"no chat in .*: name the server's data folder with "):
        release_name("Alice", tmp_path)
    with pytest.raises(BackendError, match="is no name"):
        release_name("no name!", tmp_path)


def test_a_data_folder_that_may_not_be_looked_into_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden(_: Path) -> bool:
        raise PermissionError

    monkeypatch.setattr(Path, "exists", forbidden)
    with pytest.raises(BackendError, match=r"no chat in .*: name the server's data folder with "):
        release_name("Alice", tmp_path)


def test_a_name_that_nobody_keeps_cannot_be_released(tmp_path: Path) -> None:
    asyncio.run(put(tmp_path))
    with pytest.raises(BackendError, match=r"Nobody keeps the name Alice .* with --data"):
        release_name("Alice", tmp_path)
