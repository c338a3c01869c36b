"""The web client in a real Chromium, against a real server."""

import json
import re

import pytest
from bench.page import MOST_FIRST, first_javascript, scripts
from playwright.sync_api import expect
from tests.browser.conftest import ROOT, Meet, Person
from tests.support.server_process import ServerProcess

AXE = (ROOT / "node_modules" / "axe-core" / "axe.min.js").read_text

pytestmark = pytest.mark.timeout(120)


def test_two_people_talk(meet: Meet) -> None:
    alice, bob = meet("Alice"), meet("Bob")
    alice.say("hello **Bob**")
    bob.sees("hello Bob")
    alice.sees("hello Bob")
    expect(bob.page.locator(".text strong")).to_have_text("Bob")
    bob.say("hello Alice")
    alice.sees("hello Alice")
    expect(alice.page.locator("member-list .name")).to_have_text(["Alice", "Bob"])


def test_a_private_message_reaches_one_alone_and_is_marked(meet: Meet) -> None:
    alice, bob, carol = meet("Alice"), meet("Bob"), meet("Carol")
    alice.page.get_by_role("button", name="Talk to Bob in private").click()
    alice.say("between us")
    alice.sees("between us")
    expect(alice.page.locator("main.private h1")).to_have_text("Private with Bob")
    unread = bob.page.locator("room-list .room.private", has_text="Alice")
    expect(unread.locator(".count.calls")).to_contain_text("1")
    expect(bob.page).to_have_title(re.compile(r"^\(1\) "))
    unread.click()
    bob.sees("between us")
    expect(bob.page.locator("main.private h1")).to_have_text("Private with Alice")
    bob.say("understood")
    alice.sees("understood")
    carol.say("am I alone?")
    carol.sees("am I alone?")
    expect(carol.page.locator("room-list .room.private")).to_have_count(0)
    assert carol.messages() == ["am I alone?"]


def test_typing_shows_ends_two_seconds_after_the_last_key_and_at_once_with_the_message(
    meet: Meet,
) -> None:
    alice, bob = meet("Alice"), meet("Bob")
    line = alice.page.locator(".typing")
    bob.is_with("Alice")
    bob.page.locator("message-composer textarea").press_sequentially("hm")
    expect(line).to_have_text("Bob is typing…")
    expect(line).to_have_text("", timeout=5_000)
    bob.page.locator("message-composer textarea").press_sequentially(", yes")
    expect(line).to_have_text("Bob is typing…")
    bob.page.keyboard.press("Enter")
    alice.sees("hm, yes")
    expect(line).to_have_text("")


def test_the_server_is_killed_in_mid_conversation_and_nothing_is_lost_or_comes_twice(
    meet: Meet, server: ServerProcess
) -> None:
    alice, bob = meet("Alice"), meet("Bob")
    alice.say("before")
    bob.sees("before")
    server.kill()
    alice.pill("Disconnected")
    expect(alice.page.get_by_role("button", name="Try now")).to_be_visible()
    alice.say("meanwhile one")
    alice.say("meanwhile two")
    expect(alice.page.locator(".message.pending")).to_have_count(2)
    server.start()
    for person in (alice, bob):
        person.pill("Connected")
        person.sees("meanwhile two")
        person.sees("meanwhile one")
        person.sees("before")
        assert person.messages() == ["before", "meanwhile one", "meanwhile two"]
    expect(alice.page.locator(".message.pending")).to_have_count(0)


def test_a_page_that_is_reloaded_with_something_unsent_sends_it_once(
    meet: Meet, server: ServerProcess
) -> None:
    alice, bob = meet("Alice"), meet("Bob")
    server.kill()
    alice.pill("Disconnected")
    alice.say("kept")
    expect(alice.page.locator(".message.pending")).to_have_count(1)
    # The page itself comes from the server: a tab that is closed and opened again.
    server.start()
    alice.page.reload()
    alice.pill("Connected")
    alice.sees("kept")
    bob.sees("kept")
    assert [text for text in bob.messages() if text == "kept"] == ["kept"]


