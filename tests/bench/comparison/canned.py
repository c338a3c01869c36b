"""A comparison that nobody has run."""

from bench.comparison.records import (
    PLAIN,
    V1,
    Comparison,
    LoadInfo,
    Machine,
    Record,
    ServerInfo,
)
from bench.comparison.targets import BURST, QUIET, STEADY

from causerie.bench.percentiles import SHOWN

MACHINE = Machine(
    cpu="Quick | Cheap",
    cores=2,
    memory_gb=16,
    kernel="Linux 6",
    filesystem="ext4",
    fsync_ms=0.5,
    load_average=0.1,
)
LOADS = [
    LoadInfo(key=BURST, title="500 members, 64 in flight", group="fanout"),
    LoadInfo(key=QUIET, title="100 members, 100 messages/s", group="fanout"),
    LoadInfo(key=STEADY, title="500 members, 1,000 messages/s", group="fanout"),
    LoadInfo(key="members 10", title="10 members", group="members", x=10),
    LoadInfo(key="members 100", title="100 members", group="members", x=100),
    LoadInfo(key="history", title="History: 1,000 entries", group="alone"),
]
NAMES = (V1, PLAIN, "Bun", "ws", "C")


def run(load: str, server: str, number: int = 0, part: str = "fanout", **figures: float) -> Record:
    """One run, with these figures."""
    curve = [1.0 + place for place in range(40)] if any(name in figures for name in SHOWN) else []
    return Record(load=load, part=part, server=server, round=number, figures=figures, curve=curve)


def comparison(*records: Record, rounds: int = 3) -> Comparison:
    """One with these runs, of all servers."""
    return Comparison(
        machine=MACHINE,
        commit="abc",
        date="2026-01-02",
        command="make bench",
        rounds=rounds,
        minutes=20.0,
        is_trial=False,
        servers=[
            ServerInfo(name=name, version=f"{name} 1", description=f"what {name} is")
            for name in NAMES
        ],
        missing=["aiohttp is not installed."],
        loads=LOADS,
        records=list(records),
    )
