"""What is shipped as containers can be built, starts, answers its health check, and stops.

There is no engine here: the steps of each Dockerfile are carried out in a folder.
"""

import http.client
import json
import re
import signal
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.examples.programs import node
from tests.support.compose import read_compose
from tests.support.dockerfile import Image, base_environment, is_ignored, read_dockerfile
from tests.support.line_process import LineProcess
from tests.support.server_process import _free_port
from websockets.sync.client import connect

from causerie.adapters.sqlite_file import DATABASE
from causerie.backends import NATS_FOLDER

DOCKERFILES = [
    Path("Dockerfile"),
    Path("examples/first-chat/ts/Dockerfile"),
    Path("examples/first-chat/py/Dockerfile"),
]


def name_of(file: Path) -> str:
    return str(file.parent)


@pytest.mark.slow
@pytest.mark.parametrize("file", DOCKERFILES, ids=name_of)
def test_hadolint_finds_nothing(file: Path) -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    found = subprocess.run([hadolint, file], capture_output=True, text=True, check=False)
    assert (found.returncode, found.stdout) == (0, "")


@pytest.mark.parametrize("file", DOCKERFILES, ids=name_of)
def test_nothing_runs_as_root(file: Path) -> None:
    last_stage = "\n".join(map(" ".join, read_dockerfile(file))).rpartition("FROM ")[2]
    [user] = re.findall(r"^USER (\d+)", last_stage, re.MULTILINE)
    assert int(user) > 0


@pytest.mark.parametrize("file", DOCKERFILES, ids=name_of)
def test_the_base_image_is_of_a_version_that_the_project_supports(file: Path) -> None:
    for word, rest in read_dockerfile(file):
        if word == "FROM":
            image, version = re.findall(r"^(\w+):([\d.]+)-", rest)[0]
            at = tuple(int(part) for part in version.split("."))
            if image == "python":
                assert f"Programming Language :: Python :: {version}" in classifiers()
            else:
                package = json.loads(file.with_name("package.json").read_text())
                least = package["engines"][image].removeprefix(">=").split(".")
                assert at >= tuple(int(part) for part in least[: len(at)])


def classifiers() -> list[str]:
    project = tomllib.loads(Path("pyproject.toml").read_text())["project"]
    return list(project["classifiers"])


@pytest.mark.parametrize(
    ("path", "is_left_out"),
    [
        (".git/config", True),
        (".venv/bin/python", True),
        (".mypy_cache/x", True),
        ("web/node_modules/lit/index.js", True),
        ("sdk/typescript/dist/index.js", True),
        ("data/causerie.db", True),
        ("tests/test_app.py", True),
        ("pyproject.toml", False),
        ("README.md", False),
        ("requirements/build.txt", False),
        ("src/causerie/cli.py", False),
        ("protocol/codes.json", False),
        ("web/package.json", False),
    ],
)
def test_what_the_image_is_built_of(path: str, is_left_out: bool) -> None:
    patterns = Path(".dockerignore").read_text().splitlines()
    assert is_ignored(path, patterns) == is_left_out


@pytest.mark.parametrize("file", DOCKERFILES, ids=name_of)
def test_the_compose_file_builds_it_restarts_it_and_shows_its_port(file: Path) -> None:
    [service] = read_compose(file.with_name("compose.yaml"))["services"].values()
    assert service["build"] == "."
    assert service["restart"] == "unless-stopped"
    assert service["ports"] == ["8080:8080"]
    known = {"build", "image", "restart", "ports", "volumes", "read_only", "cap_drop"}
    assert service.keys() <= {*known, "security_opt"}


def test_the_data_of_causerie_is_in_a_volume_that_outlives_the_container() -> None:
    whole = read_compose(Path("compose.yaml"))
    [mount] = whole["services"]["causerie"]["volumes"]
    volume, path = mount.split(":")
    assert volume in whole["volumes"]
    assert ("VOLUME", path) in read_dockerfile(Path("Dockerfile"))


def built(file: Path, folder: Path, environment: dict[str, str]) -> Image:
    image = Image(file.resolve(), folder / "image", environment)
    image.build()
    return image


