"""People at screens: an application without a terminal, joined to a real server."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from itertools import count
from typing import Any

from tests.support.line_process import PATIENCE, WaitFailed
from textual.geometry import Offset
from textual.pilot import Pilot

from causerie.client.client import Client, connect
from causerie.client.keys import new_key
from causerie.language import Words
from causerie.tui.screen.app import ChatApp
from causerie.tui.screen.chat_state import Room
from causerie.tui.screen.composer import Composer
from causerie.tui.screen.memory import Memory
from causerie.tui.screen.message_list import MessageList
from causerie.tui.screen.preferences import Preferences
from causerie.tui.screen.session import Session

_rooms = count(1)
_keys: dict[str, str] = {}


def new_room() -> str:
    """A room that nobody else is in."""
    return f"screen{next(_rooms)}"


def key_of(url: str, name: str) -> str:
    """What holds a name on a server."""
    return _keys.setdefault(f"{url} {name}", new_key())


class Seat:
    """A person at a screen."""

    def __init__(self, app: ChatApp, pilot: Pilot[None]) -> None:
        self.app = app
        self.pilot = pilot
        self.kept: list[Preferences] = []
        self.interrupted = asyncio.Event()
        self.client: Client

    async def cut(self) -> None:
        """Loses the connection."""
        transport = self.client._shell._transport
        assert transport is not None
        transport.abort()
        await self.see("Disconnected")

    @property
    def session(self) -> Session:
        return self.app.session

    @property
    def room(self) -> Room:
        """The room that is looked at."""
        room = self.session.chat.current
        assert room is not None
        return room

    @property
    def composer(self) -> Composer:
        return self.app.screen_stack[0].query_one(Composer)

    @property
    def messages(self) -> MessageList:
        return self.app.screen_stack[0].query_one(MessageList)

    @property
    def lines(self) -> list[str]:
        """What stands on the screen."""
        strips = self.app.screen._compositor.render_strips()
        return ["".join(segment.text for segment in strip).rstrip() for strip in strips]

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    async def until(self, holds: Callable[[], object], what: str) -> None:
        """Waits until something holds.

        Raises:
            WaitFailed: it did not, for so long.
        """
        deadline = asyncio.get_running_loop().time() + PATIENCE
        while not holds():
            if asyncio.get_running_loop().time() > deadline:
                raise WaitFailed(f"waited in vain for {what}\n{self.text}")
            await self.pilot.pause(0.01)

    async def see(self, *texts: str) -> None:
        """Waits until these stand on the screen."""
        for text in texts:
            await self._see(text)

    async def _see(self, text: str) -> None:
        await self.until(lambda: text in self.text, repr(text))

    async def miss(self, text: str) -> None:
        """Waits until something stands on the screen no more."""
        await self.until(lambda: text not in self.text, f"{text!r} to go")

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)

    async def say(self, text: str) -> None:
        """Writes something and presses Enter."""
        self.composer.put(text)
        await self.press("enter")

    async def click(self, text: str) -> None:
        """Clicks what stands on the screen."""
        await self.see(text)
        y = next(y for y, line in enumerate(self.lines) if text in line)
        x = self.lines[y].index(text)
        await self.pilot.click(offset=Offset(x + 1, y))


@asynccontextmanager
async def seat(
    room: str = "lobby",
    *,
    size: tuple[int, int] = (80, 24),
    language: str = "en",
    theme: Any = "dark",
    colour: bool = True,
    bell: bool = False,
    memory: Memory | None = None,
) -> AsyncIterator[Seat]:
    """Sits somebody down who has no server yet."""
    kept: list[Preferences] = []
    interrupted = asyncio.Event()
    app = ChatApp(
        Words(language),
        room=room,
        max_attempts=None,
        colour=colour,
        memory=memory or Memory(),
        preferences=Preferences(theme=theme, bell=bell),
        keep=kept.append,
        interrupted=interrupted.set,
    )
    async with app.run_test(size=size) as pilot:
        made = Seat(app, pilot)
        made.kept, made.interrupted = kept, interrupted
        await pilot.pause()
        yield made


@asynccontextmanager
async def seated(
    url: str, name: str, room: str, *, catch_up: int = 1_000, **options: Any
) -> AsyncIterator[Seat]:
    """Sits somebody down in a room of a server."""
    async with seat(room, **options) as made:
        made.session.username = name
        async with connect(
            url,
            name,
            key=key_of(url, name),
            private_replay=20,
            catch_up=catch_up,
            wait=False,
        ) as client:
            made.client = client
            talk = asyncio.create_task(made.session.run(client, made.session))
            try:
                yield made
            finally:
                talk.cancel()
                with suppress(asyncio.CancelledError):
                    await talk


@asynccontextmanager
async def someone(url: str, name: str, *rooms: str, **options: Any) -> AsyncIterator[Client]:
    """Somebody else, who has no screen."""
    async with connect(url, name, key=key_of(url, name), **options) as client:
        for room in rooms:
            await client.join(room)
        yield client
