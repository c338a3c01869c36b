"""A site starts, is hurt and mended, and leaves nothing behind, whatever ends it."""

import asyncio
import os
import random
import signal
import sys
from pathlib import Path

import pytest
from tests.chaos import faults
from tests.chaos.faults import FAULTS
from tests.chaos.site import Site
from tests.support.line_process import LineProcess
from tests.support.nats import wait_until

PROGRAM = """
import asyncio, sys
from pathlib import Path
from tests.chaos.site import Site

async def stay(site):
    site.pause_node(0)
    print(site.nodes[0].pid, flush=True)
    await asyncio.Event().wait()

with Site(Path(sys.argv[1]), machines=1) as site:
    asyncio.run(stay(site))
"""
"""A site one of whose nodes stands still."""


def is_there(pid: int) -> bool:
    """Whether a process runs, or stands still."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def can_be_reached(address: tuple[str, int]) -> bool:
    """Whether a node lets one connect."""
    try:
        _, writer = await asyncio.open_connection(*address)
    except OSError:
        return False
    writer.close()
    await writer.wait_closed()
    return True


@pytest.mark.slow
@pytest.mark.real
async def test_a_node_that_was_killed_is_there_again_at_the_same_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(faults, "LONGEST_DOWN", 0.0)
    with Site(tmp_path, machines=1) as site:
        pid, (address,) = site.nodes[0].pid, site.addresses
        await faults.kill_node(site, random.Random(1))
        assert site.nodes[0].pid != pid
        assert site.addresses == [address]
        assert await can_be_reached(address)
    assert not await can_be_reached(address)


@pytest.mark.slow
@pytest.mark.real
async def test_a_node_that_stood_still_goes_on_also_when_the_round_is_broken_off(
    tmp_path: Path,
) -> None:
    with Site(tmp_path, machines=1) as site:
        struck = asyncio.create_task(faults.pause_node(site, random.Random(1)))
        status = Path(f"/proc/{site.nodes[0].pid}/status")
        await asyncio.sleep(0)
        if sys.platform == "linux":
            await asyncio.to_thread(
                wait_until, lambda: "T (stopped)" in status.read_text(), "the standstill"
            )
        struck.cancel()
        with pytest.raises(asyncio.CancelledError):
            await struck
        if sys.platform == "linux":
            await asyncio.to_thread(
                wait_until, lambda: "T (stopped)" not in status.read_text(), "the end of it"
            )


@pytest.mark.slow
@pytest.mark.real
def test_after_ctrl_c_nothing_runs_any_more_not_even_what_stands_still(tmp_path: Path) -> None:
    with LineProcess([sys.executable, "-c", PROGRAM, str(tmp_path)]) as program:
        (pid,) = map(int, program.wait_until(bool, "its node"))
        assert is_there(pid)
        program.signal(signal.SIGINT)
        program.wait()
    assert not is_there(pid)


def test_each_fault_has_a_name_of_its_own() -> None:
    assert len({fault.name for fault in FAULTS}) == len(FAULTS)
