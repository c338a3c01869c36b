"""What somebody who means harm can send, and what becomes of it in others' pages."""

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from playwright.sync_api import expect
from tests.browser.conftest import Meet
from tests.support.server_process import ServerProcess

import causerie

pytestmark = pytest.mark.timeout(120)

BUSY = [
    "🏻" * 60 + "x",
    "👍🏽" * 40 + "x",
    "https://example.org/" + ")" * 3_900,
    "https://example.org/" + ").".join("(" for _ in range(1_200)),
    "**a *b " * 500,
    "`" * 4_000,
]
"""Made to keep whoever reads it busy."""


def outside(work: Callable[[], Awaitable[None]]) -> None:
    """Runs something in a thread of its own: in this one the browser's driver has a loop."""

    async def run() -> None:
        await work()

    with ThreadPoolExecutor() as threads:
        threads.submit(asyncio.run, run()).result()


def test_no_message_keeps_a_page_busy(meet: Meet, server: ServerProcess) -> None:
    alice = meet("Alice")

    async def attack() -> None:
        async with causerie.connect(server.ws, "Mallory") as client:
            await client.join("lobby")
            for content in BUSY:
                await client.send(content)
            await client.send("the end")

    outside(attack)
    alice.sees("the end")
    alice.say("still here")
    alice.sees("still here")
    # All of it is drawn once more.
    took = alice.page.evaluate(
        """async () => {
          const list = document.querySelector("causerie-chat").shadowRoot
            .querySelector("message-list");
          const begin = performance.now();
          list.requestUpdate();
          await list.updateComplete;
          return performance.now() - begin;
        }"""
    )
    assert took < 1_000


def test_a_link_does_not_hide_where_it_leads(meet: Meet) -> None:
    alice, mallory = meet("Alice"), meet("Mallory")
    mallory.say("https://bank.example@evil.example/ https://a.example/\u202e/elpmaxe.knab")
    alice.sees("bank.example")
    links = alice.page.locator("message-list .text a")
    expect(links).to_have_text(["https://a.example//elpmaxe.knab"])
    expect(links).to_have_attribute("rel", "noopener noreferrer nofollow")
    text = alice.page.locator("message-list .text").last.inner_text()
    assert "\u202e" not in text


def test_strangers_who_begin_many_conversations_do_not_bury_the_others(
    meet: Meet, server: ServerProcess
) -> None:
    alice, bob = meet("Alice"), meet("Bob")
    bob.page.get_by_role("button", name="Talk to Alice in private").click()
    bob.say("before all of them")

    async def crowd() -> None:
        async def whisper(number: int) -> None:
            async with causerie.connect(server.ws, f"Stranger{number}") as client:
                await client.private("Alice", "buy this")

        for first in range(0, 60, 20):
            await asyncio.gather(*(whisper(first + number) for number in range(20)))

    outside(crowd)
    conversations = alice.page.locator("room-list .room.private")
    expect(conversations).to_have_count(50)
    alice.page.get_by_role("button", name="and 11 more").click()
    expect(conversations).to_have_count(61)
    alice.page.locator("room-list .room.private", has_text="Bob").click()
    alice.sees("before all of them")
    expect(alice.page).to_have_title("(60) Bob – Causerie")


def test_a_clock_that_is_wrong_by_a_day_does_no_harm(meet: Meet) -> None:
    bob, alice = meet("Bob"), meet()
    alice.page.clock.install()
    alice.page.clock.set_system_time("2031-02-03T04:05:06Z")
    alice.page.reload()
    alice.enter("Alice")
    bob.say("what day is it?")
    alice.sees("what day is it?")
    alice.say("a day far away")
    alice.sees("a day far away")
    bob.sees("a day far away")
    # The server's clock counts, for both.
    expect(alice.page.locator("message-list .day")).to_have_count(1)
    expect(bob.page.locator("message-list .day")).to_have_count(1)
    assert bob.messages() == ["what day is it?", "a day far away"]


def test_a_page_comes_back_from_the_history_with_all_that_was_said_meanwhile(meet: Meet) -> None:
    alice, bob = meet("Alice"), meet("Bob")
    address = alice.page.url
    alice.page.goto("about:blank")
    bob.say("while you were away")
    bob.sees("while you were away")
    alice.page.go_back()
    expect(alice.page).to_have_url(address)
    alice.pill("Connected")
    alice.sees("while you were away")
