"""A steady pace, which a server that stalls does not slow down."""

import select
import time
from collections.abc import Iterator
from typing import Final

from causerie.bench.generator import Generator

SHORT: Final = 0.001
"""Seconds: epoll counts in milliseconds and rounds up, so a shorter wait needs another call."""

NOTHING_SAID: Final = "nothing was said: give it more --seconds, or a higher --rate"
"""Why a load has nothing to show."""

KEPT: Final = 0.95
"""The part of a steady pace that has to be reached for it to be kept."""

LATE: Final = 32
"""Things said one after another, at most, before what has come is read: also when all are late."""


def intended_times(generator: Generator, rate: float, count: int) -> Iterator[int]:
    """Yields so many moments, so many of them a second; between them the generator reads.

    What is late is not left out, and its latency counts from when it should have been said: so a
    server that stalls cannot hide it by holding up the generator (coordinated omission).

    Yields:
        The intended time, in ns of the monotonic clock, when it has come.
    """
    begun = time.monotonic_ns()
    for number in range(count):
        intended = begun + int(number / rate * 1e9)
        read_until(generator, intended)
        if number % LATE == 0:
            generator.read(0.0)
        yield intended


def unkept(reached: float, wanted: float, what: str) -> tuple[str, ...]:
    """What has to be remarked of a steady pace, in things a second; nothing if it was kept, or if
    there was none (0). Latencies then say how far the server fell behind, and not how fast it is.
    """
    if reached >= KEPT * wanted:
        return ()
    return (f"does not keep the pace: {reached:,.0f} of {wanted:,.0f} {what}/s",)


def read_until(generator: Generator, moment: int) -> None:
    """Reads until a moment, in ns of the monotonic clock. Whatever it reads is no answer that
    anybody waits for.
    """
    while (wait := (moment - time.monotonic_ns()) / 1e9) > 0:
        if wait < SHORT:
            select.select([generator], [], [], wait)
            wait = 0.0
        generator.read(wait)
