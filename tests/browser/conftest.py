"""A real browser on the page of a real server."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright
from tests.support.server_process import ServerProcess

ROOT = Path(__file__).parents[2]

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")

UNREACHABLE = ("ERR_CONNECTION_REFUSED", "ERR_INTERNET_DISCONNECTED", "ERR_CONNECTION_RESET")
"""What a browser says of a server that is not there: some tests take it away."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.real)
            item.add_marker(pytest.mark.slow)
            if CHROMIUM is None and not os.environ.get("CI"):
                item.add_marker(pytest.mark.skip(reason="there is no Chromium here"))


@pytest.fixture(scope="module")  # its driver runs an event loop, in which no other can be
def browser() -> Iterator[Browser]:
    assert CHROMIUM is not None, "CI has to install Chromium"
    assert (ROOT / "web" / "dist" / "index.html").is_file(), "run `make web/dist/index.html` first"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--disable-dev-shm-usage"],
        )
        yield browser
        browser.close()


@pytest.fixture
def data_folder(tmp_path: Path) -> Path:
    """Where the server keeps its messages."""
    return tmp_path / "data"


@pytest.fixture
def server(data_folder: Path) -> Iterator[ServerProcess]:
    with ServerProcess(data_folder, "--rate-limit", "0") as server:
        yield server


class Person:
    """Somebody in front of a browser of their own."""

    def __init__(self, page: Page, words: dict[str, str]) -> None:
        self.page = page
        self.words = words

    def enter(self, name: str, room: str | None = None) -> None:
        """Fills in the first screen, with the keyboard."""
        self.page.get_by_label(self.words["name"]).fill(name)
        if room is not None:
            self.page.get_by_label(self.words["room"]).fill(room)
        self.page.keyboard.press("Enter")
        self.pill("Connected")

    def say(self, text: str) -> None:
        """Writes a message and sends it."""
        self.page.locator("message-composer textarea").fill(text)
        self.page.keyboard.press("Enter")

    def sees(self, text: str, *, times: int = 1) -> None:
        """Waits until a message stands in the room, so many times."""
        found = self.page.locator(".message:not(.pending):not(.failed) .text", has_text=text)
        found.first.wait_for()
        assert found.count() == times

    def pill(self, state: str) -> None:
        """Waits for a state of the connection."""
        self.page.locator(f"connection-pill .pill.{state}").wait_for()

    def is_with(self, *others: str) -> None:
        """Waits until the room is joined (a connection alone is not), and others are in it too."""
        here = self.page.locator("member-list li")
        expect(here).to_have_count(1 + len(others))
        for name in others:
            expect(here.filter(has_text=name)).to_have_count(1)

    def messages(self) -> list[str]:
        """All messages that are drawn, from top to bottom."""
        return self.page.locator(".message .text").all_inner_texts()


Meet = Callable[..., Person]


@pytest.fixture
def meet(browser: Browser, server: ServerProcess) -> Iterator[Meet]:
    """Opens the page for somebody. In the end, no page may have complained of anything."""
    complaints: list[str] = []
    contexts = []

    def open_page(
        name: str | None = None,
        *,
        room: str | None = None,
        locale: str = "en-GB",
        address: str = "/",
        **options: Any,
    ) -> Person:
        context = browser.new_context(locale=locale, **options)
        context.set_default_timeout(15_000)
        contexts.append(context)
        page = context.new_page()

        def heard(message: ConsoleMessage) -> None:
            is_expected = any(reason in message.text for reason in UNREACHABLE)
            if message.type in {"error", "warning"} and not is_expected:
                complaints.append(message.text)

        page.on("console", heard)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("dialog", lambda dialog: complaints.append(f"a dialog: {dialog.message}"))
        page.goto(server.url + address)
        words = (
            {"name": "Votre nom", "room": "Salon"}
            if locale.startswith("fr")
            else {"name": "Your name", "room": "Room"}
        )
        person = Person(page, words)
        if name is not None:
            person.enter(name, room)
        return person

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []
