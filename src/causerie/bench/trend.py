"""How fast something grows."""

from collections.abc import Sequence
from statistics import linear_regression


def slope(samples: Sequence[tuple[float, float]]) -> float:
    """What the second of each pair grows by while the first grows by one, by least squares; NaN if
    there are not two to compare.
    """
    times = [time for time, _ in samples]
    if len(set(times)) < 2:
        return float("nan")
    return linear_regression(times, [value for _, value in samples]).slope
