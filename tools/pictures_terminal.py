"""Makes the pictures of the terminal's full screen in docs/pictures/ from a real session.

    python -m tools.pictures_terminal

A server is started; Bob and Carol talk through the library, Alice sits at a screen that is drawn
into memory, in each language and on each ground. The figures (times, latencies) are those of the
run.
"""

import asyncio
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from itertools import groupby
from pathlib import Path
from typing import Final, NamedTuple
from xml.sax.saxutils import escape, quoteattr

from rich.cells import cell_len
from rich.segment import Segment
from tests.support.server_process import ServerProcess

from causerie.client.client import Client, connect
from causerie.client.keys import new_key
from causerie.language import LANGUAGES, Words
from causerie.tui.screen.app import ChatApp
from causerie.tui.screen.composer import Composer
from causerie.tui.screen.memory import Memory
from causerie.tui.screen.preferences import Preferences
from causerie.tui.screen.themes import DARK, LIGHT

FOLDER: Final = Path("docs/pictures")
SIZE: Final = (100, 28)
PATIENCE: Final = 20.0

CELL: Final = 8.4
LINE: Final = 18
FONT: Final = 14
CORNER: Final = 8

TALK: Final = {
    "en": (
        ("Bob", "Good morning! The build is **green** again :tada:"),
        ("Carol", "Nice. What was it?"),
        ("Bob", "A missing `await`, of course:\n```py\nawait self._client.leave(room)\n```"),
        ("Bob", "@Alice, have a look when you are there."),
    ),
    "fr": (
        ("Bob", "Bonjour ! La compilation est de nouveau **verte** :tada:"),
        ("Carol", "Bien. Qu’est-ce que c’était ?"),
        ("Bob", "Un `await` oublié, bien sûr :\n```py\nawait self._client.leave(room)\n```"),
        ("Bob", "@Alice, jetez-y un œil quand vous serez là."),
    ),
}
SECRET: Final = {"en": "Lunch at noon?", "fr": "On déjeune à midi ?"}
ANSWER: Final = {"en": "I am. Thanks to you both.", "fr": "J’y suis. Merci à vous deux."}
DRAFT: Final = {"en": "By the way", "fr": "À propos"}
TOLD: Final = {
    "en": "The terminal client: rooms on the left, messages, and the members on the right.",
    "fr": "Le client de terminal : les salons à gauche, les messages, les membres à droite.",
}


class Run(NamedTuple):
    """Characters of one style, beside one another in a row."""

    column: int
    text: str
    colour: str
    ground: str
    look: str
    """What CSS says of weight, slope and lines below."""


