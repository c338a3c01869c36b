import asyncio
import io
import os
import signal
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.server.wire_peer import CLOSE, Peer, request
from tests.support.server_process import STOP_WITHIN, ServerProcess

from causerie import app, backends
from causerie.cli import main
from causerie.client.keys import KeyStore
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
    assert "[default: 8080]" in out
    assert "[default: 0]" in out
    assert "default: ()" not in out


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


def sentence(capsys: pytest.CaptureFixture[str]) -> str:
    """The one sentence that was said, and nothing else was."""
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("causerie: ")
    assert captured.err.endswith((".\n", "?\n"))
    assert captured.err.count("\n") == 1
    for raw in ("Errno", "Error", "Traceback", "_ssl", "Unused Tokens", "unable to convert"):
        assert raw not in captured.err
    return captured.err


@pytest.mark.parametrize(
    ("arguments", "said", "what_to_do"),
    [
        (["sevre"], 'Unknown command "sevre"', "`causerie --help`"),
        (["name", "exprt"], 'Did you mean "export"?', "`causerie name --help`"),
        (["serve", "--prot", "1"], "Did you mean --port?", "`causerie serve --help`"),
        (["serve", "--port", "http"], "--port must be a whole number, not 'http'", "serve --help"),
        (["serve", "--rate-limit", "x"], "--rate-limit must be a number, not 'x'", "serve --help"),
        (["chat", "--plain=no thanks"], "--plain takes no value such as", "`causerie chat --help`"),
        (["serve", "--port", "1", "--port", "2"], "--port can be given only once", "serve --help"),
        (["serve", "--data", ""], "--data must not be empty", "name a file or folder"),
        (["serve", "--config", ""], "--config must not be empty", "name a file or folder"),
        (["name", "release", "A", "--data", ""], "--data must not be empty", "file or folder"),
        (["serve", "--port"], "--port needs a value after it", "`causerie serve --help`"),
        (["serve", "extra"], "`causerie serve` has no use for 'extra'", "`causerie serve --help`"),
        (["chat", "A", "B", "C"], "`causerie chat` has no use for 'B' 'C'", "causerie chat --help"),
        (["name", "release", "a", "b"], "no use for 'b'", "`causerie name release --help`"),
        (["name", "release", "a", "--nats", "x"], "--nats cannot be 'x'", "nats://HOST:PORT"),
        (["move", "a"], "`causerie move` needs a TARGET", "`causerie move --help`"),
        (["move", "", "b"], "SOURCE must not be empty", "name a folder"),
        (["move", "a", ""], "TARGET must not be empty", "name a folder"),
        (["move", "a", "b", "--lang", "de"], "--lang", 'Choose from: "en", "fr"'),
        (["name", "release"], "`causerie name release` needs a NAME", "name release --help"),
        (["check"], "`causerie check` needs a URL", "`causerie check --help`"),
        (["chat", "--max-attempts", "0"], "--max-attempts", "Must be >= 1"),
        (["chat", "--lang", "de"], "--lang", 'Choose from: "en", "fr"'),
        (["serve", "--log-format", "xml"], "--log-format", '"auto", "console", "json"'),
        (["serve", "--port", "99999"], "--port must be", "between 0 and 65535"),
        (["serve", "--rate-limit", "-1"], "--rate-limit must be", "between 0 and"),
        (["serve", "--auth", "token"], "--auth cannot be token yet", "start with open"),
        (
            ["serve", "--allow-origin", "x.org"],
            "--allow-origin cannot be so",
            "https://example.org",
        ),
        (["serve", "--config", "/no/such/file.toml"], "cannot be read", "--config"),
        (["chat", "--url", "ftp://x"], "--url cannot be so: 'ftp://x'", "ws://localhost:8080"),
        (["chat", "--url", "not a url"], "there is a blank in it", "ws://localhost:8080"),
        (["check", "ws://localhost:99999"], "from 1 to 65535", "ws://localhost:8080"),
        (["check", "--plain", "--v1", "x"], "leave nothing to play", "leave one out"),
        (["name", "export", "Al", "--url", "no url"], "a blank in it", "ws://localhost:8080"),
    ],
)
def test_a_wrong_command_line_is_told_in_a_sentence_that_says_what_to_do_with_exit_code_2(
    arguments: list[str],
    said: str,
    what_to_do: str,
    served: list[Config],
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(arguments) == 2
    told = sentence(capsys)
    assert said in told
    assert what_to_do in told
    assert not served


def test_what_was_typed_cannot_steer_the_terminal_that_complains(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["\x1b[31m\n"]) == 2
    assert "\\x1b[31m\\n" in sentence(capsys)


def test_an_unknown_variable_is_one_too(
    served: list[Config], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CAUSERIE_RATELIMIT", "3")
    assert main(["serve"]) == 2
    assert "CAUSERIE_RATE_LIMIT" in capsys.readouterr().err
    assert not served


def test_a_value_in_the_environment_that_cannot_be_is_named_as_it_is_written_there(
    served: list[Config], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CAUSERIE_RATE_LIMIT", "-1")
    assert main(["serve"]) == 2
    assert "CAUSERIE_RATE_LIMIT must be between 0 and" in sentence(capsys)
    assert not served


@pytest.mark.usefixtures("at_home")
@pytest.mark.parametrize(
    ("arguments", "said", "what_to_do"),
    [
        (
            ["name", "release", "Alice", "--data", "there"],
            "There is no chat in there",
            "with --data",
        ),
        (["name", "release", "Alice", "--data", "none"], "There is no chat in none", "with --data"),
        (["name", "release", "no name!", "--data", "."], "'no name!' is no name", "letters"),
    ],
)
def test_what_goes_wrong_later_is_told_in_a_sentence_with_exit_code_1(
    arguments: list[str],
    said: str,
    what_to_do: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(arguments) == 1
    told = sentence(capsys)
    assert said in told
    assert what_to_do in told


@pytest.fixture
def at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> KeyStore:
    """The keys of somebody who has the name Al on localhost, in a working folder of their own."""
    for variable in ("XDG_DATA_HOME", "HOME", "LOCALAPPDATA"):
        monkeypatch.setenv(variable, str(tmp_path))
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    Path("there").write_text("something else")
    Path("bytes").write_bytes(b"\xff\xfe")
    keys = KeyStore()
    keys.find_or_make("localhost", "Al")
    return keys


@pytest.mark.usefixtures("at_home")
@pytest.mark.parametrize(
    ("arguments", "code", "said", "what_to_do"),
    [
        (["export", "Al", "--file", "there"], 1, "there is there already", "another with --file"),
        (["export", "Al", "--file", "no/x"], 1, "the folder no is not there", "make it, or name"),
        (["export", "Al", "--file", "there/x"], 1, "there/x cannot be used", "name another with"),
        (["export", "Bo"], 1, "there is no key for Bo on ws://localhost:8080", "with --url"),
        (["import", "--file", "none"], 1, "there is no file none", "`causerie name export NAME "),
        (["import", "--file", "."], 1, ". cannot be used", "name another with --file"),
        (["import", "--file", "there"], 2, "not a link with a key", "`causerie name export NAME`"),
        (["import", "--file", "bytes"], 2, "not a link with a key", "`causerie name export NAME`"),
        (["import", "--url", "ftp://x", "--file", "there"], 2, "begins with ftp", "a right one is"),
    ],
)
def test_a_name_that_cannot_be_exported_or_imported_is_told_with_what_to_do(
    arguments: list[str],
    code: int,
    said: str,
    what_to_do: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["name", *arguments]) == code
    told = sentence(capsys)
    assert said in told
    assert what_to_do in told
    assert Path("there").read_text() == "something else"


def test_a_name_goes_to_another_device_by_a_file(
    at_home: KeyStore,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["name", "export", "Al", "--file", "link"]) == 0
    key = at_home.find("localhost", "Al")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "other"))
    monkeypatch.setenv("HOME", str(tmp_path / "other"))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "other"))
    assert main(["name", "import", "--file", "link"]) == 0
    assert capsys.readouterr().out == "You are Al on ws://localhost:8080 from here, too.\n"
    assert KeyStore().find("localhost", "Al") == key


