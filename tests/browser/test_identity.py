"""Who one is in a browser: names, their keys, and what becomes of both."""

import re

import pytest
from playwright.sync_api import WebSocketRoute, expect
from tests.browser.conftest import Meet, Person
from tests.support.server_process import ServerProcess

pytestmark = pytest.mark.timeout(120)


def key_link(person: Person) -> str:
    """The link that carries somebody's key, as the settings show it."""
    person.page.get_by_role("button", name="Settings").click()
    person.page.get_by_role("button", name="Show the key").click()
    link = person.page.get_by_role("textbox", name="Link with your key").input_value()
    person.page.keyboard.press("Escape")
    return link


def follow(person: Person, link: str) -> None:
    """Opens a link in the page that is open."""
    person.page.evaluate("(link) => { location.href = link; }", link)


def is_called(person: Person, name: str) -> None:
    """Waits until somebody is in the chat under a name."""
    expect(person.page.locator(".me .name")).to_have_text(name)
    person.pill("Connected")


def test_who_takes_another_name_keeps_it_after_a_reload(meet: Meet) -> None:
    alice = meet("Alice")
    alice.say("as Alice")
    alice.sees("as Alice")
    alice.page.get_by_role("button", name="Settings").click()
    alice.page.locator("settings-menu").get_by_label("Your name").fill("Alicia")
    alice.page.keyboard.press("Enter")
    is_called(alice, "Alicia")
    alice.page.reload()
    is_called(alice, "Alicia")
    alice.say("as Alicia")
    alice.sees("as Alicia")
    assert "Alicia" in key_link(alice)


def test_a_device_that_was_away_during_a_rename_comes_back_under_the_new_name(meet: Meet) -> None:
    alice = meet("Alice")
    alice.say("as Alice")
    alice.sees("as Alice")
    link = key_link(alice)
    phone = meet(address=link[link.index("/#") :])
    phone.page.get_by_role("button", name="Yes, that’s me").click()
    is_called(phone, "Alice")
    phone.sees("as Alice")  # only who has been in a room is taken back into it
    there = phone.page.url
    phone.page.goto("about:blank")
    alice.page.get_by_role("button", name="Settings").click()
    alice.page.locator("settings-menu").get_by_label("Your name").fill("Alicia")
    alice.page.keyboard.press("Enter")
    is_called(alice, "Alicia")
    phone.page.goto(there)
    is_called(phone, "Alicia")
    phone.page.reload()
    is_called(phone, "Alicia")
    is_called(alice, "Alicia")


def test_a_name_that_is_not_to_be_had_is_told_in_the_settings(
    meet: Meet, server: ServerProcess
) -> None:
    meet("Alice")
    bob = meet("Bob")
    bob.page.get_by_role("button", name="Settings").click()
    field = bob.page.locator("settings-menu").get_by_label("Your name")
    field.fill("alice")
    bob.page.keyboard.press("Enter")
    told = bob.page.get_by_role("dialog").get_by_role("alert")
    expect(told).to_contain_text("“alice” is taken")
    expect(field).to_be_focused()
    server.kill()
    expect(bob.page.locator("connection-pill .pill.Connected")).to_have_count(0)
    field.fill("Robert")
    bob.page.keyboard.press("Enter")
    expect(told).to_have_text("That needs a connection. Try again when it is back.")
    bob.page.keyboard.press("Escape")
    expect(bob.page.get_by_role("alert")).to_have_count(0)
    server.start()
    is_called(bob, "Bob")


