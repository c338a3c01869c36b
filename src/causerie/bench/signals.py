"""Ctrl+C and other ends of a load: nothing that it has started may outlive it."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final, NoReturn

ENDS: Final = (signal.SIGTERM, signal.SIGHUP)
"""What ends a program besides Ctrl+C: somebody who wants that, or a terminal that is closed."""


@contextmanager
def interrupts_held() -> Iterator[None]:
    """Has Ctrl+C wait meanwhile. A process that is started in here never hears it, and is ended by
    whoever started it. For the main thread.
    """
    came: list[int] = []
    handler = signal.signal(signal.SIGINT, lambda number, _frame: came.append(number))
    # That holds here, where other threads take signals too; this, in processes that are started.
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        signal.signal(signal.SIGINT, handler)
        if came:
            signal.raise_signal(signal.SIGINT)


@contextmanager
def ended_in_order() -> Iterator[None]:
    """Has what ends the program unwind it, as Ctrl+C does. For the main thread."""
    former = {number: signal.getsignal(number) for number in ENDS}
    for number, handler in former.items():
        # Who was started with nohup is not to end with its terminal.
        if handler is not signal.SIG_IGN:
            signal.signal(number, _unwind)
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)


def _unwind(number: int, _frame: FrameType | None) -> NoReturn:
    raise SystemExit(128 + number)
