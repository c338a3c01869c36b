"""What a screen reader is told: what comes and what calls, once, and never a flood."""

import pytest
from playwright.sync_api import Locator, expect
from tests.browser.conftest import Meet, Person
from tests.support.server_process import ServerProcess

pytestmark = pytest.mark.timeout(120)


def heard(person: Person) -> Locator:
    """The lines that a screen reader was told."""
    return person.page.locator("live-region p")


def test_what_comes_here_and_what_calls_elsewhere_is_told(meet: Meet) -> None:
    alice, bob, carol = meet("Alice", room="garden"), meet("Bob", room="garden"), meet("Carol")
    alice.page.get_by_role("button", name="Open another room").click()
    alice.page.get_by_label("Name of the room").fill("lobby")
    alice.page.keyboard.press("Enter")
    expect(alice.page.locator("h1")).to_have_text("lobby")
    carol.say("hello **all**")
    expect(heard(alice)).to_have_text(["Carol: hello all"])
    bob.say("nothing for anybody")
    bob.say("Alice, come back")
    expect(heard(alice)).to_have_text(["Carol: hello all", "Bob in garden: Alice, come back"])
    bob.page.get_by_role("button", name="Talk to Alice in private").click()
    bob.say("psst")
    expect(heard(alice)).to_have_text(
        ["Carol: hello all", "Bob in garden: Alice, come back", "Bob, private: psst"]
    )
    alice.say("my own words")
    alice.sees("my own words")
    carol.say("and an answer")
    expect(heard(alice).last).to_have_text("Carol: and an answer")
    expect(heard(alice)).to_have_count(4)


def test_many_at_once_are_told_as_how_many(meet: Meet) -> None:
    alice, bob = meet("Alice", locale="fr-FR"), meet("Bob")
    for number in range(40):
        bob.say(f"line {number}.")
    alice.sees("line 39.")
    expect(heard(alice).last).to_contain_text("nouveaux messages")
    assert heard(alice).count() < 15


def test_that_the_connection_is_lost_is_told_once_however_often_one_tries(
    meet: Meet, server: ServerProcess
) -> None:
    alice = meet("Alice")
    status = alice.page.locator("connection-pill [role=status]")
    expect(status).to_have_text("Connected")
    status.evaluate(
        """(one) => {
          window.said = [];
          new MutationObserver(() => window.said.push(one.textContent))
            .observe(one, { childList: true, characterData: true, subtree: true });
        }"""
    )
    server.kill()
    alice.pill("Disconnected")
    tries: list[str] = []
    alice.page.on("websocket", lambda socket: tries.append(socket.url))
    for _ in range(3):
        alice.pill("Disconnected")
        with alice.page.expect_websocket():
            alice.page.get_by_role("button", name="Try now").click()
        expect(alice.page.locator("connection-pill .pill")).to_be_focused()
    assert len(tries) >= 3
    server.start()
    alice.pill("Connected")
    expect(status).to_have_text("Connected")
    assert alice.page.evaluate("window.said") == ["Disconnected", "Connected"]


def test_an_outage_counts_as_one_reconnect_and_is_not_blamed_on_a_full_server(
    meet: Meet, server: ServerProcess
) -> None:
    alice = meet("Alice")
    server.kill()
    for _ in range(2):
        alice.pill("Disconnected")
        with alice.page.expect_websocket():
            alice.page.get_by_role("button", name="Try now").click()
    alice.pill("Disconnected")
    alice.page.locator("connection-pill .pill").click()
    panel = alice.page.locator("connection-pill .panel")
    expect(panel).to_contain_text("The connection was lost. What you write is kept")
    expect(panel).not_to_contain_text("full")
    server.start()
    alice.pill("Connected")
    expect(panel.locator("dt", has_text="Reconnects").locator("+ dd")).to_have_text("1")


def test_how_fast_a_message_was_stored_is_there_for_the_keyboard(meet: Meet) -> None:
    alice = meet("Alice")
    alice.say("stored?")
    alice.sees("stored?")
    acked = alice.page.locator(".message .acked")
    expect(acked).to_contain_text("stored in")
    expect(acked).to_have_css("opacity", "0")
    alice.page.get_by_role("button", name="Reply to Alice").focus()
    expect(acked).to_have_css("opacity", "1")