def test_who_comes_back_to_a_name_that_somebody_else_has_takes_another_and_loses_nothing(
    meet: Meet,
) -> None:
    alice = meet()
    ways: list[WebSocketRoute] = []
    is_cut = False

    def pass_on(way: WebSocketRoute) -> None:
        if is_cut:
            way.close(code=1001)
        else:
            ways.extend((way, way.connect_to_server()))

    alice.page.route_web_socket(re.compile("^ws"), pass_on)
    alice.enter("Alice")
    alice.is_with()
    is_cut = True
    to_page, to_server = ways
    to_page.close(code=1001)
    to_server.close(code=1000)  # the name is free at once
    alice.pill("Disconnected")
    other = meet("Alice")  # who has not spoken keeps no name
    alice.say("Who am I?")
    is_cut = False  # the next attempt, which is made in 4 s at most, gets through
    told = alice.page.get_by_role("alert")
    expect(told).to_contain_text("“Alice” is taken", timeout=15_000)
    alice.page.get_by_role("button", name="Settings").click()
    alice.page.locator("settings-menu").get_by_label("Your name").fill("Alicia")
    alice.page.keyboard.press("Enter")
    is_called(alice, "Alicia")
    other.is_with("Alicia")
    other.sees("Who am I?")
    alice.sees("Who am I?")


def test_a_newcomer_whose_name_is_taken_never_seems_to_be_in_and_can_type_another_at_once(
    meet: Meet,
) -> None:
    meet("Alice")
    other = meet()
    other.page.evaluate(
        """() => {
          window.wasIn = false;
          const root = document.querySelector("causerie-chat").shadowRoot;
          new MutationObserver(() => {
            window.wasIn ||= root.querySelector("message-list") !== null;
          }).observe(root, { childList: true, subtree: true });
        }"""
    )
    other.page.get_by_label("Your name").fill("alice")
    other.page.keyboard.press("Enter")
    expect(other.page.get_by_role("alert")).to_contain_text("Choose another.")
    assert other.page.evaluate("window.wasIn") is False
    expect(other.page.get_by_label("Your name")).to_be_focused()
    other.page.keyboard.type("Alma")  # over the name that is selected
    other.page.keyboard.press("Enter")
    is_called(other, "Alma")


@pytest.mark.parametrize(
    ("locale", "name", "words"),
    [
        ("en-GB", "a b", "it has a space in it"),
        ("fr-FR", "a b", "il contient un espace"),
        ("fr-FR", "-a", "un nom commence et finit par une lettre ou un chiffre"),
    ],
)
def test_a_name_that_cannot_be_is_told_in_the_readers_language(
    meet: Meet, locale: str, name: str, words: str
) -> None:
    person = meet(locale=locale)
    person.page.get_by_label(person.words["name"]).fill(name)
    person.page.keyboard.press("Enter")
    expect(person.page.get_by_role("alert")).to_contain_text(words)


def test_a_link_with_a_key_asks_in_a_page_where_somebody_chats(meet: Meet) -> None:
    zoe, alice = meet("Zoe"), meet("Alice")
    zoe.say("it is me")
    alice.say("and me")
    alice.sees("it is me")
    link = key_link(zoe)
    alice.page.locator("message-composer textarea").fill("half written")
    follow(alice, link)
    expect(alice.page.locator("device-import h1")).to_have_text("Become Zoe on this device?")
    expect(alice.page.locator("device-import")).to_contain_text("Here you are Alice now.")
    assert "key" not in alice.page.url
    alice.page.get_by_role("button", name="No", exact=True).click()
    is_called(alice, "Alice")
    expect(alice.page.locator("message-composer textarea")).to_have_value("half written")

    follow(alice, link)
    alice.page.get_by_role("button", name="Yes, that’s me").click()
    is_called(alice, "Zoe")
    alice.say("from another device")
    zoe.sees("from another device")
    # Nothing is lost: the key to the former name is still there.
    alice.page.get_by_role("button", name="Settings").click()
    alice.page.get_by_role("button", name="Leave", exact=True).click()
    alice.enter("Alice")
    is_called(alice, "Alice")


def test_a_link_with_ones_own_key_changes_nothing(meet: Meet) -> None:
    alice = meet("Alice", room="garden")
    alice.say("here")
    alice.sees("here")
    link = key_link(alice)
    follow(alice, link)
    expect(alice.page).to_have_url(re.compile("#/room=garden$"))
    is_called(alice, "Alice")
    expect(alice.page.locator("device-import")).to_have_count(0)


