"""A chat that is moved from one store into another, and back, is the same chat: whoever comes back
is shown everything once, and what they say again is not stored twice. And whatever becomes of the
command that moves it, the same command again goes on where it stopped.
"""

import asyncio
import contextlib
import os
import random
import re
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import apsw
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.adapters.archives import by_room, comparable, fill, in_nats, kept, random_chat, read_all
from tests.support.line_process import LineProcess
from tests.support.nats import nats_server
from tests.support.nats import wait_until as block_until
from tests.support.person import Person, acks, wait_until, whole_log
from tests.support.server_process import ServerProcess

import causerie
from causerie.adapters.nats_server import NatsServer
from causerie.adapters.sqlite import open_archive
from causerie.adapters.sqlite_file import DATABASE
from causerie.archive import Phase, copy
from causerie.backends import PREFIX
from causerie.bench.target import Target
from causerie.testing.history import Seen

__all__ = ["nats_server"]

PEOPLE = 4
ENTRIES = 12_000
KILLS = 3
STRIDE = 0.05
"""Seconds of a processor."""
STREAMS = 3
"""Those of the chat in NATS."""


def nobody(_phase: Phase, _done: int, _total: int) -> None:
    """Is told, and does nothing."""


@pytest.mark.slow
@settings(max_examples=12)
@given(seed=st.integers(0, 10_000), size=st.integers(0, 600), streams=st.integers(1, 4))
def test_what_goes_into_nats_and_back_is_what_it_was(
    seed: int,
    size: int,
    streams: int,
    nats_server: NatsServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    async def there_and_back() -> None:
        folders = tmp_path_factory.mktemp("moved")
        chat = random_chat(seed, size)
        first, last = open_archive(folders / "first"), open_archive(folders / "last")
        await fill(first, chat)
        async with in_nats(nats_server.url, streams=streams) as between:
            await copy(first, between, nobody)
            copied = await copy(between, last, nobody)
        assert (copied.entries, copied.new) == (size, size)
        assert comparable(by_room(await read_all(last))) == comparable(by_room(chat))
        if streams == 1:
            assert comparable(await read_all(last)) == comparable(chat)
        first.close()
        last.close()

    asyncio.run(there_and_back())


# Killed in the middle.


@contextlib.contextmanager
def moving(source: str, target: str, *options: str) -> Iterator[LineProcess]:
    """The command, in a process of its own."""
    command = [sys.executable, "-m", "causerie", "move", source, target, "--lang", "en"]
    command += options
    environment = {**os.environ, "CAUSERIE_CONFIG": os.devnull}
    with LineProcess(command, environment=environment) as process:
        yield process


def run_to_its_end(source: str, target: str, *options: str) -> int:
    """Moves, and gives how many messages were new."""
    with moving(source, target, *options) as process:
        assert process.wait(60.0) == 0, process.errors
        *_, said, how_many, _ = process.lines
    assert said.endswith(f" {ENTRIES} messages, 10 names.")
    (new,) = re.findall(r"(\d+) messages? w\w+ not there before", how_many)
    return int(new)


def stop_at(process: LineProcess, count: Callable[[], int], wanted: int) -> None:
    """Has it stand still as soon as it has moved so many messages. It goes on for so little of a
    processor's time between two looks that it is not at its end, however busy the machine is.
    """
    target = Target("move", ("", 0), process.pid)
    while process.is_running:
        worked = target.use().cpu + STRIDE
        block_until(lambda until=worked: _has_worked(process, target, until), "some work")  # type: ignore[misc]
        process.signal(signal.SIGSTOP)
        if count() >= wanted:
            return
        process.signal(signal.SIGCONT)


def _has_worked(process: LineProcess, target: Target, until: float) -> bool:
    return not process.is_running or target.use().cpu >= until


def in_folder(folder: Path) -> int:
    """How many entries are in a folder that another process uses."""
    if not (folder / DATABASE).exists():
        return 0
    connection = apsw.Connection(str(folder / DATABASE), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        count = connection.execute("SELECT count(*) FROM entries").get
    except apsw.Error:  # it has no tables yet
        return 0
    finally:
        connection.close()
    assert isinstance(count, int)
    return count


async def on_server(url: str) -> int:
    """How many entries are on a NATS server."""
    async with in_nats(url, PREFIX, streams=STREAMS) as archive:
        return await archive.count()


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A folder with many messages."""

    async def begin() -> None:
        archive = open_archive(tmp_path / "source")
        chat = random_chat(7, ENTRIES)
        names = [kept(number % 5, f"Name{number}", claimed=number) for number in range(10)]
        await fill(archive, chat._replace(names=names))
        archive.close()

    asyncio.run(begin())
    return tmp_path / "source"


@pytest.mark.slow
@pytest.mark.real
@pytest.mark.timeout(180)
def test_killed_on_its_way_into_nats_and_back_it_goes_on_where_it_stopped(
    source: Path, tmp_path: Path
) -> None:
    chance = random.Random(3)
    with NatsServer(tmp_path / "server") as server:
        stages: list[tuple[str, str, tuple[str, ...], Callable[[], int]]] = [
            (
                str(source),
                server.url,
                ("--streams", str(STREAMS)),
                lambda: asyncio.run(on_server(server.url)),
            ),
            (server.url, str(tmp_path / "back"), (), lambda: in_folder(tmp_path / "back")),
        ]
        for here, there, options, count in stages:
            killed_at = [0]
            for number in range(KILLS):
                wanted = killed_at[-1] + chance.randint(1, ENTRIES // 8)
                with moving(here, there, *options) as process:
                    stop_at(process, count, wanted)
                    if number:
                        process.kill()
                    else:
                        process.signal(signal.SIGINT)
                        process.signal(signal.SIGCONT)
                        assert process.wait() == 130
                        assert process.lines[-1].startswith("Interrupted: run the same command ag")
                        assert process.errors == ""
                killed_at.append(count())
            assert killed_at == sorted(killed_at)
            assert killed_at[1] > 0
            assert run_to_its_end(here, there, *options) == ENTRIES - killed_at[-1]
            assert run_to_its_end(here, there, *options) == 0

    async def compare() -> None:
        first, last = open_archive(source), open_archive(tmp_path / "back")
        assert comparable(by_room(await read_all(first))) == comparable(
            by_room(await read_all(last))
        )
        first.close()
        last.close()

    asyncio.run(compare())


# With people.


async def talk(person: Person, friend: str, stop: asyncio.Event) -> None:
    """Says one thing after the other, some of it to a friend alone."""
    said = 0
    while not stop.is_set():
        said += 1
        if said % 4 == 1:
            await person.say(f"{person.name} to {friend}: {said}", to=friend)
        else:
            await person.say(f"{person.name}: {said}")


def contents(log: Sequence[Seen]) -> list[str]:
    return [seen.content for seen in log]


@pytest.mark.slow
@pytest.mark.real
@pytest.mark.timeout(180)
async def test_people_whose_server_is_killed_moved_and_started_on_the_other_store_miss_nothing(
    tmp_path: Path,
) -> None:
    moved = asyncio.Event()
    people = [Person(f"Person{number}", moved) for number in range(PEOPLE)]
    data, nats = tmp_path / "data", tmp_path / "data" / "nats"
    flags = ("--rate-limit", "0")
    alone = ServerProcess(data, *flags, measured=False)
    await asyncio.to_thread(alone.start)
    workers = ServerProcess(data, *flags, "--workers", "2", port=alone.port, measured=False)

    async def change(before: ServerProcess, after: ServerProcess, here: Path, there: Path) -> None:
        """Kills a server while people talk, and starts the other on the copy."""
        wanted = acks(people) + 60
        await wait_until(moved, lambda: acks(people) >= wanted)
        await asyncio.to_thread(before.kill)
        with moving(str(here), str(there)) as process:
            assert await asyncio.to_thread(process.wait, 60.0) == 0, process.errors
        await asyncio.to_thread(after.start)
        wanted = acks(people) + 60
        await wait_until(moved, lambda: acks(people) >= wanted)

    try:
        async with contextlib.AsyncExitStack() as stack:
            for person in people:
                person.client = await stack.enter_async_context(
                    causerie.connect(
                        alone.ws,
                        person.name,
                        key=person.key,
                        catch_up=10_000,
                        private_replay=10_000,
                    )
                )
            async with asyncio.TaskGroup() as group:
                listeners = [group.create_task(person.listen()) for person in people]
                for person in people:
                    await person.client.join("lobby")
                await asyncio.gather(*(person.say("hello") for person in people))
                stop = asyncio.Event()
                async with asyncio.TaskGroup() as talking:
                    for one, friend in zip(people, [*people[1:], people[0]], strict=True):
                        talking.create_task(talk(one, friend.name, stop))
                    await change(alone, workers, data, nats)
                    await change(workers, alone, nats, data)
                    stop.set()
                logs = {"lobby": await whole_log(people[0].client, "lobby")}
                for person in people:
                    for summary in await person.client.rooms():
                        logs[summary.room] = await whole_log(person.client, summary.room)
                        shown = person.witness.shown[summary.room]
                        log = logs[summary.room]
                        await wait_until(
                            moved, partial(lambda a, b: a[-1].content == b[-1].content, shown, log)
                        )
                for listener in listeners:
                    listener.cancel()
    finally:
        await asyncio.to_thread(alone.kill)
        await asyncio.to_thread(workers.kill)
    for log in logs.values():
        keys = [(seen.username, seen.id) for seen in log]
        assert len(set(keys)) == len(keys), "something is stored twice"
    assert len(logs) == 1 + PEOPLE
    for person in people:
        for id, (room, _) in person.witness.acked.items():
            assert id in {seen.id for seen in logs[room]}, "something that was acked is lost"
        for room, shown in person.witness.shown.items():
            assert contents(shown) == contents(logs[room])
