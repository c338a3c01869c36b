import asyncio
import sys
from pathlib import Path

import pytest

from causerie.language import Words
from causerie.tui.lines import line
from causerie.tui.screen.opening import open_screen
from causerie.tui.screen.preferences import (
    Preferences,
    keep_preferences,
    load_preferences,
    preferences_path,
)
from causerie.tui.screen.terminal_driver import TerminalDriver
from causerie.tui.screen.themes import DARK, LIGHT
from causerie.tui.stay import Options

OPTIONS = Options(
    username="Alice",
    url="ws://localhost:1/ws",
    room="lobby",
    max_attempts=None,
    plain=False,
    language="en",
    colour=True,
)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.delenv("COLORFGBG", raising=False)


@pytest.mark.parametrize(
    ("kept", "ground", "theme"),
    [
        (None, "", DARK),
        (None, "0;15", LIGHT),
        ("dark", "0;15", DARK),
        ("light", "15;0", LIGHT),
    ],
)
async def test_colours_are_those_that_were_chosen_or_suit_the_terminal(
    kept: str | None, ground: str, theme: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLORFGBG", ground)
    if kept is not None:
        keep_preferences(preferences_path(), Preferences(theme=kept))  # type: ignore[arg-type]
    screen = open_screen(OPTIONS, Words("en"), interrupted=lambda: None)
    assert screen._app.current_theme is theme


async def test_what_is_chosen_is_kept() -> None:
    screen = open_screen(OPTIONS, Words("en"), interrupted=lambda: None)
    screen._app._prefer(bell=True)
    assert load_preferences(preferences_path()).bell


async def test_it_is_shown_until_it_is_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = open_screen(OPTIONS, Words("en"), interrupted=lambda: None)
    shown = asyncio.Event()

    async def run_async() -> None:
        screen.show([line("hello")])
        shown.set()

    monkeypatch.setattr(screen._app, "run_async", run_async)
    await screen.run()
    assert shown.is_set()
    assert screen.session.ended.is_set()
    screen.end()


async def test_a_screen_that_cannot_be_shown_ends_the_chat(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    screen = open_screen(OPTIONS, Words("en"), interrupted=lambda: None)

    async def run_async() -> None:
        raise OSError("no terminal")

    monkeypatch.setattr(screen._app, "run_async", run_async)
    with pytest.raises(OSError, match="no terminal"):
        await screen.run()
    assert screen.session.ended.is_set()


async def test_each_system_has_its_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = open_screen(OPTIONS, Words("en"), interrupted=lambda: None)
    assert screen._app.driver_class is TerminalDriver
    monkeypatch.setattr(sys, "platform", "win32")
    screen = open_screen(OPTIONS, Words("en"), interrupted=lambda: None)
    assert screen._app.driver_class is not TerminalDriver
