"""The work of a process of the generator, in the test's own."""

import time
from typing import Any

from causerie.bench.crew import Post, Ran, Work
from causerie.bench.target import Target, Use


class Alone(Post):
    """One process, and nobody who leads it."""

    def __init__(self, target: Target | None = None) -> None:
        super().__init__(0, 1, None)
        self.moments: dict[str, Use] = {}
        self._target = target

    def meet(self, moment: str, brought: Any = None) -> list[Any]:
        used = self._target.use() if self._target is not None else Use(time.monotonic(), 0.0, 0.0)
        self.moments[moment] = used
        return [brought]

    def send(self, kind: str, what: Any, more: Any = None) -> None:
        """Nobody is told anything."""


def run_alone(work: Work, load: Any, target: Target, **_: Any) -> Ran:
    """Stands in for `crew.run`."""
    post = Alone(target)
    return Ran([work(post, load)], post.moments, 0.5)