def main() -> int:
    """Makes all pictures."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for language in LANGUAGES:
        for theme in ("dark", "light"):
            path = FOLDER / f"terminal-{language}-{theme}.svg"
            path.write_text(asyncio.run(picture(language, theme)), "utf-8")
            print(f"{path}: {path.stat().st_size} bytes")
    return 0


async def picture(language: str, theme: str) -> str:
    """Plays a session, and draws what Alice sees at its end."""
    with tempfile.TemporaryDirectory() as folder, ServerProcess(Path(folder)) as server:
        async with (
            someone(server.ws, "Bob") as bob,
            someone(server.ws, "Carol") as carol,
        ):
            for client in (bob, carol):
                await client.join("lobby")
            app = ChatApp(
                Words(language),
                room="lobby",
                max_attempts=None,
                colour=True,
                memory=Memory(),
                preferences=Preferences(theme="light" if theme == "light" else "dark"),
                keep=lambda _: None,
                interrupted=lambda: None,
            )
            async with app.run_test(size=SIZE) as pilot, sitting(app, server.ws):
                await play(app, pilot.pause, {"Bob": bob, "Carol": carol}, language)
                strips = app.screen._compositor.render_strips()  # noqa: SLF001
                background = (LIGHT if theme == "light" else DARK).background
                rows = [list(runs(strip)) for strip in strips]
                return draw(rows, str(background), TOLD[language])


async def play(
    app: ChatApp,
    pause: Callable[[], Awaitable[object]],
    others: dict[str, Client],
    language: str,
) -> None:
    """Has everybody say what they say."""
    chat = app.session.chat

    async def until(holds: Callable[[], object]) -> None:
        async with asyncio.timeout(PATIENCE):
            while not holds():
                await pause()

    await until(lambda: chat.rtt_ms is not None and chat.current and chat.current.company.members)
    for name, text in TALK[language]:
        await others[name].send(text, "lobby")
    lobby = chat.current
    assert lobby is not None, "one begins in a room"
    await until(lambda: len(lobby.timeline.entries) == len(TALK[language]))
    lobby.reply_to = lobby.timeline.entries[-1].id
    app.session.submit(ANSWER[language])
    await until(lambda: len(lobby.timeline.entries) > len(TALK[language]))
    await others["Bob"].private("Alice", SECRET[language])
    await until(lambda: chat.unread.calls)
    others["Carol"].typing("lobby")
    await until(lambda: lobby.typists)
    app.query_one(Composer).put(DRAFT[language])
    app.changed()
    await pause()


@asynccontextmanager
async def someone(url: str, name: str) -> AsyncIterator[Client]:
    """Somebody who talks through the library."""
    async with connect(url, name, key=new_key()) as client:
        yield client


@asynccontextmanager
async def sitting(app: ChatApp, url: str) -> AsyncIterator[None]:
    """Alice, at the screen."""
    app.session.username = "Alice"
    async with connect(url, "Alice", key=new_key(), wait=False) as client:
        talk = asyncio.create_task(app.session.run(client, app.session))
        try:
            yield
        finally:
            talk.cancel()
            with suppress(asyncio.CancelledError):
                await talk


def runs(strip: Iterable[Segment]) -> Iterator[Run]:
    """Yields what of a row is to be drawn."""
    column = 0
    for key, group in groupby(strip, key=_key):
        text = "".join(segment.text for segment in group)
        yield Run(column, text, *key)
        column += cell_len(text)


def _key(segment: Segment) -> tuple[str, str, str]:
    style = segment.style
    if style is None:
        return "", "", ""
    colour = style.color.get_truecolor().hex if style.color else ""
    ground = style.bgcolor.get_truecolor().hex if style.bgcolor else ""
    if style.reverse:
        colour, ground = ground, colour
    look = ";".join(
        css
        for css, is_so in (
            ("font-weight:bold", style.bold),
            ("font-style:italic", style.italic),
            ("text-decoration:underline", style.underline),
        )
        if is_so
    )
    return colour, ground, look


def draw(rows: Sequence[Sequence[Run]], background: str, told: str) -> str:
    """Draws rows of a terminal."""
    width, height = SIZE[0] * CELL, len(rows) * LINE
    looks = sorted({(run.colour, run.look) for row in rows for run in row if run.text.strip()})
    classes = {look: f"c{number}" for number, look in enumerate(looks)}
    styles = "\n".join(
        f".{name} {{ fill: {colour}; {look} }}" for (colour, look), name in classes.items()
    )
    parts = [
        part
        for number, row in enumerate(rows)
        for run in row
        for part in _drawn(run, number, background, classes)
    ]
    return f"""\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" width="{width:g}"
 role="img" aria-label={quoteattr(told)}>
<style>
text {{
  font: {FONT}px ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace;
  white-space: pre;
}}
{styles}
</style>
<clipPath id="frame"><rect width="{width:g}" height="{height:g}" rx="{CORNER}"/></clipPath>
<g clip-path="url(#frame)">
<rect width="{width:g}" height="{height:g}" fill="{background}"/>
{chr(10).join(parts)}
</g>
</svg>
"""


def _drawn(
    run: Run, number: int, background: str, classes: dict[tuple[str, str], str]
) -> Iterator[str]:
    top, width = number * LINE, cell_len(run.text) * CELL
    if run.ground and run.ground != background:
        x = run.column * CELL
        yield (
            f'<rect x="{x:g}" y="{top}" width="{width + 0.2:g}" height="{LINE + 0.2}"'
            f' fill="{run.ground}"/>'
        )
    text = run.text.strip()
    if text:
        blank = cell_len(run.text) - cell_len(run.text.lstrip())
        # The length holds the columns together, whatever font the reader has.
        place = f'x="{(run.column + blank) * CELL:g}" y="{top + FONT}"'
        length = f'textLength="{cell_len(text) * CELL:g}"'
        name = classes[run.colour, run.look]
        yield f'<text {place} {length} class="{name}">{escape(text)}</text>'


if __name__ == "__main__":
    sys.exit(main())
