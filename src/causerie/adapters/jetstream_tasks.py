"""Work in the background that nobody awaits: a fault in it must not go unseen."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any


class Tasks:
    """The tasks of a log, until it ends.

    `failed` is called with what one of them raised: whoever waits for what it was to do would wait
    for ever.
    """

    def __init__(self, failed: Callable[[BaseException], None]) -> None:
        """Made in the loop."""
        self._loop = asyncio.get_running_loop()
        self._failed = failed
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(self, work: Coroutine[Any, Any, None], name: str) -> Callable[[], object]:
        """Begins some work; returns what to call to end it before it is done."""
        task = self._loop.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task.cancel

    def stop(self) -> None:
        """Ends all of them."""
        for task in list(self._tasks):
            task.cancel()

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._failed(error)