@pytest.mark.usefixtures("at_home")
def test_another_key_for_the_name_stays_and_the_way_to_use_the_new_one_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    link = "http://localhost:8080/#username=Al&key=abcdefghijklmnopqrstuv"
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{link}\n"))
    assert main(["name", "import"]) == 1
    told = sentence(capsys)
    assert "another key for Al" in told
    assert "move" in told


def test_keys_that_may_not_be_read_are_named(
    at_home: KeyStore, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def forbidden(self: Path) -> bytes:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "read_bytes", forbidden)
    assert main(["name", "export", "Al"]) == 1
    told = sentence(capsys)
    assert ".json cannot be used (Permission denied): see to who may read and write it." in told


class Full(io.StringIO):
    """Where what is written goes: to a full disk, or to nobody."""

    def __init__(self, error: OSError) -> None:
        super().__init__()
        self._error = error

    def write(self, text: str) -> int:
        del text
        raise self._error

    def fileno(self) -> int:
        raise io.UnsupportedOperation


@pytest.mark.usefixtures("at_home")
def test_who_reads_no_further_ends_a_command_without_a_word(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdout", Full(BrokenPipeError(32, "Broken pipe")))
    assert main(["name", "export", "Al"]) == 1
    assert capsys.readouterr().err == ""


FULL = OSError(28, "No space left on device")


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (FULL, "the output cannot be written (No space left on device): see to where"),
        (ExceptionGroup("", [ExceptionGroup("", [FULL])]), "the output cannot be written (No "),
        (PermissionError(13, "Permission denied", "a/b"), "a/b cannot be used (Permission denied)"),
    ],
)
def test_an_error_of_the_system_is_told_in_a_sentence_wherever_it_is_met(
    error: Exception,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def release(*_: object) -> str:
        raise error

    monkeypatch.setattr(backends, "release_name", release)
    assert main(["name", "release", "Al"]) == 1
    told = sentence(capsys)
    assert said in told
    assert "see to" in told


def test_a_fault_of_ours_is_not_taken_for_a_full_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    def release(*_: object) -> str:
        raise ExceptionGroup("", [OSError(28, "No space left on device"), KeyError("a fault")])

    monkeypatch.setattr(backends, "release_name", release)
    with pytest.raises(ExceptionGroup):
        main(["name", "release", "Al"])


@pytest.mark.slow
def test_a_pipe_that_is_closed_leaves_no_traceback_at_the_exit() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "causerie", "name", "--help"]
    run = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writing)
    assert (run.returncode, run.stderr) == (1, "")


