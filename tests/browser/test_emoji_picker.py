"""The picker of emoji, by mouse, finger and keyboard."""

import pytest
from playwright.sync_api import expect
from tests.browser.conftest import Meet

pytestmark = pytest.mark.timeout(120)


def test_it_is_loaded_when_it_is_first_opened(meet: Meet) -> None:
    alice = meet("Alice")
    asked: list[str] = []
    alice.page.on("request", lambda request: asked.append(request.url))
    alice.say("nothing of it yet")
    alice.sees("nothing of it yet")
    assert not any("emoji-picker" in url for url in asked)
    alice.page.get_by_role("button", name="Emoji").click()
    expect(alice.page.get_by_label("Search emoji")).to_be_focused()
    assert any("emoji-picker" in url for url in asked)


def test_what_is_picked_stands_where_one_writes_and_is_offered_first_the_next_time(
    meet: Meet,
) -> None:
    alice = meet("Alice")
    field = alice.page.locator("message-composer textarea")
    field.fill("to the moon!")
    field.evaluate("(one) => one.setSelectionRange(3, 11)")
    alice.page.get_by_role("button", name="Emoji").click()
    alice.page.get_by_role("gridcell", name="rocket").click()
    expect(alice.page.locator("emoji-picker")).to_have_count(0)
    expect(field).to_have_value("to 🚀!")
    expect(field).to_be_focused()
    alice.page.reload()
    alice.pill("Connected")
    alice.page.get_by_role("button", name="Emoji").click()
    recent = alice.page.get_by_role("rowgroup", name="Recent")
    expect(recent.get_by_role("gridcell")).to_have_text(["🚀"])


def test_the_keyboard_alone_finds_and_picks(meet: Meet) -> None:
    alice = meet("Alice", locale="fr-FR")
    keys = alice.page.keyboard
    alice.page.get_by_role("button", name="Émoji").focus()
    keys.press("Enter")
    expect(alice.page.get_by_label("Chercher un émoji")).to_be_focused()
    keys.type("coeur")
    cells = alice.page.get_by_role("gridcell")
    keys.press("ArrowDown")
    expect(cells.nth(0)).to_be_focused()
    for key, place in (("ArrowRight", 1), ("ArrowDown", 9), ("Home", 8), ("ArrowUp", 0)):
        keys.press(key)
        expect(cells.nth(place)).to_be_focused()
    keys.press("ArrowUp")
    expect(alice.page.get_by_label("Chercher un émoji")).to_be_focused()
    keys.press("Enter")
    expect(alice.page.locator("message-composer textarea")).not_to_have_value("")
    expect(alice.page.locator("message-composer textarea")).to_be_focused()


def test_escape_and_a_click_elsewhere_put_it_away(meet: Meet) -> None:
    alice = meet("Alice")
    button, picker = (
        alice.page.get_by_role("button", name="Emoji"),
        alice.page.locator("emoji-picker"),
    )
    button.click()
    expect(picker).to_be_visible()
    alice.page.keyboard.press("Escape")
    expect(picker).to_have_count(0)
    expect(alice.page.locator("message-composer textarea")).to_be_focused()
    button.click()
    expect(picker).to_be_visible()
    alice.page.locator("message-list").click()
    expect(picker).to_have_count(0)
    button.click()
    alice.page.get_by_label("Search emoji").fill("no such thing")
    expect(picker).to_contain_text("No such emoji.")


@pytest.mark.parametrize("size", [(320, 480), (640, 400), (2560, 1440)])
def test_it_fits_the_page(meet: Meet, size: tuple[int, int]) -> None:
    width, height = size
    alice = meet("Alice", viewport={"width": width, "height": height})
    alice.page.get_by_role("button", name="Emoji").click()
    box = alice.page.locator("emoji-picker").bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert box["y"] >= 0
    assert box["x"] + box["width"] <= width
    assert box["y"] + box["height"] <= height
    assert alice.page.evaluate("document.documentElement.scrollWidth") <= width


def test_without_a_server_one_is_told_that_it_cannot_be_loaded(meet: Meet) -> None:
    alice = meet("Alice")
    alice.page.context.set_offline(True)
    alice.page.get_by_role("button", name="Emoji").click()
    expect(alice.page.get_by_role("alert")).to_contain_text("could not be loaded")
    alice.page.context.set_offline(False)
