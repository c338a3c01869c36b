import asyncio
import os
import signal
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.server.wire_peer import CLOSE, Peer, request
from tests.support.server_process import STOP_WITHIN, ServerProcess

from causerie import app
from causerie.cli import main
from causerie.server.config import Config
from causerie.version import __version__

Run = Callable[..., list[Config]]


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch) -> None:
    """The configuration of whoever runs the tests has no say in them."""
    for name in list(os.environ):
        if name.startswith("CAUSERIE_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("CAUSERIE_CONFIG", os.devnull)


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[Config]:
    """The configurations with which a server would have been started."""
    configs: list[Config] = []
    monkeypatch.setattr(app, "serve", configs.append)
    return configs


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"causerie {__version__}\n"


@pytest.mark.parametrize("arguments", [[], ["--help"], ["serve", "--help"], ["name", "--help"]])
def test_help_is_there_for_every_command(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 0
    assert capsys.readouterr().out.startswith("Usage: causerie")


def test_the_help_of_serve_describes_every_setting(capsys: pytest.CaptureFixture[str]) -> None:
    main(["serve", "--help"])
    out = capsys.readouterr().out
    for name in Config.__dataclass_fields__:
        assert f"--{name.replace('_', '-')}" in out
    assert "CAUSERIE_PORT" in out
    assert "--config" in out
    assert "--no-" not in out
    assert "--empty-" not in out


def test_help_does_not_wait_for_the_server_s_libraries() -> None:
    code = "import sys, causerie.cli; causerie.cli.main(['serve', '--help']); print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy = {"apsw", "asyncio", "h11", "msgspec", "starlette", "structlog", "uvicorn", "websockets"}
    assert not heavy & set(run.stdout.splitlines()[-1].split())


def test_serve_uses_the_defaults(served: list[Config]) -> None:
    assert main(["serve"]) == 0
    assert served == [Config()]


def test_flags_go_over_the_environment_and_the_file(
    served: list[Config], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "c.toml"
    file.write_text("port = 1\nheartbeat = 5\ngrace = 6")
    monkeypatch.setenv("CAUSERIE_PORT", "2")
    monkeypatch.setenv("CAUSERIE_GRACE", "7")
    flags = ["--port", "8080", "--data", str(tmp_path), "--rate-limit", "0"]
    origins = ["--allow-origin", "https://a.example", "--allow-origin", "https://b.example"]
    assert main(["serve", "--config", str(file), *flags, *origins]) == 0
    assert served == [
        Config(
            # The default, which was asked for.
            port=8080,
            heartbeat=5.0,
            grace=7.0,
            data=tmp_path,
            rate_limit=0.0,
            allow_origin=("https://a.example", "https://b.example"),
        )
    ]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["sevre"], "serve"),
        (["serve", "--prot", "1"], "--port"),
        (["serve", "--port", "http"], "--port"),
        (["serve", "--port", "99999"], "between 0 and 65535"),
        (["serve", "--log-format", "xml"], "--log-format"),
        (["serve", "--auth", "token"], "start with open"),
        (["serve", "--allow-origin", "example.org"], "https://example.org"),
        (["serve", "--config", "/no/such/file.toml"], "cannot be read"),
        (["serve", "extra"], "extra"),
        (["name", "release"], "NAME"),
    ],
)
def test_a_wrong_command_line_is_told_in_a_sentence_with_exit_code_2(
    arguments: list[str], said: str, served: list[Config], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("causerie: ")
    assert captured.err.count("\n") == 1
    assert said in captured.err
    assert not served


def test_an_unknown_variable_is_one_too(
    served: list[Config], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CAUSERIE_RATELIMIT", "3")
    assert main(["serve"]) == 2
    assert "CAUSERIE_RATE_LIMIT" in capsys.readouterr().err
    assert not served


def test_what_goes_wrong_later_is_told_in_a_sentence_with_exit_code_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "data").write_text("no folder")
    assert main(["name", "release", "Alice", "--data", str(tmp_path / "data")]) == 1
    assert main(["name", "release", "no name!", "--data", str(tmp_path)]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert all(line.startswith("causerie: ") for line in lines)


def test_a_released_name_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(app, "release_name", lambda folder, name: f"{name} {folder}")
    assert main(["name", "release", "Alice", "--data", "here"]) == 0
    assert main(["name", "release", "Bob"]) == 0
    assert capsys.readouterr().out == f"Alice here\nBob {Config().data}\n"


def test_ctrl_c_before_the_server_runs_is_no_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_: Config) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(app, "serve", interrupted)
    assert main(["serve"]) == 130


def test_the_command_is_installed_under_its_name() -> None:
    project = tomllib.loads(Path("pyproject.toml").read_text())["project"]
    assert project["scripts"] == {"causerie": "causerie.cli:main"}


# A process of its own.


async def websocket(server: ServerProcess) -> Peer:
    peer = Peer(*await asyncio.open_connection("localhost", server.port))
    peer.send(request(Host=f"localhost:{server.port}"))
    assert (await peer.answer()).status == 101
    return peer


async def cut(peer: Peer) -> None:
    peer.writer.transport.abort()
    await peer.writer.wait_closed()


@pytest.mark.real
@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_the_server_gracefully_with_exit_code_0(
    tmp_path: Path, number: signal.Signals
) -> None:
    server = ServerProcess(tmp_path)
    server.start()
    try:
        peer = await websocket(server)
        os.kill(server.pid, number)
        opcode, payload = await peer.frame()
        while opcode != CLOSE:
            opcode, payload = await peer.frame()
        assert payload[:2] == b"\x03\xe9"
        await cut(peer)
        assert server._process is not None
        assert await asyncio.to_thread(server._process.wait, STOP_WITHIN) == 0
        assert '"event": "stopped"' in server.log
        assert "Traceback" not in server.log
    finally:
        server.kill()


@pytest.mark.real
@pytest.mark.slow
async def test_a_second_signal_ends_the_server_at_once(tmp_path: Path) -> None:
    server = ServerProcess(tmp_path)
    server.start()
    try:
        peer = await websocket(server)
        os.kill(server.pid, signal.SIGTERM)
        # The close frame comes, and is not answered: the server would wait for it.
        while (await peer.frame())[0] != CLOSE:
            pass
        assert await asyncio.to_thread(server.stop, 2.0) == 128 + signal.SIGTERM
        await cut(peer)
    finally:
        server.kill()


@pytest.mark.real
@pytest.mark.slow
def test_a_second_server_on_the_folder_says_why_it_does_not_start(tmp_path: Path) -> None:
    with ServerProcess(tmp_path):
        command = [sys.executable, "-m", "causerie.cli", "serve", "--port", "0"]
        run = subprocess.run(
            [*command, "--data", str(tmp_path)], capture_output=True, text=True, check=False
        )
    assert run.returncode == 1
    assert run.stdout == ""
    assert run.stderr.startswith("causerie: Another server")
    assert run.stderr.count("\n") == 1


@pytest.mark.skipif(os.name == "nt", reason="Windows keeps no such modes")
def test_what_is_stored_is_for_its_owner_alone(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    with ServerProcess(tmp_path):
        files = {path.name: path.stat().st_mode & 0o077 for path in tmp_path.iterdir()}
        assert "causerie.db" in files
        assert set(files.values()) == {0}
