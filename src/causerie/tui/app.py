"""The terminal client: on a screen, at a prompt, or, where there is no terminal, in plain lines."""

import asyncio
import os
import signal
import stat
import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from typing import Final

from causerie.client.errors import ClientError
from causerie.language import Words
from causerie.tui.chat import Chat, Source, Surface
from causerie.tui.faults import ScreenFailed
from causerie.tui.local_time import local_time
from causerie.tui.progress import Done, Progress
from causerie.tui.reader import LONGEST_LINE, LineReader, count_lines
from causerie.tui.stay import Options, Stay
from causerie.tui.transcript import Transcript
from causerie.tui.view import View
from causerie.wire.errors import CauserieError

EARLIER: Final = 20
"""Messages of a room that are shown to a person who comes. A program has something to say: what
was said before does not concern it."""

LARGEST_COUNTED: Final = 64 * 1024 * 1024
"""Bytes of a file whose lines are counted for the progress bar."""


def chat(options: Options) -> int:
    """Chats until the lines end or the chat does; returns the exit code. Blocks.

    0: all that was to be said was delivered. 1: something was not, or one was not let in; a
    sentence on the standard error says what.
    """
    return asyncio.run(_chat(options))


async def _chat(options: Options) -> int:
    run = _Run(options)
    _on_signals(run.interrupted.set)
    error: CauserieError | None
    is_terminal = run.is_person and sys.stdout.isatty() and not _is_dumb()
    if is_terminal and not options.plain and sys.stderr.isatty():
        stay, error = await run.on_screen()
    elif is_terminal:
        stay, error = await run.at_prompt()
    else:
        stay, error = await run.in_lines()
    return await stay.conclude(error)


class _Run:
    """What all faces of one run have in common."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.words = Words(options.language)
        self.interrupted = asyncio.Event()
        self.is_person = sys.stdin.isatty()
        self.transcript = Transcript(
            self.words,
            sys.stdout,
            sys.stderr,
            colour=options.colour,
            from_program=not self.is_person,
        )

    async def on_screen(self) -> tuple[Stay, CauserieError | None]:
        """Chats on the whole screen."""
        from causerie.tui.screen.opening import open_screen

        screen = open_screen(self.options, self.words, interrupted=self.interrupted.set)
        session = screen.session
        stay = Stay(
            self.options,
            self.words,
            session,
            source=session,
            shown=screen,
            transcript=self.transcript,
            interrupted=self.interrupted,
            is_person=True,
            earlier=EARLIER,
        )
        drawing = asyncio.create_task(screen.run())
        try:
            error: CauserieError | None = await stay.run()
        finally:
            screen.end()
            await asyncio.wait({drawing})
        try:
            drawing.result()
        except ScreenFailed as failed:
            error = failed
        return stay, error

    async def at_prompt(self) -> tuple[Stay, ClientError | None]:
        """Chats at a prompt, below what is said."""
        from causerie.tui.prompt import open_prompt

        prompt = open_prompt(
            self.words, colour=self.options.colour, interrupted=self.interrupted.set
        )
        chat = self._chat(prompt)
        stay = self._stay(chat, prompt, prompt)
        prompt.serve(chat)
        editing = asyncio.create_task(prompt.run())
        try:
            return stay, await stay.run()
        finally:
            prompt.end()
            await editing
            prompt.flush()

    async def in_lines(self) -> tuple[Stay, ClientError | None]:
        """Chats in plain lines: through pipes, or on a terminal that can do no more."""
        counted = count_lines(sys.stdin.fileno(), LARGEST_COUNTED)
        endless = self.words("line-endless", most=LONGEST_LINE)
        reader = LineReader(sys.stdin.fileno(), endless=endless)
        chat = self._chat(self.transcript)
        stay = self._stay(chat, self.transcript, reader)
        if not self.is_person and sys.stderr.isatty():
            self.transcript.progress = _progress(self.words, chat, reader, counted)
        with _told_of_broken_pipe(self.transcript):
            error = await stay.run()
        if self.transcript.progress is not None:
            self.transcript.progress.finish()
        return stay, error

    @property
    def _earlier(self) -> int:
        return EARLIER if self.is_person else 0

    def _chat(self, surface: Surface) -> Chat:
        view = View(
            self.words,
            self.options.username or "",
            local=local_time,
            started=time.time_ns() // 1_000_000,
            earlier=self._earlier,
            max_attempts=self.options.max_attempts,
        )
        return Chat(view, surface, room=self.options.room, earlier=self._earlier)

    def _stay(self, chat: Chat, surface: Surface, source: Source) -> Stay:
        return Stay(
            self.options,
            self.words,
            chat,
            source=source,
            shown=surface,
            transcript=self.transcript,
            interrupted=self.interrupted,
            is_person=self.is_person,
            earlier=self._earlier,
        )


def _progress(words: Words, chat: Chat, reader: LineReader, counted: int | None) -> Progress:
    def done() -> Done:
        return Done(chat.delivered, reader.count if reader.ended.is_set() else counted)

    return Progress(words, sys.stderr, done)


def _is_dumb() -> bool:
    """Whether the terminal says of itself that it can do no more than a printer."""
    return os.environ.get("TERM", "").lower() in {"dumb", "unknown"}


def _on_signals(call: Callable[[], None]) -> None:
    """Has `call` called when the program is asked to end; once more, and it ends."""
    loop = asyncio.get_running_loop()

    def first(number: int) -> None:
        loop.remove_signal_handler(number)
        call()

    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        with suppress(AttributeError, NotImplementedError):  # Windows: Ctrl+C ends the loop
            number = getattr(signal, name)
            loop.add_signal_handler(number, first, number)


@contextmanager
def _told_of_broken_pipe(transcript: Transcript) -> Generator[None]:
    """Notices within the context when nobody reads the standard output any more, even while
    there is nothing to write.
    """
    loop, output = asyncio.get_running_loop(), sys.stdout.fileno()
    if not stat.S_ISFIFO(os.fstat(output).st_mode):
        yield
        return

    def broken() -> None:
        # The end of a pipe that is written to can be "read" only when the other end is closed.
        loop.remove_reader(output)
        transcript.abandon()

    loop.add_reader(output, broken)
    try:
        yield
    finally:
        loop.remove_reader(output)
