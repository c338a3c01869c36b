"""`causerie serve --workers N`: several real processes on one port, and what becomes of them."""

import asyncio
import contextlib
import json
import multiprocessing
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from tests.adapters.archives import message
from tests.support.nats import wait_until
from tests.support.server_process import STOP_WITHIN, ServerProcess

import causerie
from causerie import workers
from causerie.app import AppError, Employment
from causerie.backends import BackendError, open_archive
from causerie.server.config import Config
from causerie.server.listening import ListenError, listen
from causerie.workers import Workers, _Failed, _Ready

PEOPLE = 16
"""As many as are served by both of two workers, but in one of 32,768 times."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path, "--workers", "2", "--log-format", "json") as server:
        yield server


def family(pid: int) -> dict[int, str]:
    """The processes that a process has started, with their command lines."""
    children = {}
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in map(int, task.read_text().split()):
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                command = Path(f"/proc/{child}/cmdline").read_text().replace("\0", " ")
                children[child] = command
                children.update(family(child))
    return children


def workers_of(server: ServerProcess) -> list[int]:
    return [pid for pid, command in family(server.pid).items() if "spawn_main" in command]


def is_alive(pid: int) -> bool:
    try:
        return " Z " not in Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False


def served_by(server: ServerProcess) -> set[str]:
    """The numbers of the workers that anybody was connected to."""
    return set(re.findall(r'"event": "connected", .*"worker": (\d)', server.log))


async def hear(client: causerie.Client, count: int) -> list[tuple[int, str]]:
    """So many messages of the lobby, with their places."""
    heard: list[tuple[int, str]] = []
    async with asyncio.timeout(STOP_WITHIN):
        async for event in client:
            if isinstance(event, causerie.Message):
                heard.append((event.seq, event.content))
            if len(heard) == count:
                break
    return heard


async def test_people_on_several_workers_are_in_one_chat(server: ServerProcess) -> None:
    async with contextlib.AsyncExitStack() as stack:
        clients = []
        for number in range(PEOPLE):
            client = causerie.connect(server.ws, f"Person{number}")
            clients.append(await stack.enter_async_context(client))
            await clients[-1].join("lobby")
        await asyncio.gather(*(client.send("hello", room="lobby") for client in clients))
        heard = await asyncio.gather(*(hear(client, PEOPLE) for client in clients))
    assert all(each == heard[0] for each in heard)
    assert served_by(server) == {"1", "2"}


async def test_a_worker_that_is_lost_is_started_again_and_nobody_misses_anything(
    server: ServerProcess,
) -> None:
    async with contextlib.AsyncExitStack() as stack:
        clients = []
        for number in range(PEOPLE):
            client = causerie.connect(server.ws, f"Person{number}")
            clients.append(await stack.enter_async_context(client))
            await clients[-1].join("lobby")
        before = workers_of(server)
        assert len(before) == 2
        os.kill(before[0], signal.SIGKILL)
        await asyncio.gather(*(client.send("still here", room="lobby") for client in clients))
        heard = await asyncio.gather(*(hear(client, PEOPLE) for client in clients))
        assert all(each == heard[0] for each in heard)
        await asyncio.to_thread(
            wait_until, lambda: len(workers_of(server)) == 2, "the worker that was lost"
        )
        assert workers_of(server) != before
    assert "a worker is lost, and will be started again" in server.log


async def test_a_nats_server_that_is_lost_is_started_again_and_what_was_said_is_stored(
    server: ServerProcess,
) -> None:
    (nats,) = (pid for pid, command in family(server.pid).items() if "nats-server" in command)
    async with causerie.connect(server.ws, "Alice") as alice:
        await alice.join("lobby")
        await alice.send("before", room="lobby")
        os.kill(nats, signal.SIGKILL)
        async with asyncio.timeout(STOP_WITHIN):
            await alice.send("after", room="lobby")
        assert [content for _, content in await hear(alice, 2)] == ["before", "after"]
    assert "the NATS server is lost, and is started again" in server.log


def test_the_log_tells_the_folder_in_which_a_nats_server_of_our_own_keeps_the_rooms(
    server: ServerProcess, tmp_path: Path
) -> None:
    logs = [json.loads(line) for line in server.log.splitlines() if '"listening"' in line]
    assert [log["data"] for log in logs] == [str(tmp_path)] * 2


def ended(pids: list[int]) -> Callable[[], bool]:
    return lambda: not any(map(is_alive, pids))


def test_a_stop_ends_all_processes(server: ServerProcess) -> None:
    pids = list(family(server.pid))
    assert len(pids) >= 3, "two workers and NATS"
    assert server.stop() == 0
    wait_until(ended(pids), "the end of all")


def test_what_the_first_process_has_started_ends_with_it(tmp_path: Path) -> None:
    server = ServerProcess(tmp_path, "--workers", "2")
    server.start()
    pids = list(family(server.pid))
    server.kill()
    wait_until(ended(pids), "the end of all")


def test_ctrl_c_on_a_terminal_ends_all_processes(tmp_path: Path) -> None:
    """It reaches every process of the terminal at once."""
    arguments = ["serve", "--workers", "2", "--port", "0", "--data", str(tmp_path)]
    process = subprocess.Popen(
        [sys.executable, "-m", "causerie", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        text=True,
        env={**os.environ, "CAUSERIE_CONFIG": os.devnull},
    )
    try:
        assert process.stdout is not None
        assert "listens on http://localhost:" in process.stdout.readline()
        pids = list(family(process.pid))
        os.killpg(process.pid, signal.SIGINT)
        _, errors = process.communicate(timeout=STOP_WITHIN)
        assert process.returncode == 0
        assert "Traceback" not in errors
        wait_until(ended(pids), "the end of all")
    finally:
        process.kill()
        process.wait()


def test_ctrl_c_does_not_interrupt_a_worker_that_is_just_loading(server: ServerProcess) -> None:
    """It would end with a traceback on the terminal."""
    for pid in workers_of(server):
        (blocked,) = re.findall(r"SigBlk:\s+(\w+)", Path(f"/proc/{pid}/status").read_text())
        assert int(blocked, 16) & 1 << signal.SIGINT - 1
    (blocked,) = re.findall(r"SigBlk:\s+(\w+)", Path(f"/proc/{server.pid}/status").read_text())
    assert int(blocked, 16) == 0


def work_without_the_first_process(
    monkeypatch: pytest.MonkeyPatch, serve: Callable[[Config, Employment], None]
) -> None:
    """The life of a worker, in this process; `serve` is what it does."""
    monkeypatch.setattr(workers, "serve", serve)
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    ours, theirs = multiprocessing.Pipe()
    ours.close()
    workers._work(Config(), 1, True, theirs)
    theirs.close()


def test_a_worker_that_is_ready_as_the_first_process_goes_ends_without_a_word(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def serve(_config: Config, employment: Employment) -> None:
        employment.announce("http://localhost:8080")

    work_without_the_first_process(monkeypatch, serve)


def test_a_worker_that_fails_since_the_first_process_is_gone_ends_without_a_word(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def serve(*_: object) -> None:
        raise AppError("NATS has ended with it")

    work_without_the_first_process(monkeypatch, serve)


class Lives:
    """Stands in for the processes of one worker: each says something and ends with an exit code.
    After the last, whoever has started them is asked to stop.
    """

    Pipe = staticmethod(multiprocessing.Pipe)

    def __init__(self, *lives: tuple[Sequence[_Ready | _Failed], int]) -> None:
        self._lives = list(lives)
        self._said: Sequence[_Ready | _Failed] = ()
        self._channel: Connection | None = None
        self.exitcode = 0
        self.pid = None

    def Process(self, *, args: tuple[Config, int, bool, Connection], **_: object) -> "Lives":  # noqa: N802 as multiprocessing has it
        self._channel = args[-1]
        return self

    def start(self) -> None:
        if not self._lives:
            signal.raise_signal(signal.SIGTERM)
            return
        said, self.exitcode = self._lives.pop(0)
        assert self._channel is not None
        for each in said:
            self._channel.send(each)

    def join(self, _within: float) -> None:
        """It has ended already."""

    def is_alive(self) -> bool:
        return False

    def terminate(self) -> None:
        """It has ended already."""


def run_one(lives: Lives, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Has one worker live so; gives what is announced."""
    monkeypatch.setattr(multiprocessing, "get_context", lambda _: lives)
    monkeypatch.setattr(workers, "START_AGAIN_AFTER", 0.01)
    announced: list[str] = []
    config = Config(port=0, data=tmp_path, nats=("nats://127.0.0.1:1",), workers=1)
    Workers(config, announce=announced.append).run()
    return announced


