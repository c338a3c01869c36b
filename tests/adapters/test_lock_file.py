"""A lock file: one process's own, until it and all who inherited it are gone."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from causerie.adapters.lock_file import Locked, lock, note_holder


def test_a_lock_names_its_holder_to_whoever_finds_it_taken(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with lock(path) as file:
        with pytest.raises(Locked) as caught:
            lock(path)
        assert caught.value.holder == str(os.getpid())
        note_holder(file, 7)
        with pytest.raises(Locked, match=r"by process 7$"):
            lock(path)


def test_a_holder_that_says_nothing_holds_it_too(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with lock(path):
        path.write_bytes(b"")
        with pytest.raises(Locked, match=r"^locked$") as caught:
            lock(path)
    assert caught.value.holder == ""


def test_a_lock_ends_when_its_file_is_closed_and_begins_anew(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    lock(path).close()
    with lock(path):
        assert path.read_text() == f"{os.getpid()}\n"


@pytest.mark.skipif(sys.platform == "win32", reason="there no file is inherited")
def test_whoever_has_inherited_a_lock_holds_it_alone_when_the_first_lets_go(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    file = lock(path)
    command = [sys.executable, "-S", "-c", "input()"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, pass_fds=[file.fileno()]) as heir:
        file.close()
        with pytest.raises(Locked):
            lock(path)
        heir.communicate(b"\n")
    lock(path).close()


def test_a_file_that_cannot_be_made_is_no_lock_of_anybodys(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        lock(tmp_path / "none" / "lock")
