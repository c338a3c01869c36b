"""One run of the program, whatever its face: from the first attempt to connect to the last
sentence.
"""

import asyncio
import random
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any, Final, Protocol

import msgspec

from causerie.client.client import Client, connect
from causerie.client.errors import ClientError, HelloRefused
from causerie.client.keys import KeyStore, new_key
from causerie.language import Words
from causerie.tui.chat import Source
from causerie.tui.commands import Nothing, parse
from causerie.tui.lines import Line, Style, line
from causerie.tui.sanitise import sanitise_name
from causerie.tui.transcript import Transcript
from causerie.tui.wording import explain_error
from causerie.wire.codes import ErrorCode
from causerie.wire.errors import CauserieError

NAMES_TRIED: Final = 8
"""Random names, where others have had the same."""

PATIENCE: Final = 0.5
"""Seconds after which whoever has ended the chat is told what is still awaited."""

RUSH: Final = 10.0
"""Seconds to deliver what is under way when nobody reads the output any more."""

COUNTED_WITHIN: Final = 1.0
"""Seconds to count what comes through a pipe and can be delivered no more."""


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


class Conversing(Protocol):
    """What one says and sees, behind a face."""

    username: str
    """One's name, as far as is known."""
    refused: int
    """Lines that were not taken."""
    has_quit: bool
    """One has said so, and what comes after it is not to be said."""

    @property
    def waiting(self) -> Sequence[str]:
        """The messages that are not durable yet."""

    @property
    def is_admitted(self) -> bool:
        """The server has let one in, now or before."""

    async def run(self, client: Client, lines: Source) -> None:
        """Says what comes, and shows what happens, until the lines end and all is delivered. It can
        be run again with another client if one was never connected.

        Raises:
            Ended: the client did.
            CommandRefused: one may not be in the room one was to begin in.
        """


class Teller(Protocol):
    """Where a chat is shown, as far as a stay has something to say there."""

    def show(self, lines: Sequence[Line]) -> None:
        """Shows lines below the ones before."""


class Stay:
    """One run of the program.

    `shown` is where a person is told what goes on, `transcript` where the last sentences go, when
    there is no other face any more. `earlier` is how many messages of each private conversation one
    wants to see again.
    """

    def __init__(
        self,
        options: Options,
        words: Words,
        chat: Conversing,
        *,
        source: Source,
        shown: Teller,
        transcript: Transcript,
        interrupted: asyncio.Event,
        is_person: bool,
        earlier: int,
    ) -> None:
        self._options = options
        self._words = words
        self._chat = chat
        self._source = source
        self._shown = shown
        self._transcript = transcript
        self._interrupted = interrupted
        self._is_person = is_person
        self._earlier = earlier

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

    async def conclude(self, error: CauserieError | None) -> int:
        """Says what there is to say in the end; returns the exit code."""
        rest, is_all = (0, True) if error is None else await self._count_rest()
        unsaid = rest if self._chat.has_quit else rest + self._source.unread
        unconfirmed = len(self._chat.waiting)
        if not self._chat.is_admitted:
            unsaid, unconfirmed = unsaid + unconfirmed, 0  # it was never sent
        if not self._is_person:
            unsaid += self._chat.refused  # a person has been told, and could do something about it
        given = {"username": self._chat.username, "room": self._options.room}
        sentences = [] if error is None else [explain_error(self._words, error, given)]
        if unsaid:
            key = "undelivered" if is_all else "undelivered-at-least"
            sentences.append(self._words(key, count=unsaid))
        if unconfirmed:
            sentences.append(self._words("unconfirmed", count=unconfirmed))
        if error is None and (self._is_person or self._interrupted.is_set()):
            name = sanitise_name(self._chat.username)
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
            self._chat.username = name
            try:
                async with connect(
                    self._options.url,
                    name,
                    # A random name is for once, and so is what holds it.
                    key=new_key() if own is None else self._key(name),
                    keys=None if own is None else KeyStore(),
                    locale=self._words.language,
                    max_attempts=self._options.max_attempts,
                    private_replay=self._earlier,
                    wait=False,
                ) as client:
                    return await self._chat.run(client, self._source)
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
            self._shown.show([line(self._words("key-not-kept", reason=reason), Style.BAD)])
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
        self._shown.show([line(waits, Style.WAITING)])
        await asyncio.wait(events, timeout=most, return_when=asyncio.FIRST_COMPLETED)

    @property
    def _undelivered(self) -> int:
        return len(self._chat.waiting) + self._source.unread

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
