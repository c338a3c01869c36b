"""Latencies, and what they come to."""

from array import array
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

SHOWN: Final[Mapping[str, float]] = {
    "p50_ms": 0.5,
    "p90_ms": 0.9,
    "p99_ms": 0.99,
    "p999_ms": 0.999,
    "max_ms": 1.0,
}


def percentiles(latencies: Iterable[int]) -> dict[str, float]:
    """The latencies (ns) that so many stay within, in ms, by nearest rank; {} if there are none."""
    ordered = array("q", sorted(latencies))
    return {name: at(ordered, share) / 1e6 for name, share in SHOWN.items()} if ordered else {}


def at(ordered: Sequence[int], share: float) -> int:
    """The value that this share of the values, which are in order, does not exceed."""
    return ordered[max(0, -int(-len(ordered) * share // 1) - 1)]