@pytest.mark.usefixtures("at_home")
def test_who_imports_at_a_terminal_is_asked_for_the_link(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr("sys.stdin", Terminal("\n"))
    assert main(["name", "import"]) == 2
    assert capsys.readouterr().err.startswith("Paste the link of `causerie name export`, then")


def test_a_released_name_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(
        backends, "release_name", lambda name, folder, servers: f"{name} {folder} {servers}"
    )
    assert main(["name", "release", "Alice", "--data", "here"]) == 0
    assert main(["name", "release", "Bob"]) == 0
    assert main(["name", "release", "Eve", "--nats", "nats://a", "--nats", "tls://b:1"]) == 0
    assert capsys.readouterr().out == (
        f"Alice here ()\nBob {Config().data} ()\nEve {Config().data} ('nats://a', 'tls://b:1')\n"
    )


def test_ctrl_c_before_the_server_runs_is_no_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_: Config) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(app, "serve", interrupted)
    assert main(["serve"]) == 130


def test_the_command_is_installed_under_its_name() -> None:
    project = tomllib.loads(Path("pyproject.toml").read_text())["project"]
    assert project["scripts"] == {"causerie": "causerie.__main__:main"}


# A process of its own.


async def websocket(server: ServerProcess) -> Peer:
    peer = Peer(*await asyncio.open_connection("localhost", server.port))
    peer.send(request(Host=f"localhost:{server.port}"))
    assert (await peer.answer()).status == 101
    return peer


@pytest.fixture
def hang_up(request: pytest.FixtureRequest) -> Iterator[signal.Handlers]:
    """What SIGHUP does to a server that is started: it inherits that, as it would from nohup."""
    handler: signal.Handlers = getattr(request, "param", signal.SIG_DFL)
    before = signal.signal(signal.SIGHUP, handler)
    yield handler
    signal.signal(signal.SIGHUP, before)


async def cut(peer: Peer) -> None:
    peer.writer.transport.abort()
    await peer.writer.wait_closed()


@pytest.mark.real
@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
@pytest.mark.usefixtures("hang_up")
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
@pytest.mark.parametrize("hang_up", [signal.SIG_IGN], indirect=True)
async def test_a_server_that_was_started_to_outlive_its_terminal_does(
    tmp_path: Path, hang_up: signal.Handlers
) -> None:
    assert hang_up is signal.SIG_IGN
    with ServerProcess(tmp_path) as server:
        os.kill(server.pid, signal.SIGHUP)
        for _ in range(2):
            await cut(await websocket(server))


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
        command = [sys.executable, "-m", "causerie", "serve", "--port", "0"]
        run = subprocess.run(
            [*command, "--data", str(tmp_path)], capture_output=True, text=True, check=False
        )
    assert run.returncode == 1
    assert run.stdout == ""
    assert run.stderr.startswith("causerie: Another server")
    assert run.stderr.count("\n") == 1


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signal")
def test_who_interrupts_it_while_it_loads_is_shown_no_traceback() -> None:
    interrupted = """
import os, signal, sys

class Interrupts:
    def find_spec(self, name, *_):
        if name == "cyclopts":
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Interrupts())
from causerie.__main__ import main
main()
"""
    run = subprocess.run([sys.executable, "-c", interrupted], capture_output=True, check=False)
    assert (run.returncode, run.stdout, run.stderr) == (-signal.SIGINT, b"", b"")


@pytest.mark.skipif(os.name == "nt", reason="Windows keeps no such modes")
def test_what_is_stored_is_for_its_owner_alone(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    with ServerProcess(tmp_path):
        files = {path.name: path.stat().st_mode & 0o077 for path in tmp_path.iterdir()}
        assert "causerie.db" in files
        assert set(files.values()) == {0}
