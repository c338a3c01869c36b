"""What no page can see, in the wire panel: told by the server, in a real Chromium."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, WebSocket, WebSocketRoute, expect
from tests.browser.conftest import Meet, Person
from tests.browser.test_page import violations
from tests.support.server_process import ServerProcess

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    """A server whose pings nobody has to wait for."""
    with ServerProcess(tmp_path / "data", "--rate-limit", "0", "--heartbeat", "1") as server:
        yield server


def open_wire(person: Person, name: str = "The wire") -> Locator:
    """Opens the panel, by the way that the page's width leaves."""
    button = person.page.get_by_role("button", name=name)
    if not button.is_visible():
        person.page.locator("connection-pill .pill").click()
        button = person.page.get_by_role("button", name="See what goes over the wire")
    button.click()
    panel = person.page.locator("wire-panel")
    expect(panel).to_be_visible()
    return panel


def rows(panel: Locator, name: str, direction: str) -> Locator:
    """The frames of a name that went in a direction, the newest first."""
    named = panel.page.locator("b", has_text=re.compile(f"^{name}$"))
    return panel.locator(f".frame.{direction}").filter(has=named)


def press(row: Locator) -> None:
    """Presses on a row. Others may come in above it between the look and the press."""
    row.locator(".seen").hover()
    row.page.mouse.down()
    while not row.evaluate("row => row.matches(':active')"):
        row.page.mouse.up()
        row.locator(".seen").hover()
        row.page.mouse.down()


def header_of(row: Locator, panel: Locator) -> dict[str, str]:
    """Opens a frame, and reads what is shown of its header."""
    row.click()
    header = panel.locator("wire-frame")
    return dict(
        zip(
            header.locator("dt").all_inner_texts(),
            header.locator("dd").all_inner_texts(),
            strict=True,
        )
    )


def test_pings_and_pongs_stand_in_the_list_are_marked_and_can_be_chosen_and_held(
    meet: Meet,
) -> None:
    alice, bob = meet("Alice"), meet("Bob")
    panel, clock = open_wire(alice), open_wire(bob)
    pings, pongs = rows(panel, "0x9 ping", "received"), rows(panel, "0xa pong", "sent")
    expect(pongs.first).to_contain_text("server 6 B")
    expect(pings.first).to_contain_text("server 2 B")
    panel.get_by_label("Type").select_option("0xa pong")
    expect(pings).to_have_count(0)
    expect(pongs.nth(1)).to_be_visible()
    panel.get_by_label("Direction").select_option("received")
    expect(panel.locator(".frame")).to_have_count(0)
    panel.get_by_label("Direction").select_option("both")
    panel.get_by_role("button", name="Pause").click()
    held = pongs.count()
    clock.get_by_role("button", name="Clear").click()
    expect(rows(clock, "0xa pong", "sent").nth(1)).to_be_visible()
    expect(pongs).to_have_count(held)
    panel.get_by_role("button", name="Pause").click()
    expect(pongs.nth(held)).to_be_visible()


def test_a_frame_that_was_sent_opens_to_its_header_and_its_real_masking_key(meet: Meet) -> None:
    alice = meet("Alice")
    panel = open_wire(alice)
    alice.say("x" * 200)
    row = rows(panel, "message", "sent").filter(has=panel.page.locator(".seen"))
    fields = header_of(row, panel)
    length = int(fields["Payload length"].removesuffix(" B"))
    assert length > 200
    assert fields == {
        "FIN": "1",
        "opcode": "0x1 text",
        "MASK": "1",
        "Payload length": f"{length} B",
        "Masking key": fields["Masking key"],
        "Seen by the server at": fields["Seen by the server at"],
        # Two bytes, two more for a length over 125, and four for the key.
        "On the wire": f"{length + 8} B",
    }
    key = bytes.fromhex(fields["Masking key"])
    assert len(key) == 4
    table = panel.locator(".mask wire-mask tr")
    _, plain, mask, sent = ("".join(row.locator("td").all_inner_texts()) for row in table.all())
    assert bytes.fromhex(plain) == b'{"type":"m'
    assert bytes.fromhex(mask) == (key * 3)[:10]
    assert bytes.fromhex(sent) == bytes(
        byte ^ key[at % 4] for at, byte in enumerate(bytes.fromhex(plain))
    )
    lesson = panel.locator("details", has_text="What goes out: the mask")
    lesson.locator("summary").click()
    expect(lesson).to_contain_text("with its real key")


