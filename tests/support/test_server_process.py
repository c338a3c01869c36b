"""The helper that starts real servers keeps its own promises."""

import os
import signal
import sys
import urllib.request
from pathlib import Path

import pytest
from tests.support.line_process import LineProcess, WaitFailed
from tests.support.server_process import ServerProcess

pytestmark = [pytest.mark.real, pytest.mark.slow]


def is_healthy(server: ServerProcess) -> bool:
    with urllib.request.urlopen(f"{server.url}/healthz", timeout=10) as answer:
        return bool(answer.status == 200)


def test_a_server_can_be_reached_once_started_and_stops_gracefully(tmp_path: Path) -> None:
    with ServerProcess(tmp_path) as server:
        assert is_healthy(server)
        assert server.stop() == 0
        assert not server.is_running
        assert '"stopped"' in server.log


def test_a_killed_server_comes_back_on_the_same_port_with_its_log_kept(tmp_path: Path) -> None:
    with ServerProcess(tmp_path, measured=False) as server:
        port, pid = server.port, server.pid
        server.kill()
        assert not server.is_running
        server.start()
        assert server.port == port
        assert server.pid != pid
        server.restart()
        assert is_healthy(server)
        assert server.log.count('"listening"') == 3


def test_a_server_that_does_not_start_is_told_with_its_own_words(tmp_path: Path) -> None:
    server = ServerProcess(tmp_path, "--heartbeat", "0")
    with pytest.raises(WaitFailed, match="heartbeat must be between"):
        server.start()
    assert not server.is_running


def test_a_server_that_ends_by_itself_fails_the_test(tmp_path: Path) -> None:
    with (
        pytest.raises(AssertionError, match="stopped with -9"),
        ServerProcess(tmp_path) as server,
    ):
        os.kill(server.pid, signal.SIGKILL)


def test_the_settings_of_whoever_runs_the_tests_do_not_reach_a_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CAUSERIE_NO_SUCH_SETTING", "1")
    monkeypatch.setenv("CAUSERIE_CONFIG", str(tmp_path / "missing.toml"))
    with ServerProcess(tmp_path / "data") as server:
        assert is_healthy(server)


def test_a_wait_ends_as_soon_as_its_line_or_the_end_of_the_process_comes() -> None:
    program = "import sys; print('é'); print(input()); print('no', file=sys.stderr); sys.exit(3)"
    with LineProcess([sys.executable, "-X", "utf8", "-c", program]) as process:
        assert process.wait_for("é") == "é"
        process.say("back")
        assert process.wait() == 3
        assert process.lines == ["é", "back"]
        with pytest.raises(WaitFailed, match=r"(?s)ended with 3.*back.*no"):
            process.wait_for("forth")


def test_a_wait_in_vain_fails_at_its_deadline_and_leaves_no_process() -> None:
    with LineProcess([sys.executable, "-c", "input()"]) as process:
        with pytest.raises(WaitFailed, match="still runs"):
            process.wait_for("never", within=0.01)
        with pytest.raises(WaitFailed, match="its end"):
            process.wait(within=0.01)
        assert process.is_running
    assert not process.is_running
