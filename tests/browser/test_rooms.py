"""Rooms and conversations as the page shows them: opened, left, empty, closed, of the same name."""

import re
from itertools import pairwise
from pathlib import Path

import pytest
from playwright.sync_api import expect
from tests.browser.conftest import Meet, Person
from tests.support.server_process import ServerProcess

from causerie.backends import release_name

pytestmark = pytest.mark.timeout(120)


def follow(person: Person, fragment: str) -> None:
    """Opens a link to a room in the page that is open."""
    person.page.evaluate("(fragment) => { location.hash = fragment; }", fragment)


def whisper(person: Person, name: str, text: str) -> None:
    """Says something to one person alone, who is in the room."""
    person.page.get_by_role("button", name=f"Talk to {name} in private").click()
    person.say(text)
    person.sees(text)


def test_a_link_to_a_room_works_in_a_page_that_is_open(meet: Meet) -> None:
    alice = meet("Alice")
    follow(alice, "#/room=secret-garden")
    expect(alice.page.locator("h1")).to_have_text("secret-garden")
    newcomer = meet()
    follow(newcomer, "#/room=secret-garden")
    expect(newcomer.page.get_by_label("Room")).to_have_value("secret-garden")
    newcomer.enter("Bob")
    expect(alice.page.locator("member-list .name")).to_have_text(["Alice", "Bob"])


def test_a_room_is_offered_again_to_who_has_left(meet: Meet) -> None:
    alice = meet("Alice", room="garden")
    alice.page.get_by_role("button", name="Settings").click()
    alice.page.get_by_role("button", name="Leave", exact=True).click()
    expect(alice.page.get_by_label("Your name")).to_have_value("Alice")
    expect(alice.page.get_by_label("Room")).to_have_value("garden")


def test_an_empty_room_says_what_it_is(meet: Meet) -> None:
    alice = meet("Alice", room="attic")
    expect(alice.page.locator("message-list .begin")).to_contain_text("the link above")
    alice.page.get_by_role("button", name="Copy a link").click()
    # Without a clipboard, as here, the link itself is shown.
    expect(alice.page.locator("passing-note")).to_contain_text(
        re.compile(r"Link copied|#/room=attic")
    )


@pytest.mark.parametrize(
    ("locale", "button", "field", "words"),
    [
        ("en-GB", "Open another room", "Name of the room", "it has a space in it"),
        ("fr-FR", "Ouvrir un autre salon", "Nom du salon", "il contient un espace"),
    ],
)
def test_a_name_that_no_room_can_have_is_told_where_it_was_written(
    meet: Meet, locale: str, button: str, field: str, words: str
) -> None:
    alice = meet("Alice", locale=locale)
    alice.page.get_by_role("button", name=button).click()
    written = alice.page.get_by_label(field)
    written.fill("no room")
    alice.page.keyboard.press("Enter")
    expect(alice.page.locator("room-list").get_by_role("alert")).to_contain_text(words)
    expect(written).to_have_value("no room")
    expect(alice.page.locator("room-list .room")).to_have_count(1)


def test_a_room_that_the_server_refuses_gives_way_to_the_one_before(meet: Meet) -> None:
    alice = meet("Alice")
    follow(alice, "#/room=garden")
    expect(alice.page.locator("h1")).to_have_text("garden")
    follow(alice, "#/room=%D0%B0lice")  # Cyrillic and Latin: only the server knows that rule
    expect(alice.page.get_by_role("alert")).to_contain_text("cannot be the name of a room")
    expect(alice.page.locator("h1")).to_have_text("garden")
    expect(alice.page.locator("room-list .room")).to_have_count(2)


def test_a_room_opens_without_a_connection_and_fills_when_it_is_back(
    meet: Meet, server: ServerProcess
) -> None:
    alice = meet("Alice")
    server.kill()
    alice.pill("Disconnected")
    expect(alice.page.locator(".offline")).to_contain_text("What you write is kept here")
    alice.page.get_by_role("button", name="Open another room").click()
    alice.page.get_by_label("Name of the room").fill("shed")
    alice.page.keyboard.press("Enter")
    expect(alice.page.locator("h1")).to_have_text("shed")
    alice.say("for later")
    expect(alice.page.locator(".message.pending")).to_have_count(1)
    server.start()
    alice.pill("Connected")
    alice.sees("for later")
    expect(alice.page.locator(".offline")).to_have_count(0)


def test_a_private_conversation_that_was_shown_is_shown_again_after_a_reload(meet: Meet) -> None:
    meet("Bob")
    alice = meet("Alice")
    whisper(alice, "Bob", "between us")
    assert "lobby" not in alice.page.url, "a private conversation has no address for others"
    # It is remembered once the server has named it, and the page is looked at or left.
    alice.page.reload()
    expect(alice.page.locator("main.private h1")).to_have_text("Private with Bob")
    alice.sees("between us")


