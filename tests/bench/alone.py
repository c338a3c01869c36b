"""Loads in the process of the tests, where it can be seen which of their lines run."""

from collections.abc import Callable, Mapping
from typing import Any

from causerie.bench import crew
from causerie.bench.phases import Phase
from causerie.bench.target import Target, Use


class AlonePost(crew.Post):
    """A post of a process that is alone: whoever it would wait for is there."""

    def __init__(self, target: Target, at: Mapping[str, Callable[[], Any]]) -> None:
        super().__init__(0, 1, None)
        self.moments: dict[str, Use] = {}
        self.shares: list[float] = []
        self._target = target
        self._at = at

    def meet(self, moment: str, brought: Any = None) -> list[Any]:
        self.moments[moment] = self._target.use()
        return [self._at[moment]()] if moment in self._at else [brought]

    def turn_to(self, phase: Phase) -> None:
        self._target.at_phase(phase)

    def pass_by(self, moment: str) -> None:
        self._at[moment]()

    def progress(self, share: float) -> None:
        self.shares.append(share)


def run_alone(
    work: crew.Work,
    load: Any,
    target: Target,
    *,
    processes: int,
    measured: tuple[str, str],
    settled: str | None = None,
    at: Mapping[str, Callable[[], Any]] | None = None,
    progress: Callable[[float], None] = crew.tell_nobody,
) -> crew.Ran:
    """What `crew.run` does, with one process, and that one this."""
    assert processes == 1, "there is only this one"
    post = AlonePost(target, at or {})
    result = work(post, load)
    moments = {*measured, settled or measured[1]}
    assert moments <= post.moments.keys(), "it is measured between moments that come"
    assert post.shares == sorted(post.shares), "what is done stays done"
    assert all(0 <= share <= 1 for share in post.shares)
    for share in post.shares:
        progress(share)
    return crew.Ran([result], post.moments, 0.5)
