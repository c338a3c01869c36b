"""Opens the screen. Whoever imports this pays for Textual."""

import gc
import os
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from textual.driver import Driver

from causerie.language import Words
from causerie.tui.faults import ScreenFailed, faults_path, note_fault
from causerie.tui.lines import Line
from causerie.tui.screen.app import ChatApp
from causerie.tui.screen.ground import is_light
from causerie.tui.screen.memory import Memory, memory_path
from causerie.tui.screen.preferences import (
    Preferences,
    keep_preferences,
    load_preferences,
    preferences_path,
)
from causerie.tui.screen.session import Session
from causerie.tui.stay import Options


class Screen:
    """The screen, from when it is opened until it is given back."""

    def __init__(self, app: ChatApp) -> None:
        self._app = app

    @property
    def session(self) -> Session:
        """What one says and sees there."""
        return self._app.session

    def show(self, lines: Sequence[Line]) -> None:
        """Shows lines that tell the person something."""
        self._app.show(lines)

    async def run(self) -> None:
        """Shows the chat, until `end` is called.

        Raises:
            ScreenFailed: it has ended by a fault of ours, which is noted in a file.
        """
        # What has been made by now stays to the end: to look at it again and again for garbage
        # takes longer than anybody likes to wait for a key.
        gc.collect()
        gc.freeze()
        try:
            await self._app.run_async()
        finally:
            self.session.end()  # nobody can type any more, whatever the reason
        if (fault := self._app.fault) is not None:
            raise ScreenFailed(note_fault(faults_path(), fault))

    def end(self) -> None:
        """Gives the terminal back."""
        self._app.exit()


def open_screen(options: Options, words: Words, *, interrupted: Callable[[], None]) -> Screen:
    """Makes the screen on the terminal that is the standard input and output."""
    path = preferences_path()
    preferences = load_preferences(path)
    if preferences.theme is None and is_light(os.environ):
        preferences = Preferences(theme="light", bell=preferences.bell)
    app = ChatApp(
        words,
        room=options.room,
        max_attempts=options.max_attempts,
        colour=options.colour,
        memory=Memory(_memory_path(options)),
        preferences=preferences,
        keep=partial(keep_preferences, path),
        interrupted=interrupted,
        driver=_driver(),
    )
    return Screen(app)


def _memory_path(options: Options) -> Path | None:
    """Where it is kept what was seen; nowhere, under a name for once."""
    return None if options.username is None else memory_path(options.url, options.username)


def _driver() -> type[Driver] | None:
    """The driver for this system; None: Textual's own."""
    if sys.platform == "win32":
        return None
    from causerie.tui.screen.terminal_driver import TerminalDriver

    return TerminalDriver