def test_a_conversation_that_was_only_thought_of_leaves_no_trace(meet: Meet) -> None:
    meet("Bob")
    alice = meet("Alice")
    alice.page.get_by_role("button", name="Talk to Bob in private").click()
    expect(alice.page.locator("main.private h1")).to_have_text("Private with Bob")
    alice.page.reload()
    alice.pill("Connected")
    expect(alice.page.locator("h1")).to_have_text("lobby")
    expect(alice.page.locator("room-list .room.private")).to_have_count(0)
    expect(alice.page.get_by_role("alert")).to_have_count(0)


def test_conversations_with_two_who_had_the_same_name_one_after_the_other_are_told_apart(
    meet: Meet, server: ServerProcess, data_folder: Path
) -> None:
    alice, bob = meet("Alice"), meet("Bob")
    whisper(alice, "Bob", "to the first")
    bob.page.locator("room-list .room.private", has_text="Alice").click()
    bob.sees("to the first")
    bob.say("I am the first")
    alice.sees("I am the first")
    bob.page.context.close()
    server.stop()
    release_name("Bob", data_folder)
    server.start()
    alice.pill("Connected")
    second = meet("Bob")
    second.page.get_by_role("button", name="Talk to Alice in private").click()
    second.say("I am the second")
    second.sees("I am the second")
    assert second.messages() == ["I am the second"]
    conversations = alice.page.locator("room-list .room.private")
    expect(conversations).to_have_count(2)
    expect(conversations.nth(1)).to_contain_text("earlier")
    conversations.nth(1).click()
    alice.sees("I am the first")
    expect(alice.page.locator("h1")).to_have_text("Private with an earlier Bob")
    expect(alice.page.locator("message-composer")).to_have_count(0)
    alice.page.get_by_role("button", name="Talk to the present Bob").click()
    alice.sees("I am the second")
    alice.say("hello, second")
    second.sees("hello, second")


def test_the_button_for_the_members_says_whether_they_are_shown(meet: Meet) -> None:
    alice = meet("Alice")
    button = alice.page.get_by_role("button", name="1 person here")
    for is_shown in (True, False, True):
        expect(button).to_have_attribute("aria-pressed", str(is_shown).lower())
        expect(alice.page.locator("member-list")).to_have_count(int(is_shown))
        button.click()
    alice.page.set_viewport_size({"width": 768, "height": 700})
    expect(button).to_have_attribute("aria-pressed", "false")
    if not alice.page.locator("member-list").is_visible():
        button.click()
    close = alice.page.locator("aside").get_by_role("button", name="Close")
    expect(close).to_be_focused()
    # What lies behind is not to be reached by the keyboard.
    alice.page.keyboard.press("Tab")
    expect(alice.page.locator("message-composer textarea")).not_to_be_focused()
    expect(alice.page.locator("main[inert]")).to_have_count(1)
    alice.page.keyboard.press("Escape")
    expect(alice.page.locator("member-list")).not_to_be_visible()
    button.click()
    expect(close).to_be_focused()
    alice.page.keyboard.press("Enter")
    expect(alice.page.locator("member-list")).not_to_be_visible()
    expect(alice.page.locator("message-composer textarea")).to_be_focused()


@pytest.mark.parametrize("width", [320, 390])
def test_nothing_in_the_line_above_lies_over_another_while_there_is_no_connection(
    meet: Meet, server: ServerProcess, width: int
) -> None:
    alice = meet("Alice", locale="fr-FR", viewport={"width": width, "height": 640})
    server.kill()
    alice.pill("Disconnected")
    expect(alice.page.locator("connection-pill .now")).to_be_visible()
    boxes = alice.page.evaluate(
        """() => {
          const header = document.querySelector("causerie-chat").shadowRoot
            .querySelector("room-header").shadowRoot;
          const pill = header.querySelector("connection-pill").shadowRoot;
          const all = [header, pill].flatMap((root) => [...root.querySelectorAll("h1, button")]);
          const shown = all.filter((one) => one.offsetParent !== null);
          return shown.map((one) => one.getBoundingClientRect())
            .map(({ left, right }) => [left, right]).sort((a, b) => a[0] - b[0]);
        }"""
    )
    assert len(boxes) >= 5
    assert all(right <= left + 0.5 for (_, right), (left, _) in pairwise(boxes)), boxes
    assert boxes[-1][1] <= width


def test_what_is_not_taken_says_why_and_can_be_tried_again_or_given_up(meet: Meet) -> None:
    alice, bob = meet("Alice"), meet("Bob")
    alice.page.get_by_role("button", name="Talk to Bob in private").click()
    bob.page.get_by_role("button", name="Settings").click()
    bob.page.get_by_role("button", name="Leave", exact=True).click()
    expect(bob.page.get_by_label("Your name")).to_be_visible()
    alice.say("are you there?")
    failed = alice.page.locator(".message.failed")
    expect(failed).to_contain_text("Not sent: nobody called “Bob” is connected")
    bob.enter("Bob")
    failed.get_by_role("button", name="Try again").click()
    alice.sees("are you there?")
    expect(failed).to_have_count(0)
