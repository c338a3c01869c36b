"""The machine that a comparison runs on, and what is compared, in the words of RESULTS.md."""

import os
import platform
import statistics
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Final

from bench.comparison.records import Machine

APPENDS: Final = 200
APPENDED: Final = b"x" * 200
"""About as much as a message."""

ROOT: Final = Path(__file__).parents[2]


def machine() -> Machine:
    """This one. Syncs to the disk of the data folders, to measure that."""
    load = os.getloadavg()[0] / (os.cpu_count() or 1)
    with tempfile.TemporaryDirectory(prefix="causerie-bench-") as folder:
        return Machine(
            cpu=_cpu(),
            cores=len(os.sched_getaffinity(0)),
            memory_gb=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9,
            kernel=f"{platform.system()} {platform.release()}",
            filesystem=filesystem(Path(folder), Path("/proc/mounts").read_text()),
            fsync_ms=fsync_ms(Path(folder)),
            load_average=load,
        )


def fsync_ms(folder: Path) -> float:
    """The median time of a small append and its fdatasync."""
    times: list[float] = []
    with (folder / "appended").open("ab", buffering=0) as file:
        for _ in range(APPENDS):
            begun = time.perf_counter()
            file.write(APPENDED)
            os.fdatasync(file.fileno())
            times.append(time.perf_counter() - begun)
    return statistics.median(times) * 1e3


def filesystem(folder: Path, mounts: str) -> str:
    """The type of the file system of a folder, by the longest of the mounts that it is in."""
    kinds = {
        Path(place): kind
        for _, place, kind, *_ in map(str.split, mounts.splitlines())
        if folder.is_relative_to(place)
    }
    return kinds[max(kinds, key=lambda place: len(place.parts))] if kinds else "unknown"


def commit() -> str:
    """The commit that is checked out, and whether anything is not as it is there."""
    changed = _git("status", "--porcelain", "--untracked-files=no")
    return _git("rev-parse", "--short=12", "HEAD") + (", with changes" if changed else "")


def _git(*arguments: str) -> str:
    try:
        done = subprocess.run(
            ["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return done.stdout.strip()


def _cpu() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.machine()
