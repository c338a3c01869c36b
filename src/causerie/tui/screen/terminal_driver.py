"""Textual's driver, for terminals that send keys in their own way, and may go away."""

import sys
from contextlib import suppress
from enum import Enum
from io import TextIOWrapper
from typing import Final, TextIO, cast

from textual._ansi_sequences import ANSI_SEQUENCES_KEYS
from textual.app import App
from textual.drivers.linux_driver import LinuxDriver


class _Alt(Enum):
    """Keys with Alt, as terminals send them that know no protocol for keys: behind an escape."""

    ENTER = "alt+enter"
    ONE = "alt+1"
    TWO = "alt+2"
    THREE = "alt+3"
    FOUR = "alt+4"
    FIVE = "alt+5"
    SIX = "alt+6"
    SEVEN = "alt+7"
    EIGHT = "alt+8"
    NINE = "alt+9"


_SEQUENCES: Final = {
    "\x1b\r": _Alt.ENTER,
    **{f"\x1b{number}": key for number, key in enumerate(list(_Alt)[1:], 1)},
}
"""Textual takes the first for Enter, which would send what is half written, and the others for what
a Mac's keyboard makes of them."""


class TerminalDriver(LinuxDriver):
    """A driver that writes to the standard output, for as long as anybody reads it."""

    def __init__(
        self,
        app: App[object],
        *,
        debug: bool = False,
        mouse: bool = True,
        size: tuple[int, int] | None = None,
    ) -> None:
        super().__init__(app, debug=debug, mouse=mouse, size=size)
        assert sys.__stdout__ is not None, "a program on a terminal has a standard output"
        self._file = cast(TextIOWrapper, _Unbreakable(sys.__stdout__))
        known = cast(dict[str, object], ANSI_SEQUENCES_KEYS)
        known.update({sequence: (key,) for sequence, key in _SEQUENCES.items()})

    def run_input_thread(self) -> None:
        """Waits for input, until the terminal has gone: who closed it has sent a signal, too."""
        with suppress(OSError):
            super().run_input_thread()


class _Unbreakable:
    """A stream to a terminal that may go away, and then takes what is written all the same.

    Textual's thread that writes must not end before all is written: who waits for it would wait for
    ever.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> None:
        """Writes, if anybody reads it."""
        with suppress(OSError):
            self._stream.write(text)

    def flush(self) -> None:
        """Has all written, if anybody reads it."""
        with suppress(OSError):
            self._stream.flush()

    def fileno(self) -> int:
        """The stream's own."""
        return self._stream.fileno()
