"""The terminal client in line mode: at a prompt, or, where there is no terminal, in plain lines."""

import asyncio
import os
import random
import signal
import stat
import sys
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from causerie.client.client import connect
from causerie.client.errors import ClientError, HelloRefused
from causerie.client.keys import KeyStore, new_key
from causerie.language import Words
from causerie.tui.chat import Chat, Source, Surface
from causerie.tui.commands import Nothing, parse
from causerie.tui.lines import Style, line
from causerie.tui.progress import Done, Progress
from causerie.tui.reader import LONGEST_LINE, LineReader, count_lines
from causerie.tui.sanitise import sanitise_name
from causerie.tui.transcript import Transcript
from causerie.tui.view import View
from causerie.tui.wording import explain_error
from causerie.wire.codes import ErrorCode

EARLIER: Final = 20
"""Messages of a room that are shown to a person who comes. A program has something to say: what
was said before does not concern it."""

NAMES_TRIED: Final = 8
"""Random names, where others have had the same."""

PATIENCE: Final = 0.5
"""Seconds after which whoever has ended the chat is told what is still awaited."""

RUSH: Final = 10.0
"""Seconds to deliver what is under way when nobody reads the output any more."""

COUNTED_WITHIN: Final = 1.0
"""Seconds to count what comes through a pipe and can be delivered no more."""

LARGEST_COUNTED: Final = 64 * 1024 * 1024
"""Bytes of a file whose lines are counted for the progress bar."""