def test_who_wished_for_the_name_in_vain_can_take_the_key_to_it_all_the_same(meet: Meet) -> None:
    alice = meet("Alice")
    alice.say("mine")
    alice.sees("mine")
    phone = meet()
    phone.page.get_by_label("Your name").fill("Alice")
    phone.page.keyboard.press("Enter")
    expect(phone.page.get_by_role("alert")).to_contain_text("taken")
    follow(phone, key_link(alice))
    panel = phone.page.locator("device-import")
    expect(panel).to_contain_text("This browser has another key for Alice already")
    expect(panel.get_by_role("button", name="No", exact=True)).to_be_focused()
    panel.get_by_role("button", name="Yes, that’s me").click()
    is_called(phone, "Alice")
    phone.say("from the phone")
    alice.sees("from the phone")


NOTHING_IS_KEPT = """
const refuse = () => { throw new DOMException("The operation is insecure.", "SecurityError"); };
Object.defineProperty(window, "localStorage", { get: refuse });
indexedDB.open = refuse;
"""


def test_where_the_browser_keeps_nothing_one_can_chat_and_choose_all_the_same(meet: Meet) -> None:
    bob, alice = meet("Bob"), meet()
    alice.page.add_init_script(NOTHING_IS_KEPT)
    alice.page.reload()
    alice.enter("Alice")
    alice.say("from a private window")
    bob.sees("from a private window")
    alice.page.get_by_role("button", name="Settings").click()
    alice.page.get_by_label("Appearance").select_option("dark")
    alice.page.get_by_role("button", name="Show the key").click()
    expect(alice.page.locator("device-key")).to_contain_text("This browser keeps no key")
    alice.page.keyboard.press("Escape")
    bob.say("good to see you")
    alice.sees("good to see you")
    alice.page.get_by_role("button", name="Settings").click()
    expect(alice.page.get_by_label("Appearance")).to_have_value("dark")


def test_two_tabs_are_the_same_person_and_do_not_undo_what_the_other_does(meet: Meet) -> None:
    bob, first = meet("Bob"), meet("Alice")
    second = Person(first.page.context.new_page(), first.words)
    second.page.goto(first.page.url)
    is_called(second, "Alice")
    for tab, room in ((first, "garden"), (second, "kitchen")):
        tab.page.get_by_role("button", name="Open another room").click()
        tab.page.get_by_label("Name of the room").fill(room)
        tab.page.keyboard.press("Enter")
        expect(tab.page.locator("room-list .room")).to_have_count(2)
    expect(bob.page.locator("member-list .name")).to_have_text(["Alice", "Bob"])
    second.page.reload()
    is_called(second, "Alice")
    expect(second.page.locator("room-list .room")).to_have_text(
        [re.compile("garden"), re.compile("kitchen"), re.compile("lobby")]
    )


def test_what_a_closed_tab_had_not_sent_is_sent_once_by_the_other_tab(
    meet: Meet, server: ServerProcess
) -> None:
    bob, first = meet("Bob"), meet("Alice")
    second = Person(first.page.context.new_page(), first.words)
    second.page.goto(first.page.url)
    second.pill("Connected")
    server.kill()
    first.pill("Disconnected")
    first.say("from the one that is closed")
    second.say("from the one that stays")
    expect(first.page.locator(".message.pending")).to_have_count(1)
    first.page.close()
    server.start()
    second.pill("Connected")
    bob.pill("Connected")
    for person in (second, bob):
        person.sees("from the one that is closed")
        person.sees("from the one that stays")
    bob.say("that is all")
    second.sees("that is all")
    said = ["from the one that is closed", "from the one that stays", "that is all"]
    for person in (second, bob):
        assert sorted(person.messages()) == said
