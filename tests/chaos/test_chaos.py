"""Whatever happens to one machine of a cluster, thirty clients under load find all promises kept.

`make test` plays a round of three faults; `make chaos` plays all, as often as it is told:
CHAOS_ROUNDS times each, from CHAOS_SEED on, or of the faults whose names CHAOS_FAULT has, with a
chat that divides its rooms among CHAOS_STREAMS streams.
"""

import os
import secrets
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.chaos import faults
from tests.chaos.faults import FAULTS, Fault
from tests.chaos.network import Network, why_not
from tests.chaos.rounds import CLIENTS, Outcome, play, told
from tests.chaos.site import Site
from tests.support.nats import SIZE

ROUNDS = int(os.environ.get("CHAOS_ROUNDS", "0"))
SEED = os.environ.get("CHAOS_SEED", "") or ("1" if os.environ.get("CI") else "")
"""A change that lands breaks nothing by chance: CI always plays the same rounds."""
WANTED = [name for name in os.environ.get("CHAOS_FAULT", "").split(",") if name]

STREAMS = int(os.environ.get("CHAOS_STREAMS", "1"))

SHORT = {"kill-leader": 1, "kill-node": 3, "pause-node": 1}
"""The faults of which `make test` plays a round, and the streams among which rooms are divided."""

FEW = 10
"""Clients of such a round."""


def rounds() -> Iterator[tuple[Fault, int]]:
    """Yields the rounds that are to be played."""
    if unknown := set(WANTED) - {fault.name for fault in FAULTS}:
        raise ValueError(f"no such fault: {', '.join(unknown)}")
    for fault in FAULTS:
        if not ROUNDS and fault.name in SHORT:
            yield fault, 0
        elif ROUNDS and (not WANTED or fault.name in WANTED):
            for number in range(ROUNDS):
                yield fault, number


@pytest.fixture(scope="module")
def seed() -> int:
    """That of the first round of each fault; the others count on from it."""
    return int(SEED) if SEED else secrets.randbelow(1_000_000)


@pytest.fixture
def clients(monkeypatch: pytest.MonkeyPatch) -> int:
    """How many talk. The rounds of `make test` are short: the faults last less long, too."""
    if ROUNDS:
        return CLIENTS
    monkeypatch.setattr(faults, "PAUSE", 4.0)
    monkeypatch.setattr(faults, "LONGEST_DOWN", 2.0)
    return FEW


@pytest.fixture
def progress(
    request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]
) -> Callable[[str], None]:
    """Shows what goes on, where somebody looks on."""
    name = request.node.callspec.id

    def show(text: str) -> None:
        with capsys.disabled():
            if ROUNDS and sys.stderr.isatty():
                sys.stderr.write(f"\r\033[K{name} {text}")
                sys.stderr.flush()

    return show


@pytest.mark.slow
@pytest.mark.real
@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("fault", "number"), [pytest.param(*one, id=f"{one[0].name}-{one[1]}") for one in rounds()]
)
async def test_all_promises_are_kept_whatever_fails(
    *,
    fault: Fault,
    number: int,
    seed: int,
    clients: int,
    tmp_path: Path,
    outcomes: list[Outcome],
    progress: Callable[[str], None],
) -> None:
    with ExitStack() as stack:
        network = None
        if fault.needs_network:
            if reason := why_not():
                pytest.skip(reason)
            network = stack.enter_context(Network(SIZE))
        streams = STREAMS if ROUNDS else SHORT[fault.name]
        site = stack.enter_context(Site(tmp_path, streams=streams, network=network))
        try:
            outcome = await play(fault, site, seed + number, clients=clients, progress=progress)
        except BaseException as error:
            error.add_note(replay(fault, seed + number))
            error.add_note(site.log)
            raise
    outcomes.append(outcome)
    if outcome.broken:
        pytest.fail(f"{told(outcome)}\n{replay(fault, seed + number)}\n{site.log}", pytrace=False)


def replay(fault: Fault, seed: int) -> str:
    """How the same round is played again."""
    if ROUNDS:
        return f"again: make chaos ROUNDS=1 FAULT={fault.name} SEED={seed} STREAMS={STREAMS}"
    return f"again: CHAOS_SEED={seed} .venv/bin/pytest tests/chaos/test_chaos.py -k {fault.name}"