def test_without_a_network_it_waits_and_then_goes_on(meet: Meet, server: ServerProcess) -> None:
    alice, bob = meet("Alice"), meet("Bob")
    alice.page.context.set_offline(True)
    server.kill()  # no browser ends a WebSocket that is open when it is said to be offline
    server.start()
    alice.pill("Disconnected")
    bob.pill("Connected")
    alice.say("from afar")
    expect(alice.page.locator(".message.pending")).to_have_count(1)
    bob.say("she is away")
    bob.sees("she is away")
    assert bob.messages() == ["she is away"]
    alice.page.context.set_offline(False)
    alice.pill("Connected")
    bob.sees("from afar")
    alice.sees("from afar")
    alice.sees("she is away")
    bob.say("welcome back")
    alice.sees("welcome back")


def test_one_is_in_three_rooms_and_sees_where_something_is_unread(meet: Meet) -> None:
    alice, bob = meet("Alice"), meet("Bob", room="garden")
    for name in ("garden", "kitchen"):
        alice.page.get_by_role("button", name="Open another room").click()
        alice.page.get_by_label("Name of the room").fill(name)
        alice.page.keyboard.press("Enter")
        expect(alice.page.locator("h1")).to_have_text(name)
    bob.say("the roses are out")
    garden = alice.page.locator("room-list .room", has_text="garden")
    expect(garden.locator(".count")).to_contain_text("1")
    expect(alice.page.locator("message-list .text")).to_have_count(0)
    garden.click()
    alice.sees("the roses are out")
    expect(alice.page.locator("message-list .new")).to_have_count(1)
    expect(garden.locator(".count")).to_have_count(0)
    alice.page.reload()
    alice.pill("Connected")
    expect(alice.page.locator("room-list .room")).to_have_count(3)
    expect(alice.page.locator("h1")).to_have_text("garden")
    alice.page.get_by_role("button", name="Leave kitchen").click(force=True)
    expect(alice.page.locator("room-list .room")).to_have_count(2)


def test_a_room_in_which_nothing_was_said_shows_that_it_begins_here(meet: Meet) -> None:
    alice = meet("Alice")
    expect(alice.page.locator("message-list .begin h2")).to_have_text("# lobby")
    bob = meet("Bob")
    bob.page.get_by_role("button", name="Talk to Alice in private").click()
    expect(bob.page.locator("message-list .begin h2")).to_have_text("Private with Alice")


def test_a_link_brings_a_friend_into_the_room(meet: Meet) -> None:
    alice = meet("Alice", address="/#/room=secret-garden")
    expect(alice.page.locator("h1")).to_have_text("secret-garden")
    assert alice.page.url.endswith("#/room=secret-garden")


def test_an_emoji_goes_by_its_name_and_is_offered_while_one_types_it(meet: Meet) -> None:
    alice, bob = meet("Alice"), meet("Bob")
    alice.say("shipped :tada:")
    bob.sees("shipped 🎉")
    bob.page.get_by_label("Write in #lobby").press_sequentially(":rock")
    bob.page.get_by_role("option", name=":rocket:").click()
    bob.page.keyboard.press("Enter")
    alice.sees("🚀")


def test_a_reply_shows_what_it_answers(meet: Meet) -> None:
    alice, bob = meet("Alice"), meet("Bob")
    alice.say("who brings the cake?")
    bob.sees("who brings the cake?")
    bob.page.locator(".message", has_text="who brings").hover()
    bob.page.get_by_role("button", name="Reply to Alice").click()
    bob.say("I do")
    quote = alice.page.locator(".quote")
    expect(quote).to_contain_text("who brings the cake?")
    quote.click()
    expect(alice.page.locator(".message.found", has_text="who brings")).to_have_count(1)


def test_it_speaks_french(meet: Meet) -> None:
    alice, bob = meet("Alice", locale="fr-FR"), meet("Bob", locale="fr-CA")
    expect(alice.page.locator("html")).to_have_attribute("lang", "fr")
    bob.is_with("Alice")
    bob.page.locator("message-composer textarea").press_sequentially("b")
    expect(alice.page.locator(".typing")).to_have_text("Bob est en train de taper…")
    expect(alice.page.locator("connection-pill .words")).to_have_text(re.compile("^Connecté"))


