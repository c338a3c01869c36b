"""Makes the pictures of the web client in docs/pictures/ from real sessions in a real Chromium.

    python -m tools.pictures_web [--all FOLDER] [--port N]

For each language a server is started, Alice opens the page, others talk to her through the Python
library, and in the end the server is killed. What she sees is taken in light and dark, on a desk
and on a phone. `--all` puts every picture that there can be into a folder, to look at while one
works on the page; without it, those that the docs show are made anew. Times and latencies in a
picture are those of the run. It needs Chromium, a font with emoji in it (Noto Color Emoji), and the
port (8080 unless said otherwise) free.
"""

import argparse
import asyncio
import base64
import json
import shutil
import sys
import tempfile
import threading
from collections.abc import Coroutine, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Final, NamedTuple, Self, TypeVar

from playwright.sync_api import Browser, Page, sync_playwright
from tests.support.server_process import ServerProcess
from tools.pictures_script import SCRIPTS, Script

import causerie

ROOT: Final = Path(__file__).parents[1]
FOLDER: Final = ROOT / "docs" / "pictures"
CHROMIUM: Final = shutil.which("chromium") or shutil.which("chromium-browser")
PORT: Final = 8080
QUALITY: Final = 88
"""Of WebP, in percent: letters stay sharp, and a picture of a desk takes some 40 KB."""
DEADLINE_MS: Final = 20_000

T = TypeVar("T")


class Device(NamedTuple):
    """A screen: its size in the page's pixels, and how many of its own are one of them."""

    width: int
    height: int
    scale: int


DEVICES: Final = {"desktop": Device(1280, 800, 1), "phone": Device(390, 844, 2)}
SCHEMES: Final = ("light", "dark")

CHOSEN: Final = frozenset(
    {
        "join-en-light-desktop",
        "conversation-en-light-desktop",
        "conversation-en-dark-desktop",
        "conversation-fr-light-phone",
        "conversation-en-dark-phone",
        "private-en-light-desktop",
        "private-fr-dark-phone",
        "code-en-dark-desktop",
        "wire-en-light-desktop",
        "reconnecting-en-light-desktop",
        "reconnecting-fr-dark-phone",
    }
)
"""The pictures in the docs: scene, language, scheme and device."""


class Cast:
    """The others, each with a client of their own, in a thread with an event loop."""

    def __init__(self, url: str, language: str) -> None:
        """Nobody is there yet."""
        self._url = url
        self._language = language
        self._stay = AsyncExitStack()
        self._clients: dict[str, causerie.Client] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            self._run(self._stay.aclose())
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()

    def enter(self, name: str, *rooms: str) -> None:
        """Somebody comes."""

        async def come() -> causerie.Client:
            context = causerie.connect(self._url, name, locale=self._language)
            client = await self._stay.enter_async_context(context)
            for room in rooms:
                await client.join(room)
            return client

        self._clients[name] = self._run(come())

    def join(self, name: str, room: str) -> None:
        """Somebody comes to another room."""
        self._run(self._clients[name].join(room))

    def say(self, name: str, text: str, room: str, reply_to: str | None = None) -> str:
        """Somebody says something; answers the message's id."""
        client = self._clients[name]
        return self._run(client.send(text, room=room, reply_to=reply_to)).id

    def whisper(self, name: str, to: str, text: str) -> None:
        """Somebody says something to one alone."""
        self._run(self._clients[name].private(to, text))

    def type(self, name: str, room: str) -> None:
        """Somebody presses a key."""
        self._loop.call_soon_threadsafe(self._clients[name].typing, room)

    def _run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()


class Alice:
    """She who sees it all, in a browser."""

    def __init__(self, browser: Browser, url: str, language: str) -> None:
        """Opens the page."""
        context = browser.new_context(locale={"en": "en-GB", "fr": "fr-FR"}[language])
        context.set_default_timeout(DEADLINE_MS)
        self.page: Page = context.new_page()
        self.url = url
        self.words = json.loads((ROOT / "catalogue" / f"{language}.json").read_text("utf-8"))
        self._tools = context.new_cdp_session(self.page)
        self.page.goto(url)

    def press(self, key: str, **values: str) -> None:
        """Presses the button of a sentence in the catalogue."""
        name = self.words[key].format(**values)
        self.page.get_by_role("button", name=name, exact=True).first.click()

    def fill(self, key: str, text: str) -> None:
        """Fills in the field of a sentence in the catalogue, and presses Enter."""
        self.page.get_by_label(self.words[key]).fill(text)
        self.page.keyboard.press("Enter")

    def say(self, text: str) -> None:
        """Writes something and sends it."""
        self.write(text)
        self.page.keyboard.press("Enter")
        self.sees(text)

    def write(self, text: str) -> None:
        """Writes something."""
        self.page.locator("message-composer textarea").fill(text)

    def sees(self, text: str) -> None:
        """Waits until something stands in the room."""
        start = text.partition("\n")[0].partition("*")[0].partition("`")[0].partition(":")[0]
        found = self.page.locator(".message:not(.pending) .text", has_text=start)
        found.last.wait_for()

    def goes_to(self, room: str) -> None:
        """Goes to a room or a conversation that is listed."""
        self.look("light", "desktop")
        self.page.locator("room-list .room", has_text=room).first.click()

    def look(self, scheme: str, device: str) -> None:
        """Turns to a screen, and to its lighting."""
        width, height, scale = DEVICES[device]
        is_phone = device == "phone"
        self._tools.send(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": height, "deviceScaleFactor": scale, "mobile": False},
        )
        hover = {"name": "hover", "value": "none" if is_phone else "hover"}
        still = {"name": "prefers-reduced-motion", "value": "reduce"}
        features = [{"name": "prefers-color-scheme", "value": scheme}, hover, still]
        self._tools.send("Emulation.setEmulatedMedia", {"features": features})
        self.page.mouse.move(0, height - 1)
        # A screen does not change its size otherwise; in the second frame all is drawn.
        self.page.evaluate(
            """() => {
              document.querySelector("causerie-chat").requestUpdate();
              return new Promise((done) =>
                requestAnimationFrame(() => requestAnimationFrame(done)));
            }"""
        )

    def picture(self) -> bytes:
        """What she sees, as WebP."""
        options = {"format": "webp", "quality": QUALITY}
        return base64.b64decode(self._tools.send("Page.captureScreenshot", options)["data"])