def test_each_end_of_a_worker_is_logged_also_while_it_cannot_be_started_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lives = Lives(
        ([_Ready("http://localhost:1")], -9), ([_Failed("The disk is full.")], 0), ([], 1)
    )
    with capture_logs() as logs:
        assert run_one(lives, tmp_path, monkeypatch) == ["http://localhost:1"]
    lost = "a worker is lost, and will be started again"
    assert [(log["why"], log["in_seconds"]) for log in logs if log["event"] == lost] == [
        ("ended by signal 9", 0.02),
        ("The disk is full.", 0.04),
        ("ended with exit code 1", 0.08),
    ]


@pytest.mark.parametrize(
    ("said", "told"),
    [([_Failed("The disk is full.")], "The disk is full."), ([], "Worker 1 did not start.")],
)
def test_a_worker_that_does_not_start_at_first_is_told_and_not_started_again(
    said: Sequence[_Failed], told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with capture_logs() as logs, pytest.raises(AppError, match=f"^{re.escape(told)}$"):
        run_one(Lives((said, 1)), tmp_path, monkeypatch)
    assert logs == []


def test_a_port_in_use_is_told_before_anything_is_started(tmp_path: Path) -> None:
    (taken,) = listen("127.0.0.1", 0)
    with taken:
        port = taken.getsockname()[1]
        config = Config(host="127.0.0.1", port=port, data=tmp_path / "data", workers=2)
        with pytest.raises(ListenError, match=f"Port {port} is in use"):
            Workers(config, announce=print).run()
    assert not (tmp_path / "data").exists()


def test_workers_do_not_start_beside_rooms_that_were_kept_without_them(tmp_path: Path) -> None:
    async def put() -> None:
        async with open_archive(str(tmp_path), make=True) as archive:
            await archive.append([message(0)])

    asyncio.run(put())
    config = Config(port=0, data=tmp_path, workers=2)
    with pytest.raises(BackendError, match=f"`causerie move {tmp_path} {tmp_path}/nats`"):
        Workers(config, announce=print).run()