def test_everything_can_be_done_with_the_keyboard_alone(meet: Meet) -> None:
    bob = meet("Bob")
    alice = meet()
    keys = alice.page.keyboard
    expect(alice.page.get_by_label("Your name")).to_be_focused()
    keys.type("Alice")
    keys.press("Enter")
    alice.pill("Connected")
    alice.page.locator("message-composer textarea").wait_for()
    keys.press("Escape")
    keys.type("typed by hand")
    keys.press("Shift+Enter")
    keys.type("on two lines :tad")
    keys.press("Tab")
    keys.press("Enter")
    bob.sees("typed by hand on two lines 🎉")
    reached = set()
    for _ in range(30):
        keys.press("Tab")
        reached.add(
            alice.page.evaluate(
                """() => {
                  let at = document.activeElement;
                  while (at?.shadowRoot?.activeElement) at = at.shadowRoot.activeElement;
                  return at?.getAttribute("aria-label") ?? at?.className ?? "";
                }"""
            )
        )
    assert {"Open another room", "Settings", "The wire", "Reply to Alice"} <= reached, reached


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [(320, 640), (1280, 800)])
def test_axe_finds_nothing_serious(meet: Meet, scheme: str, size: tuple[int, int]) -> None:
    alice = meet(color_scheme=scheme, viewport={"width": size[0], "height": size[1]})
    bob = meet("Bob")
    found = {"the first screen": violations(alice)}
    alice.page.get_by_label("Your name").fill("Bob")
    alice.page.keyboard.press("Enter")
    expect(alice.page.get_by_role("alert")).to_be_visible()
    found["a name that is taken"] = violations(alice)
    alice.enter("Alice")
    alice.say("see https://example.org and `code`, @Bob")
    bob.sees("see https://example.org")
    bob.say("I am **here**")
    alice.sees("I am here")
    found["a room"] = violations(alice)
    alice.page.locator("connection-pill .pill").click()
    found["the connection"] = violations(alice)
    alice.page.keyboard.press("Escape")
    alice.page.get_by_role("button", name="Emoji").click()
    found["emoji"] = violations(alice)
    alice.page.keyboard.press("Escape")
    alice.page.locator(".message", has_text="I am here").hover()
    alice.page.get_by_role("button", name="Reply to Bob").click()
    found["a reply"] = violations(alice)
    if size[0] < 500:
        alice.page.get_by_role("button", name="Rooms").click()
        alice.page.get_by_role("button", name="Open another room").click()
        alice.page.get_by_label("Name of the room").fill("no room")
        alice.page.keyboard.press("Enter")
        found["the drawer"] = violations(alice)
        alice.page.keyboard.press("Escape")
        alice.page.keyboard.press("Escape")
    alice.page.evaluate("location.href = `#username=Zoe&key=${'k'.repeat(22)}`")
    expect(alice.page.locator("device-import")).to_be_visible()
    found["a key"] = violations(alice)
    alice.page.get_by_role("button", name="No", exact=True).click()
    if size[0] > 1000:
        alice.page.get_by_role("button", name="The wire").click()
        alice.page.locator("wire-panel .frame").first.click()
        found["the wire"] = violations(alice)
        alice.page.get_by_role("button", name="Settings").click()
        found["settings"] = violations(alice)
    assert {place: said for place, said in found.items() if said} == {}


def violations(person: Person) -> list[str]:
    person.page.evaluate(AXE())
    result = person.page.evaluate("() => axe.run(document, { resultTypes: ['violations'] })")
    return [
        f"{one['id']}: {[node['html'][:120] for node in one['nodes']]}"
        for one in result["violations"]
        if one["impact"] in {"serious", "critical"}
    ]


HOSTILE = [
    "<img src=x onerror=alert(1)><script>alert(2)</script>",
    "a" * 4_000,
    "\u202eevil\u202d \u2066isolated",
    "💥" * 300,
    "Z" + "\u0335\u0336\u0337\u0338" * 200,
    "javascript:alert(1) https://example.org/%3Cscript%3E?q=" + "x" * 500,
    "```\n" + "wide " * 200 + "\n```",
    "](http://x) **" + "*" * 300,
]


