"""The panels beside the chat, in a real Chromium: the connection, the wire, another device."""

import re

import pytest
from playwright.sync_api import expect
from tests.browser.conftest import Meet
from tests.support.server_process import ServerProcess

pytestmark = pytest.mark.timeout(120)


def test_the_connections_panel_says_what_there_is_and_goes_with_escape(
    meet: Meet, server: ServerProcess
) -> None:
    alice = meet("Alice")
    pill, panel = alice.page.locator("connection-pill .pill"), alice.page.get_by_role("dialog")
    pill.click()
    for text in ("Connected. What you see", "Reconnects", server.ws, "Alice"):
        expect(panel).to_contain_text(text)
    alice.page.keyboard.press("Escape")
    expect(panel).to_have_count(0)
    expect(pill).to_be_focused()
    pill.click()
    alice.page.locator("message-list").click()
    expect(panel).to_have_count(0)


def test_the_seconds_to_the_next_try_are_told_and_one_need_not_wait(
    meet: Meet, server: ServerProcess
) -> None:
    alice = meet("Alice")
    server.kill()
    alice.pill("Disconnected")
    pill = alice.page.locator("connection-pill .pill")
    # Two seconds are left at least: whatever is tried within one was asked for.
    expect(pill).to_have_text(re.compile(r"next try in [3-9] s"), timeout=60_000)
    with alice.page.expect_websocket(timeout=1_000):
        alice.page.get_by_role("button", name="Try now").click()
    server.start()
    alice.pill("Connected")
    pill.click()
    reconnects = alice.page.locator("connection-pill dt", has_text="Reconnects")
    expect(reconnects.locator("+ dd")).to_have_text(re.compile("^[1-9]"))


def test_the_wire_is_within_reach_on_the_narrowest_page(meet: Meet) -> None:
    alice = meet("Alice", viewport={"width": 320, "height": 640})
    expect(alice.page.locator("h1")).to_have_text("lobby")
    assert alice.page.locator("h1 span").evaluate("(one) => one.scrollWidth <= one.clientWidth")
    alice.page.locator("connection-pill .pill").click()
    alice.page.get_by_role("button", name="See what goes over the wire").click()
    panel = alice.page.locator("wire-panel")
    expect(panel.locator(".frame").first).to_be_visible()
    assert panel.evaluate("(one) => one.scrollWidth <= one.clientWidth")
    panel.get_by_role("button", name="Close").click()
    expect(panel).to_have_count(0)


@pytest.mark.parametrize(("locale", "wire"), [("en-GB", "The wire"), ("fr-FR", "Le fil")])
def test_what_frames_are_chosen_by_can_be_read_to_its_end(
    meet: Meet, locale: str, wire: str
) -> None:
    alice = meet("Alice", locale=locale)
    alice.page.get_by_role("button", name=wire).click()
    choices = alice.page.locator("wire-panel .bar select")
    expect(choices).to_have_count(2)
    for choice in choices.all():
        assert choice.evaluate("""(one) => {
            const given = one.offsetWidth;
            one.style.flex = "none";
            return given >= one.offsetWidth;
        }""")


def test_frames_are_chosen_by_text_direction_and_type_held_and_forgotten(meet: Meet) -> None:
    alice = meet("Alice")
    alice.page.get_by_role("button", name="The wire").click()
    panel = alice.page.locator("wire-panel")
    types = panel.locator(".frame b")
    alice.say("first words")
    panel.get_by_label("Filter").fill("first words")
    expect(types).to_have_text(["message", "message"])
    panel.get_by_label("Direction").select_option("sent")
    expect(types).to_have_text(["message"])
    panel.get_by_label("Direction").select_option("both")
    panel.get_by_label("Filter").fill("")
    panel.get_by_label("Type").select_option("ack")
    expect(types).to_have_text(["ack"])
    panel.get_by_role("button", name="Pause").click()
    alice.say("second words")
    alice.sees("second words")
    expect(types).to_have_text(["ack"])
    panel.get_by_role("button", name="Pause").click()
    expect(types).to_have_text(["ack", "ack"])
    panel.get_by_role("button", name="Clear").click()
    expect(types).to_have_count(0)
    alice.say("third words")
    expect(types).to_have_text(["ack"])


def test_the_wire_panel_shows_how_the_connection_went_from_state_to_state(
    meet: Meet, server: ServerProcess
) -> None:
    alice = meet("Alice")
    alice.page.get_by_role("button", name="The wire").click()
    states = alice.page.locator("wire-states")
    expect(states.locator(".socket .lit text")).to_have_text("OPEN")
    server.kill()
    expect(states.locator(".socket .lit text")).to_have_text("CLOSED")
    expect(states.locator(".diagram .lit text")).to_have_text("Disconnected")
    expect(states.locator("ol")).to_contain_text("1006")
    server.start()
    expect(states.locator(".diagram .lit text")).to_have_text("Connected")
    expect(states.locator("li").first).to_contain_text("Connected")


def test_whoever_has_a_name_already_is_told_what_becomes_of_it(
    meet: Meet, server: ServerProcess
) -> None:
    alice = meet("Alice")
    alice.page.goto("about:blank")
    alice.page.goto(f"{server.url}/#username=Zoe&key={'k' * 22}")
    expect(alice.page.locator("device-import h1")).to_have_text("Become Zoe on this device?")
    expect(alice.page.locator("device-import")).to_contain_text("Here you are Alice now.")
    alice.page.get_by_role("button", name="No", exact=True).click()
    alice.pill("Connected")
    expect(alice.page.locator(".me .name")).to_have_text("Alice")


def test_the_tabs_icon_has_a_dot_while_something_calls(meet: Meet) -> None:
    alice, bob = meet("Alice"), meet("Bob")
    icon = bob.page.locator("link[rel=icon]")
    expect(icon).to_have_attribute("href", "/favicon.svg")
    alice.page.get_by_role("button", name="Talk to Bob in private").click()
    alice.say("psst")
    expect(icon).to_have_attribute("href", "/favicon-unread.svg")
    answer = bob.page.request.get(bob.page.url.split("#")[0] + "favicon-unread.svg")
    assert answer.headers["content-type"] == "image/svg+xml"
    bob.page.locator("room-list .room.private", has_text="Alice").click()
    expect(icon).to_have_attribute("href", "/favicon.svg")
