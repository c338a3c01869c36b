"""A chat as plain lines: for pipes, and for terminals that can do no more."""

import asyncio
import os
from collections.abc import Sequence
from contextlib import suppress
from typing import TextIO

from causerie.language import Words
from causerie.tui.chat import Typed, refusal_line
from causerie.tui.lines import Line, painted, plain
from causerie.tui.progress import Progress


class Transcript:
    """Lines, written to a stream that has a file descriptor.

    Where what is said comes from a program (`from_program`), what was not taken is told on
    `errors`, by the number of its line; a person sees it among the other lines.
    """

    def __init__(
        self, words: Words, output: TextIO, errors: TextIO, *, colour: bool, from_program: bool
    ) -> None:
        self.closed = asyncio.Event()
        """Nobody reads what is written any more."""
        self.progress: Progress | None = None
        self._words = words
        self._output = output
        self._errors = errors
        self._paint = painted if colour else plain
        self._from_program = from_program

    def show(self, lines: Sequence[Line]) -> None:
        """Writes lines."""
        if not lines or self.closed.is_set():
            return
        if self.progress is not None:
            self.progress.erase()
        try:
            self._output.write("".join(f"{self._paint(line)}\n" for line in lines))
            self._output.flush()
        except OSError:  # a broken pipe, a terminal that has gone
            self.abandon()

    def failed(self, typed: Typed, reason: str, content: str) -> None:
        """Tells that a line was not taken."""
        if self._from_program:
            self.complain(self._words("line-failed", number=typed.number, reason=reason))
        else:
            self.show([refusal_line(self._words, reason, content)])

    def changed(self) -> None:
        """Draws the progress bar, where there is one."""
        if self.progress is not None:
            self.progress.draw()

    def complain(self, sentence: str) -> None:
        """Tells of something that went wrong."""
        if self.progress is not None:
            self.progress.erase()
        with suppress(OSError):
            self._errors.write(f"causerie: {sentence}\n")
            self._errors.flush()

    def abandon(self) -> None:
        """Writes no more: nobody reads it."""
        self.closed.set()
        # What is still in the stream's buffer will be written when the program ends.
        sink = os.open(os.devnull, os.O_WRONLY)
        os.dup2(sink, self._output.fileno())
        os.close(sink)
