"""What a whole screen looks like, character by character and colour by colour.

    python -m tests.tui.screen.test_snapshots

writes the files in snapshots/ anew; what has changed in them is for a reviewer to look at.
"""

import asyncio
import os
import string
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest
from tests.tui.screen.entries import message, whisper
from tests.tui.screen.seats import Seat, seat

from causerie.client.machine.events import Gap, LatencyMeasured, StateChanged, TypingChanged
from causerie.client.machine.states import Connected
from causerie.client.sending import Sending
from causerie.tui.screen.chat_state import present
from causerie.wire.commands import SendMessage

FOLDER: Final = Path(__file__).with_name("snapshots")
SIZES: Final = ((80, 24), (120, 36))
LANGUAGES: Final = ("en", "fr")
THEMES: Final = ("dark", "light")

CODE: Final = "A missing `await`, of course:\n```py\nawait self._client.leave(room)\n```"
EVENTS: Final = (
    StateChanged(state=Connected(since=1.0)),
    LatencyMeasured(rtt_ms=3),
    message(1, content="Good morning! The build is **green** again :tada:", prev=0),
    message(2, username="Carol", content="Nice. *What* was it?"),
    message(3, content=CODE),
    message(4, username="Carol", content="See https://example.org/42", reply_to="m1"),
    Gap(room="lobby", after=4, missing=37),
    message(42, username="Éva", content="@Alice are you there? 日本語 עברית 👩‍👩‍👧‍👦 Z̷̧͇̈́ [bold]x[/]"),
    message(43, username="Alice", content="Yes, I am."),
    message(1, room="garden", replay=True),
    message(2, room="garden"),
    whisper(1),
    TypingChanged(room="lobby", usernames=("Bob", "Carol")),
    Sending(id="x", command=SendMessage(room="lobby", content="On my way"), at=1_800_000_044_000),
    Sending(id="y", command=SendMessage(room="lobby", content="No"), at=1_800_000_045_000),
)


@contextmanager
def in_utc() -> Iterator[None]:
    """It is as late everywhere as in Greenwich."""
    before = os.environ.get("TZ")
    os.environ["TZ"] = "UTC"
    time.tzset()
    try:
        yield
    finally:
        if before is None:
            del os.environ["TZ"]
        else:
            os.environ["TZ"] = before
        time.tzset()


async def drawn(size: tuple[int, int], language: str, theme: str) -> tuple[str, str]:
    """The text of a screen, and its styles."""
    with in_utc():
        async with seat(size=size, language=language, theme=theme) as alice:
            session = alice.session
            session.username = "Alice"
            session.chat.open("garden").seen = 1
            for event in EVENTS:
                session.standing.measured(3)
                if isinstance(event, StateChanged):
                    session.standing.changed(event.state, 0.0)
                session.chat.told(event, 0.0)
            session.chat.failed("y", "…")
            session.chat.company("lobby", present(203, ["Carol", "Alice", "Bob", "Éva"]))
            alice.composer.cursor_blink = False
            alice.composer.put("I think")
            alice.app.changed()
            await alice.see("Bob")
            await alice.pilot.pause()
            return alice.text + "\n", styles(alice)


def styles(alice: Seat) -> str:
    """A letter for each style, cell by cell, and what each letter means."""
    letters: dict[str, str] = {}
    rows = []
    for strip in alice.app.screen._compositor.render_strips():
        row = ""
        for segment in strip:
            style = str(segment.style).partition(" link ")[0]
            style = " ".join(word for word in style.split() if "not" not in word)
            letter = letters.setdefault(style, string.ascii_letters[len(letters)])
            row += letter * segment.cell_length
        rows.append(row)
    legend = [f"{letter}: {style}" for style, letter in letters.items()]
    return "\n".join([*rows, "", *legend]) + "\n"


def text_file(size: tuple[int, int], language: str) -> Path:
    return FOLDER / f"{size[0]}x{size[1]}-{language}.txt"


def styles_file(size: tuple[int, int], theme: str) -> Path:
    return FOLDER / f"{size[0]}x{size[1]}-{theme}.styles.txt"


@pytest.mark.slow
@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
async def test_the_screen_looks_as_it_did(size: tuple[int, int], language: str, theme: str) -> None:
    text, styled = await drawn(size, language, theme)
    assert text == text_file(size, language).read_text("utf-8")
    if language == LANGUAGES[0]:
        assert styled == styles_file(size, theme).read_text("utf-8")


async def write() -> None:
    """Writes all snapshots anew."""
    FOLDER.mkdir(exist_ok=True)
    for size in SIZES:
        for language in LANGUAGES:
            text_file(size, language).write_text((await drawn(size, language, "dark"))[0], "utf-8")
        for theme in THEMES:
            styled = (await drawn(size, LANGUAGES[0], theme))[1]
            styles_file(size, theme).write_text(styled, "utf-8")


if __name__ == "__main__":
    asyncio.run(write())