def test_a_row_that_is_pressed_stays_under_the_pointer_until_it_is_released(meet: Meet) -> None:
    alice, bob = meet("Alice"), meet("Bob")
    panel = open_wire(alice)
    alice.say("press here")
    row = rows(panel, "message", "sent")
    press(row)
    for number in range(5):
        bob.say(f"in between {number}")
        alice.sees(f"in between {number}")
    alice.page.mouse.up()
    expect(row.locator("~ pre")).to_contain_text("press here")
    expect(rows(panel, "message", "received").filter(has_text="in between 4")).to_be_visible()


def test_the_servers_close_frame_is_shown_and_what_is_told_goes_on_after_it_is_back(
    meet: Meet, server: ServerProcess
) -> None:
    alice = meet("Alice")
    panel = open_wire(alice)
    expect(rows(panel, "0xa pong", "sent").first).to_be_visible()
    server.stop()
    closed = rows(panel, "0x8 close", "received")
    expect(closed).to_contain_text("1001")
    closed.click()
    expect(panel.locator("wire-frame")).to_contain_text("0x8 close")
    panel.get_by_role("button", name="Clear").click()
    server.start()
    alice.pill("Connected")
    expect(rows(panel, "0xa pong", "sent").first).to_be_visible()
    alice.say("here again")
    expect(rows(panel, "message", "sent").locator(".seen")).to_be_visible()


def test_the_server_tells_while_the_panel_is_open_and_no_longer(meet: Meet) -> None:
    alice = meet()
    received: list[Any] = []

    def opened(socket: WebSocket) -> None:
        socket.on("framereceived", lambda text: received.append(json.loads(text)))

    alice.page.on("websocket", opened)
    alice.enter("Alice")
    alice.say("before")
    alice.sees("before")
    assert not [frame for frame in received if frame["type"] in {"tracing", "traced"}]
    panel = open_wire(alice)
    expect(rows(panel, "0xa pong", "sent").first).to_be_visible()
    # The messages by which the server tells are not among the frames.
    assert [frame for frame in received if frame["type"] == "traced"]
    assert panel.get_by_label("Type").locator("option", has_text="traced").count() == 0
    panel.get_by_role("button", name="Close").click()
    alice.say("after")
    alice.sees("after")
    told = [frame["type"] for frame in received]
    assert told.count("tracing") == 2
    since = len(told) - told[::-1].index("tracing")
    assert "traced" not in told[since:]


def test_a_server_that_does_not_know_how_to_is_said_not_to_tell(meet: Meet) -> None:
    alice = meet()

    def pass_on(route: WebSocketRoute) -> None:
        server = route.connect_to_server()
        route.on_message(
            lambda text: server.send(str(text).replace('"type":"trace"', '"type":"of-tomorrow"'))
        )

    alice.page.route_web_socket("**/ws", pass_on)
    alice.page.reload()
    alice.enter("Alice")
    panel = open_wire(alice)
    unseen = panel.locator("details", has_text="What no page can see")
    unseen.locator("summary").click()
    expect(unseen).to_contain_text("The pings and pongs by which both sides notice")
    expect(unseen).to_contain_text("This server does not tell of them.")
    expect(alice.page.locator("[role=alert]")).to_have_count(0)
    lesson = panel.locator("details", has_text="What goes out: the mask")
    lesson.locator("summary").click()
    expect(lesson).to_contain_text("The example of RFC 6455")
    alice.say("hello")
    row = rows(panel, "message", "sent")
    row.click()
    expect(row.locator("+ pre")).to_contain_text("hello")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [(390, 844), (1280, 800)])
def test_what_is_told_is_reached_by_the_keyboard_and_axe_finds_nothing_serious(
    meet: Meet, scheme: str, size: tuple[int, int]
) -> None:
    alice = meet("Alice", color_scheme=scheme, viewport={"width": size[0], "height": size[1]})
    panel = open_wire(alice)
    for summary in panel.locator("summary").all():
        summary.focus()
        alice.page.keyboard.press("Enter")
    panel.get_by_label("Type").select_option("0xa pong")
    pong = rows(panel, "0xa pong", "sent").last
    pong.focus()
    alice.page.keyboard.press("Enter")
    expect(pong).to_have_attribute("aria-expanded", "true")
    expect(panel.locator("wire-frame")).to_contain_text("0xa pong")
    expect(panel).to_contain_text("the server tells of them")
    assert panel.evaluate("(one) => one.scrollWidth <= one.clientWidth")
    assert violations(alice) == []


def test_it_is_told_in_french(meet: Meet) -> None:
    panel = open_wire(meet("Alice", locale="fr-FR"), "Le fil")
    pong = rows(panel, "0xa pong", "sent").first
    expect(pong).to_contain_text("serveur 6 o")
    pong.click()
    expect(panel.locator("wire-frame")).to_contain_text("Clé de masquage")