def scenes(alice: Alice, cast: Cast, server: ServerProcess, script: Script) -> Iterator[str]:
    """Plays the session; stops, with its name, at each scene that is worth a picture."""
    page, words = alice.page, alice.words
    page.get_by_label(words["web-join-name"]).fill("Alice")
    yield "join"
    page.keyboard.press("Enter")
    page.locator("connection-pill .pill.Connected").wait_for()
    for name in script.names:
        cast.enter(name, "lobby", script.room, script.code_room)
    for room in (script.room, script.code_room):
        alice.press("web-room-open")
        alice.fill("web-room-name", room)
        page.locator("h1", has_text=room).wait_for()

    said: list[str] = []
    for who, text, answers in script.code:
        reply_to = None if answers is None else said[answers]
        said.append(cast.say(who, text, script.code_room, reply_to))
    alice.sees(script.code[-1].text)
    alice.write(script.draft)
    yield "code"
    alice.write("")

    alice.goes_to("lobby")
    said = []
    for who, text, answers in script.lobby:
        if who == "Alice":
            alice.say(text)
            said.append("")
        else:
            reply_to = None if answers is None else said[answers]
            said.append(cast.say(who, text, "lobby", reply_to))
            alice.sees(text)
    for who, text, _ in script.elsewhere:
        cast.say(who, text, script.room)
    for who, text in script.whispers[:1]:
        cast.whisper(who, "Alice", text)
    page.locator("room-list .count.calls").wait_for()
    cast.type(script.names[0], "lobby")
    yield "conversation"

    alice.press("web-wire")
    page.locator("wire-panel .frame.received", has_text='"message"').first.click()
    yield "wire"
    alice.press("web-wire")

    alice.goes_to(script.whispers[0].who)
    for who, text in script.whispers[1:]:
        if who == "Alice":
            alice.say(text)
        else:
            cast.whisper(who, "Alice", text)
            alice.sees(text)
    yield "private"

    alice.goes_to("lobby")
    server.kill()
    page.locator("connection-pill .pill.Disconnected").wait_for()
    alice.write(script.meanwhile)
    page.keyboard.press("Enter")
    page.locator(".message.pending").wait_for()
    page.locator("connection-pill .pill").click()
    page.locator("connection-pill .panel").wait_for()
    yield "reconnecting"
    server.start()
    page.locator("connection-pill .pill.Connected").wait_for()
    page.keyboard.press("Escape")

    cast.enter(script.long_name)
    cast.whisper(script.long_name, "Alice", script.long_whisper)
    page.locator("room-list .room", has_text=script.long_name).wait_for()
    alice.press("web-room-open")
    alice.fill("web-room-name", script.empty_room)
    page.locator("h1", has_text=script.empty_room).wait_for()
    cast.join(script.long_name, script.empty_room)
    page.locator("member-list .name", has_text=script.long_name).wait_for()
    yield "empty"


def play(
    browser: Browser, language: str, port: int, wanted: frozenset[str] | None
) -> Iterator[tuple[str, bytes]]:
    """Plays the session in one language; yields the pictures that are wanted, with their names."""
    script = SCRIPTS[language]
    with tempfile.TemporaryDirectory() as folder:
        server = ServerProcess(Path(folder), "--rate-limit", "0")
        server.port = port
        with server, Cast(server.ws, language) as cast:
            alice = Alice(browser, server.url, language)
            alice.look("light", "desktop")
            for scene in scenes(alice, cast, server, script):
                for device in DEVICES:
                    for scheme in SCHEMES:
                        name = f"{scene}-{language}-{scheme}-{device}"
                        if wanted is None or name in wanted:
                            if scene == "conversation":
                                cast.type(script.names[0], "lobby")
                                alice.page.locator(".typing", has_text="…").wait_for()
                            alice.look(scheme, device)
                            yield name, alice.picture()
                alice.look("light", "desktop")
            alice.page.context.close()


def main() -> int:
    """Makes the pictures."""
    parser = argparse.ArgumentParser(description="Makes the pictures of the web client.")
    parser.add_argument("--all", type=Path, metavar="FOLDER", help="every picture, into a folder")
    parser.add_argument("--port", type=int, default=PORT)
    arguments = parser.parse_args()
    if CHROMIUM is None:
        print("pictures of the web client: skipped, since there is no Chromium here")
        return 0
    folder: Path = arguments.all or FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    whole = 0
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for language in SCRIPTS:
            wanted = None if arguments.all else CHOSEN
            for name, picture in play(browser, language, arguments.port, wanted):
                (folder / f"{name}.webp").write_bytes(picture)
                whole += len(picture)
        browser.close()
    print(f"{folder}: {whole} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
