from pathlib import Path

from bench.comparison.machine import filesystem, fsync_ms, machine

MOUNTS = """\
/dev/vda / ext4 rw 0 0
tmpfs /tmp tmpfs rw 0 0
/dev/vdb /tmp/disk xfs rw 0 0
/dev/vdc /tmpfile btrfs rw 0 0
"""


def test_a_folder_is_on_the_innermost_mount_around_it() -> None:
    assert filesystem(Path("/home/data"), MOUNTS) == "ext4"
    assert filesystem(Path("/tmp/data"), MOUNTS) == "tmpfs"
    assert filesystem(Path("/tmp/disk/data"), MOUNTS) == "xfs"
    assert filesystem(Path("/tmp/data"), "") == "unknown"


def test_a_sync_takes_time(tmp_path: Path) -> None:
    assert 0 < fsync_ms(tmp_path) < 10_000
    assert (tmp_path / "appended").stat().st_size == 200 * 200


def test_this_machine_is_told() -> None:
    here = machine()
    assert here.cores >= 1
    assert here.memory_gb > 0.1
    assert here.cpu
    assert here.filesystem != "unknown"