@contextmanager
def started(image: Image, **settings: str) -> Iterator[LineProcess]:
    """The image's command, in its environment, with some of that set anew; stops it in the end."""
    program = image.find(image.command[0])
    with LineProcess(
        ["sh", "-c", 'cd "$0" && exec "$@"', str(image.workdir), program, *image.command[1:]],
        environment={**image.environment, **settings},
    ) as process:
        yield process
        process.signal(signal.SIGTERM)
        assert process.wait() == 0, process.errors


def health(image: Image, port: int) -> int:
    """The exit code of the image's health check."""
    program = image.find(image.healthcheck[0])
    return subprocess.run(
        [program, *image.healthcheck[1:]],
        env={**image.environment, "CAUSERIE_PORT": str(port)},
        stderr=subprocess.DEVNULL,
        timeout=20,
        check=False,
    ).returncode


def speaks_as_it_should(image: Image, port: int) -> bool:
    """Plays the basic dialogues with the server, with the image's own program."""
    command = [image.find("causerie"), "check", f"ws://127.0.0.1:{port}", "--tag", "basic"]
    played = subprocess.run(
        command, env=image.environment, stdout=subprocess.DEVNULL, timeout=100, check=False
    )
    return played.returncode == 0


@pytest.mark.real
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_causerie_is_built_serves_says_that_it_is_well_and_keeps_its_data(tmp_path: Path) -> None:
    # What was fetched once is fetched from the cache.
    environment = {**base_environment(Path(sys.executable).parent), "PIP_NO_CACHE_DIR": "false"}
    image = built(Path("Dockerfile"), tmp_path, environment)
    assert not image.path("/opt/build").exists()
    assert not image.path("/source").exists()
    assert list(image.path("/opt/causerie").glob("lib/*/site-packages/causerie/_web/index.html"))
    assert not image.path("/opt/causerie/bin/pip").exists()
    assert image.environment["CAUSERIE_HOST"] == "0.0.0.0"
    port = _free_port("127.0.0.1")
    assert health(image, port) != 0
    with started(image, CAUSERIE_PORT=str(port)) as server:
        server.wait_for("http://")
        assert health(image, port) == 0
        # Not on the loopback alone.
        page = http.client.HTTPConnection("127.0.0.2", port, timeout=20)
        page.request("GET", "/")
        assert page.getresponse().status == 200
        page.close()
        assert speaks_as_it_should(image, port)
    assert image.volumes == ["/data"]
    assert (image.path("/data") / DATABASE).is_file()
    # What several processes take is in the image as well.
    data = tmp_path / "data"
    settings = {"CAUSERIE_PORT": str(port), "CAUSERIE_DATA": str(data), "CAUSERIE_WORKERS": "2"}
    with started(image, **settings) as server:
        server.wait_for("http://")
        assert health(image, port) == 0
        assert speaks_as_it_should(image, port)
    assert (data / NATS_FOLDER / "jetstream").is_dir()


@pytest.mark.real
@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("language", ["ts", "py"])
def test_a_first_chat_is_built_and_greets_whoever_comes_from_outside(
    language: str, tmp_path: Path
) -> None:
    npm = tmp_path / "bin" / "npm"
    npm.parent.mkdir()
    module = Path(node()).parent.parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    npm.write_text(f'#!/bin/sh\nexec "{node()}" "{module}" "$@"\n')
    npm.chmod(0o755)
    # The base image of Python would have its library in the system: here it goes into a folder.
    environment = {
        **base_environment(npm.parent, Path(node()).parent, Path(sys.executable).parent),
        "PIP_TARGET": str(tmp_path / "library"),
        "PYTHONPATH": str(tmp_path / "library"),
    }
    file = Path("examples/first-chat") / language / "Dockerfile"
    image = built(file, tmp_path, environment)
    port = _free_port("127.0.0.1")
    with started(image, PORT=str(port)) as server:
        server.wait_for("Listening on ")
        with connect(f"ws://127.0.0.2:{port}", proxy=None) as socket:
            assert "Welcome!" in str(socket.recv(20))


def test_the_first_chat_is_pinned_to_the_library_that_it_is_tested_with() -> None:
    from importlib.metadata import version

    pinned = Path("examples/first-chat/py/requirements.txt").read_text()
    assert pinned == f"websockets=={version('websockets')}\n"
