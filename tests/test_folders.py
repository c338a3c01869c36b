import errno
import os
import stat
from pathlib import Path

import pytest
from tests.support.power import PowerLoss

from causerie.folders import make_folder, sync_folder

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows opens no folders")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "root").mkdir()
    return tmp_path / "root"


def test_a_folder_that_was_made_is_there_after_a_loss_of_power_and_so_are_those_above_it(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    power = PowerLoss(root, monkeypatch)
    make_folder(root / "one" / "two" / "three")
    assert (power.leaves(tmp_path / "left") / "one" / "two" / "three").is_dir()


def test_a_folder_is_for_its_user_alone_and_one_that_is_there_stays_as_it_is(root: Path) -> None:
    make_folder(root / "ours")
    assert stat.S_IMODE((root / "ours").stat().st_mode) == 0o700
    (root / "ours").chmod(0o755)
    make_folder(root / "ours")
    assert stat.S_IMODE((root / "ours").stat().st_mode) == 0o755


def test_a_file_is_there_after_a_loss_of_power_once_its_folder_was_synced(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    power = PowerLoss(root, monkeypatch)
    with (root / "file").open("wb") as file:
        file.write(b"hello")
        file.flush()
        os.fsync(file.fileno())
    assert not (power.leaves(tmp_path / "before") / "file").exists()
    sync_folder(root)
    assert (power.leaves(tmp_path / "after") / "file").read_bytes() == b"hello"


def fail(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def fsync(_: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fsync)


def test_a_file_system_that_syncs_no_folders_does_as_well(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail(errno.EINVAL, monkeypatch)
    make_folder(root / "one")
    assert (root / "one").is_dir()


def test_a_disk_that_fails_is_told(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fail(errno.EIO, monkeypatch)
    with pytest.raises(OSError, match=os.strerror(errno.EIO)):
        make_folder(root / "one")
