"""A load in two parts: one that warms the server up, and one that is measured."""

from array import array
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Final, NamedTuple

from causerie.bench.crew import Post
from causerie.bench.generator import Generator, Member, reset
from causerie.bench.phases import Phase

WARM_UP: Final = 0.15
"""The part of a load that is not measured, before it, so that what follows is its usual course."""

OPENING: Final = 0.2
"""The part of the progress that is the opening of connections."""

WARMING: Final = 0.1
"""The part of the progress that is the warming up."""


class Part(NamedTuple):
    """What is to be done in one of the two."""

    seconds: float
    progress: Callable[[float], None]
    """Is told how much of this part is done, from 0 to 1."""


def warmed_up(
    generator: Generator, members: Sequence[Member], post: Post, seconds: float
) -> Iterator[Part]:
    """Yields the warming up, and then what is measured; each counts from its own beginning.

    All processes meet before and after each. Whoever is given a part does it, and waits until all
    that came of it has been heard, before it asks for the next.
    """
    begins = OPENING
    for phase, moments, lasts, ends in (
        (Phase.WARMING_UP, ("warm", "warmed"), seconds * WARM_UP, OPENING + WARMING),
        (Phase.MEASURING, ("begin", "settled"), seconds, 1.0),
    ):
        reset(members)
        generator.latencies = array("q")
        post.turn_to(phase)
        post.meet(moments[0])
        yield Part(lasts, partial(_progress, post, begins, ends))
        post.meet(moments[1])
        begins = ends


def _progress(post: Post, begins: float, ends: float, share: float) -> None:
    """Tells how much of the whole is done when so much of a part is."""
    post.progress(begins + (ends - begins) * min(1.0, share))