LAST_MOMENT: Final = datetime(9999, 12, 30, tzinfo=UTC)
"""The last that can be shown anywhere in the world; a server may name later ones."""


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What the command line says."""

    username: str | None
    """None: a random one."""
    url: str
    """As `causerie.client.address.websocket_url` makes it."""
    room: str
    max_attempts: int | None
    plain: bool
    language: str
    colour: bool


def chat(options: Options) -> int:
    """Chats until the lines end or the chat does; returns the exit code. Blocks.

    0: all that was to be said was delivered. 1: something was not, or one was not let in; a
    sentence on the standard error says what.
    """
    return asyncio.run(_chat(options))


async def _chat(options: Options) -> int:
    words = Words(options.language)
    interrupted = asyncio.Event()
    _on_signals(interrupted.set)
    is_person = sys.stdin.isatty()
    transcript = Transcript(
        words, sys.stdout, sys.stderr, colour=options.colour, from_program=not is_person
    )
    if is_person and sys.stdout.isatty() and not (options.plain or _is_dumb()):
        from causerie.tui.prompt import open_prompt

        prompt = open_prompt(words, colour=options.colour, interrupted=interrupted.set)
        session = _Session(options, words, interrupted, transcript, surface=prompt, source=prompt)
        prompt.serve(session.chat)
        editing = asyncio.create_task(prompt.run())
        try:
            error = await session.run()
        finally:
            prompt.end()
            await editing
            prompt.flush()
    else:
        counted = count_lines(sys.stdin.fileno(), LARGEST_COUNTED)
        reader = LineReader(sys.stdin.fileno(), endless=words("line-endless", most=LONGEST_LINE))
        session = _Session(
            options, words, interrupted, transcript, surface=transcript, source=reader
        )
        if not is_person and sys.stderr.isatty():
            transcript.progress = _progress(words, session.chat, reader, counted)
        with _told_of_broken_pipe(transcript):
            error = await session.run()
        if transcript.progress is not None:
            transcript.progress.finish()
    return await session.conclude(error)


class _Session:
    """One run of the program, from the first attempt to connect to the last sentence."""

    def __init__(
        self,
        options: Options,
        words: Words,
        interrupted: asyncio.Event,
        transcript: Transcript,
        *,
        surface: Surface,
        source: Source,
    ) -> None:
        self._options = options
        self._words = words
        self._transcript = transcript
        self._surface = surface
        self._source = source
        self._interrupted = interrupted
        self._is_person = sys.stdin.isatty()
        self._earlier = EARLIER if self._is_person else 0
        view = View(
            words,
            options.username or "",
            local=_local_time,
            started=time.time_ns() // 1_000_000,
            earlier=self._earlier,
            max_attempts=options.max_attempts,
        )
        self.chat = Chat(view, surface, room=options.room, earlier=self._earlier)

    async def run(self) -> ClientError | None:
        """Chats, until there is no more to say or to hear; returns what ended it, if it was an
        error.
        """
        talk = asyncio.create_task(self._talk())
        try:
            await self._until_enough(talk)
        finally:
            talk.cancel()
            await asyncio.wait({talk})
        try:
            talk.result()
        except ClientError as error:
            return error
        except asyncio.CancelledError:
            pass
        return None

    async def conclude(self, error: ClientError | None) -> int:
        """Says what there is to say in the end; returns the exit code."""
        rest, is_all = (0, True) if error is None else await self._count_rest()
        unsaid = rest if self.chat.has_quit else rest + self._source.unread
        unconfirmed = len(self.chat.waiting)
        if self.chat.view.began_at is None:
            unsaid, unconfirmed = unsaid + unconfirmed, 0  # it was never sent
        if not self._is_person:
            unsaid += self.chat.refused  # a person has been told, and could do something about it
        given = {"username": self.chat.view.username, "room": self._options.room}
        sentences = [] if error is None else [explain_error(self._words, error, given)]
        if unsaid:
            key = "undelivered" if is_all else "undelivered-at-least"
            sentences.append(self._words(key, count=unsaid))
        if unconfirmed:
            sentences.append(self._words("unconfirmed", count=unconfirmed))
        if error is None and (self._is_person or self._interrupted.is_set()):
            name = sanitise_name(self.chat.view.username)
            self._transcript.show([line(self._words("goodbye", name=name), Style.NEWS)])
        for sentence in sentences:
            self._transcript.complain(sentence)
        return 1 if sentences else 0

    async def _talk(self) -> None:
        """Chats under one's name, or under a random one that nobody else has."""
        own = self._options.username
        names = iter([own]) if own is not None else _random_names()
        name = next(names)
        while True:
            self.chat.view.username = name
            try:
                async with connect(
                    self._options.url,
                    name,
                    # A random name is for once, and so is what holds it.
                    key=new_key() if own is None else self._key(name),
                    locale=self._words.language,
                    max_attempts=self._options.max_attempts,
                    private_replay=self._earlier,
                    wait=False,
                ) as client:
                    return await self.chat.run(client, self._source)
            except HelloRefused as error:
                other = next(names, None)
                if other is None or error.refusal.code != ErrorCode.NAME_TAKEN:
                    raise
                name = other

    def _key(self, name: str) -> str:
        try:
            return KeyStore().find_or_make(self._options.url, name)
        except OSError as error:
            reason = explain_error(self._words, error)
            self._surface.show([line(self._words("key-not-kept", reason=reason), Style.BAD)])
            return new_key()

    async def _until_enough(self, talk: "asyncio.Task[None]") -> None:
        """Waits until the chat has come to its end, or is to be ended."""
        events = (self._interrupted, self._transcript.closed, self._source.ended)
        interrupted, closed, _ = tasks = [asyncio.create_task(e.wait()) for e in events]
        # A program has ended its lines long before they are delivered.
        stops = {talk, *tasks} if self._is_person else {talk, interrupted, closed}
        try:
            await asyncio.wait(stops, return_when=asyncio.FIRST_COMPLETED)
            if closed.done():
                self._source.end()
            if not interrupted.done():
                await self._linger({talk, interrupted}, most=RUSH if closed.done() else None)
        finally:
            for task in tasks:
                task.cancel()

    async def _linger(self, events: "set[asyncio.Task[Any]]", most: float | None) -> None:
        """Nobody says or hears more: waits for what is under way to be delivered."""
        await asyncio.wait(events, timeout=PATIENCE, return_when=asyncio.FIRST_COMPLETED)
        if any(event.done() for event in events) or not self._undelivered:
            return
        waits = self._words("delivering", count=self._undelivered)
        self._surface.show([line(waits, Style.WAITING)])
        await asyncio.wait(events, timeout=most, return_when=asyncio.FIRST_COMPLETED)

    @property
    def _undelivered(self) -> int:
        return len(self.chat.waiting) + self._source.unread

    async def _count_rest(self) -> tuple[int, bool]:
        """Counts the lines that are still to come; answers whether these are all."""
        count = 0
        if self._is_person:
            return count, True
        with suppress(TimeoutError):
            async with asyncio.timeout(COUNTED_WITHIN):
                while typed := await self._source.next():
                    count += not isinstance(parse(typed.text), Nothing)
                return count, True
        return count, False


def _random_names() -> Iterator[str]:
    """Yields names nobody is likely to have, the first ones short."""
    for attempt in range(NAMES_TRIED):
        digits = 3 if attempt < NAMES_TRIED // 2 else 6
        yield f"User{random.randrange(10 ** (digits - 1), 10**digits)}"


def _progress(words: Words, chat: Chat, reader: LineReader, counted: int | None) -> Progress:
    def done() -> Done:
        return Done(chat.delivered, reader.count if reader.ended.is_set() else counted)

    return Progress(words, sys.stderr, done)


def _local_time(milliseconds: int) -> datetime:
    moment = min(milliseconds / 1000, LAST_MOMENT.timestamp())
    return datetime.fromtimestamp(moment, UTC).astimezone()


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
