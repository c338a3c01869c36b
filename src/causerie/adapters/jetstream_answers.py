"""Reads that are under way, answered in the order in which they were asked for."""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any, NamedTuple, TypeVar

import structlog

from causerie.adapters.jetstream_link import LinkError
from causerie.ports import Failed

_Answer = TypeVar("_Answer")

_logger = structlog.get_logger("causerie.log")


class _Reading(NamedTuple):
    """A read, and whom to tell."""

    task: asyncio.Task[Any]
    done: Callable[[Any], None]


class Answers:
    """The reads. They go on side by side; only their answers wait for one another."""

    def __init__(self) -> None:
        """Made in the loop."""
        self._loop = asyncio.get_running_loop()
        self._readings: deque[_Reading] = deque()
        self._is_over = False

    def ask(
        self, read: Coroutine[Any, Any, _Answer], done: Callable[[_Answer | Failed], None]
    ) -> None:
        """Begins a read, and has `done` called with what it finds, or with why it cannot."""
        task = self._loop.create_task(read)
        self._readings.append(_Reading(task, done))
        task.add_done_callback(self._answer)

    def stop(self) -> None:
        """Ends them all, and tells nobody any more."""
        self._is_over = True
        for reading in list(self._readings):
            reading.task.cancel()

    def _answer(self, _task: asyncio.Task[Any]) -> None:
        """Gives the answers that are there, as far as none before them is missing."""
        while self._readings and self._readings[0].task.done():
            task, done = self._readings.popleft()
            answer = None if task.cancelled() else _found(task)
            if self._is_over:
                continue
            try:
                done(answer)
            except Exception:
                # Those behind it may be the last: nobody would look for them again.
                _logger.exception("an answer could not be taken")


def _found(task: asyncio.Task[Any]) -> object:
    error = task.exception()
    if error is None:
        return task.result()
    if not isinstance(error, LinkError):
        _logger.error("a read has failed", exc_info=error)
    return Failed(f"{type(error).__name__}: {error}")
