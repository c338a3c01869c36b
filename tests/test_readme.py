"""The program in the README does what it says, and a newcomer meets no traceback."""

import os
import re
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.line_process import LineProcess
from tests.support.server_process import ServerProcess

from causerie.client.address import DEFAULT_URL


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path / "data") as server:
        yield server


def example(server: ServerProcess, home: Path) -> LineProcess:
    """The program as it stands there, but for the port; somebody else's in each home."""
    [program] = re.findall(r"```python\n(.*?)```", Path("README.md").read_text("utf-8"), re.DOTALL)
    assert program.count(DEFAULT_URL) == 1
    home.mkdir()
    places = dict.fromkeys(("HOME", "XDG_DATA_HOME", "LOCALAPPDATA"), str(home))
    return LineProcess(
        [sys.executable, "-u", "-c", program.replace(DEFAULT_URL, server.ws)],
        environment={**os.environ, **places},
    )


@pytest.mark.real
@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Windows sends no Ctrl+C to one process")
def test_the_program_talks_and_ctrl_c_ends_it_without_a_traceback(
    server: ServerProcess, tmp_path: Path
) -> None:
    with example(server, tmp_path / "dora") as program:
        program.wait_for("stored as number 1")
        program.wait_for("hello")
        program.signal(signal.SIGINT)
        assert program.wait() == 0
        assert program.errors == ""


@pytest.mark.real
@pytest.mark.slow
def test_where_the_name_is_taken_the_program_says_so_and_what_to_do(
    server: ServerProcess, tmp_path: Path
) -> None:
    with example(server, tmp_path / "dora") as first:
        first.wait_for("stored as number")
        with example(server, tmp_path / "another") as second:
            assert second.wait() == 0
            assert second.errors == ""
            [said] = second.lines
    assert said.startswith("No chat: This name, or one that looks like it, is taken; choose ano")
    assert "`causerie name import`" in said