@pytest.mark.parametrize("width", [320, 1280])
def test_what_is_made_to_break_the_page_stays_text_and_in_its_box(meet: Meet, width: int) -> None:
    name = "W" * 32
    alice = meet("Alice", viewport={"width": width, "height": 700})
    mallory = meet(name)
    for content in HOSTILE:
        mallory.say(content)
    mallory.say("the end")
    alice.sees("the end")
    inside = alice.page.evaluate(
        """() => {
          const list = document.querySelector("causerie-chat").shadowRoot
            .querySelector("message-list").shadowRoot;
          const scroller = list.querySelector(".scroller");
          return {
            images: list.querySelectorAll("img, script, iframe").length,
            messages: list.querySelectorAll(".message").length,
            wide: scroller.scrollWidth - scroller.clientWidth,
            page: document.documentElement.scrollWidth - innerWidth,
            links: [...list.querySelectorAll("a")].map((one) => one.protocol),
          };
        }"""
    )
    assert inside["images"] == 0
    assert inside["messages"] == len(HOSTILE) + 1
    assert inside["wide"] <= 0
    assert inside["page"] <= 0
    assert set(inside["links"]) <= {"https:", "http:"}


def test_the_wire_panel_shows_the_very_frames_and_no_key(meet: Meet) -> None:
    alice = meet("Alice")
    alice.page.get_by_role("button", name="The wire").click()
    expect(alice.page.locator("wire-panel .diagram .lit text")).to_have_text("Connected")
    hello = alice.page.locator("wire-panel .frame.sent", has_text="hello")
    expect(hello.locator("code")).to_contain_text('"key":"•••"')
    alice.say("on the wire")
    frame = alice.page.locator("wire-panel .frame.received", has_text="on the wire")
    frame.click()
    shown = json.loads(alice.page.locator("wire-panel li pre").inner_text())
    assert (shown["type"], shown["content"]) == ("message", "on the wire")
    alice.page.get_by_text("How it began").click()
    # RFC 6455, section 1.3
    expect(alice.page.locator("wire-panel")).to_contain_text("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")


def test_the_key_to_a_name_goes_to_another_device_by_a_link(meet: Meet) -> None:
    alice = meet("Alice")
    alice.say("from the desk")
    alice.sees("from the desk")
    alice.page.get_by_role("button", name="Settings").click()
    alice.page.get_by_role("button", name="Show the key").click()
    link = alice.page.get_by_role("textbox", name="Link with your key").input_value()
    expect(alice.page.get_by_role("img", name="QR code")).to_be_visible()
    phone = meet(address=link[link.index("/#") :])
    phone.page.get_by_role("button", name="Yes, that’s me").click()
    assert "key=" not in phone.page.url
    phone.pill("Connected")
    phone.say("from the phone")
    alice.page.keyboard.press("Escape")
    alice.sees("from the phone")
    expect(alice.page.locator("member-list .name")).to_have_text(["Alice"])


def test_a_name_that_is_taken_is_refused_with_what_to_do(meet: Meet) -> None:
    alice = meet("Alice")
    alice.say("mine")
    alice.sees("mine")
    other = meet()
    other.page.get_by_label("Your name").fill("alice")
    other.page.keyboard.press("Enter")
    expect(other.page.get_by_role("alert")).to_contain_text("taken")
    other.enter("Alicia")


def test_nothing_is_asked_of_any_other_host(meet: Meet, server: ServerProcess) -> None:
    person = meet()
    asked: list[str] = []
    person.page.on("request", lambda request: asked.append(request.url))
    person.page.reload()
    person.enter("Alice")
    person.say("https://example.org :tada:")
    person.sees("https://example.org")
    assert asked
    assert all(url.startswith(server.url) for url in asked)


def test_whoever_wants_less_motion_gets_less(meet: Meet) -> None:
    still, lively = meet("Alice", reduced_motion="reduce"), meet("Bob")
    turn = "(dot) => getComputedStyle(dot).animationDuration"
    quick = "(page) => getComputedStyle(page).getPropertyValue('--quick')"
    assert still.page.locator("causerie-chat").evaluate(quick) == "0ms"
    assert lively.page.locator("causerie-chat").evaluate(quick) == "120ms"
    for person, seconds in ((still, "4s"), (lively, "0.9s")):
        person.page.route_web_socket(re.compile("^ws"), lambda _: None)  # nobody says welcome
        person.page.reload()
        dot = person.page.locator("connection-pill .pill.Connecting .dot")
        assert dot.evaluate(turn) == seconds


def test_javascript_stays_below_60_kilobytes() -> None:
    first, later = scripts()
    names = [one.name.partition("-")[0] for one in (*first, *later)]
    assert {"index", "fr", "wire", "device"} <= set(names), names
    assert first_javascript(first) <= MOST_FIRST
