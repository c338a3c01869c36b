"""Causerie can be installed from its sources by whoever has Python alone, with its page.

Each way is gone for real, in an environment that has nothing yet, on a PATH without Node.
"""

import http.client
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.support.dockerfile import base_environment
from tests.support.line_process import LineProcess
from tests.support.server_process import _free_port

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.timeout(600)]

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """That of a machine without Node. What was fetched once is fetched from the cache."""
    programs = tmp_path_factory.mktemp("bin")
    for folder in ("/usr/local/bin", "/usr/bin", "/bin"):
        for program in Path(folder).iterdir():
            link = programs / program.name
            if link.name not in {"node", "nodejs", "npm", "npx"} and not link.is_symlink():
                link.symlink_to(program)
    return {**base_environment(), "PATH": str(programs)}


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What is under version control, and nothing that was built of it."""
    root = tmp_path_factory.mktemp("checkout")
    left_out = shutil.ignore_patterns(
        ".git", ".*cache", ".hypothesis", ".venv", "__pycache__", "dist", "node_modules", "tests"
    )
    return Path(shutil.copytree(ROOT, root, ignore=left_out, dirs_exist_ok=True))


@pytest.fixture
def python(tmp_path: Path) -> Path:
    """That of an environment in which nothing is installed; pip is that of the tests'."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "venv"], check=True)
    return tmp_path / "venv" / "bin" / "python"


def install(python: Path, what: Path, environment: dict[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pip", "--python", python, "install", "--progress-bar=off", what],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@contextmanager
def serving(
    python: Path, data: Path, environment: dict[str, str]
) -> Iterator[http.client.HTTPConnection]:
    """A connection to `causerie serve`, which is stopped in the end."""
    port = _free_port("127.0.0.1")
    command = [python.with_name("causerie"), "serve", "--port", str(port), "--data", data]
    with LineProcess(
        [str(word) for word in command],
        environment={**environment, "CAUSERIE_CONFIG": os.devnull},
    ) as server:
        server.wait_for("http://")
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        yield connection
        connection.close()
        server.signal(signal.SIGTERM)
        assert server.wait() == 0, server.errors


def assert_serves_its_page(python: Path, data: Path, environment: dict[str, str]) -> None:
    with serving(python, data, environment) as connection:
        connection.request("GET", "/")
        page = connection.getresponse()
        assert page.status == 200
        assets = re.findall(r'(?:src|href)="(/assets/[^"]+)"', page.read().decode())
        # The script and the style, named by what is in them.
        assert {asset.rpartition(".")[2] for asset in assets} >= {"js", "css"}
        for asset in assets:
            assert re.search(r"-[\w-]{8}\.\w+$", asset)
            connection.request("GET", asset)
            answer = connection.getresponse()
            assert (answer.status, len(answer.read()) > 0) == (200, True)


def test_a_checkout_is_installed_by_pip_with_the_page_that_it_builds_of_its_sources(
    checkout: Path, python: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    install(python, checkout, environment)
    assert_serves_its_page(python, tmp_path / "data", environment)
    assert not (checkout / "node_modules").exists()


def test_an_sdist_is_installed_by_pip_without_any_node_at_all(
    checkout: Path, python: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    program = "import hatchling.build as b, sys; print(b.build_sdist(sys.argv[1]))"
    made = subprocess.run(
        [sys.executable, "-c", program, tmp_path],
        cwd=checkout,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    # Whoever has no way to npm cannot have built it of its sources.
    environment = {**environment, "npm_config_offline": "true", "npm_config_cache": os.devnull}
    install(python, tmp_path / made.stdout.strip(), environment)
    assert_serves_its_page(python, tmp_path / "data", environment)
